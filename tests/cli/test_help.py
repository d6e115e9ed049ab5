"""What all commands say of their options."""

from unittest import TestCase

import click

from twistecho.cli.commands import twistecho
from twistecho.cli.option_types import Whole
from twistecho.service.process.options import Options


class HelpTests(TestCase):
    """All commands side by side: what is the same is called the same."""

    def setUp(self) -> None:
        """List the options of all commands."""
        context = click.Context(twistecho)
        self.options = [
            (f"{name} {param.opts[-1]}", param, param.get_help_record(context) or ("", ""))
            for name, command in twistecho.commands.items()
            for param in command.params
            if isinstance(param, click.Option)
        ]
        assert len(self.options) > 100

    def test_no_help_names_a_file_that_is_not_installed(self) -> None:
        """The documentation and the README are in the source tree alone."""
        helps = [(name, words) for name, _, (_, words) in self.options]
        helps += [(name, command.help or "") for name, command in twistecho.commands.items()]
        helps += [("twistecho", twistecho.help or ""), ("twist echo", Options().getUsage())]
        for name, words in helps:
            with self.subTest(name):
                assert "README" not in words
                assert "docs/" not in words
                assert ".md" not in words

    def test_an_option_has_one_short_form(self) -> None:
        """Or none, in each command that has it, and no other option of another has that."""
        short: dict[str, set[str]] = {}
        for _, param, _ in self.options:
            [*before, long] = param.opts
            for letter in before:
                short.setdefault(letter, set()).add(long)
        shared = {letter: names for letter, names in short.items() if len(names) > 1}
        assert shared == {}

    def test_a_default_is_told_once_and_set_off(self) -> None:
        """Whether click writes it or we do."""
        for name, _, (_, words) in self.options:
            with self.subTest(name):
                assert words.count("[default:") <= 1
                assert "[default:" not in words or "  [default:" in words

    def test_numbers_are_called_n(self) -> None:
        """And not after a type of Python's."""
        for name, param, (head, _) in self.options:
            with self.subTest(name):
                assert "INTEGER" not in head
                if isinstance(param.type, Whole) and param.metavar is None:
                    assert head.endswith(" N")
