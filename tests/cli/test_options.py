"""The options that commands share: what their texts become, and what a service is told."""

from unittest import TestCase

import click
import pytest

from twistecho.base.notation import parse_rate
from twistecho.cli.commands import twistecho
from twistecho.cli.options import Parsed, Whole, service_options
from twistecho.fleet.plans.plan import Plan
from twistecho.service.scenario.parsing import parse_delays, parse_fault

RATE = Parsed("rate", parse_rate)


class ParsedTests(TestCase):
    """One type for all that a function reads."""

    def test_a_text_is_read_and_a_value_stays(self) -> None:
        """As click may ask for both."""
        assert RATE.convert("2k", None, None) == 2000
        assert RATE.convert(2000.0, None, None) == 2000

    def test_what_cannot_be_read_is_one_line(self) -> None:
        """The function's own."""
        with pytest.raises(click.BadParameter) as caught:
            RATE.convert("many", None, None)
        assert caught.value.message == "'many' is not a number a second"


class ServiceOptionTests(TestCase):
    """What `check` tells its service, and people."""

    def test_it_is_told_what_was_asked_for(self) -> None:
        """In the same words; a file is not read again, and a seed that is drawn is told."""
        trace = parse_delays("trace:gone", lines_of=lambda _name: ["1"])
        faults = [parse_fault("late:0.5,times=3"), parse_fault("extra:0.1")]
        told, words = service_options(Plan(), trace, "reply", faults, 7)
        assert told == {
            "reply": "stamped",
            "delay": "trace:gone",
            "delay_per": "reply",
            "seed": 7,
            "fault": ["late:0.5,times=3", "extra:0.1"],
        }
        assert words == "faults late:0.5,times=3 extra:0.1, delay trace:gone, seed 7"
        told, words = service_options(Plan(), parse_delays("20ms"), "reply", [], None)
        assert (told["delay"], words) == ("20ms", "")
        assert 0 <= told["seed"] < 2**32


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
