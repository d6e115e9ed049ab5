"""The command of a server of one's own: what it may be, and what it is called."""

import sys
import tempfile
from pathlib import Path
from unittest import TestCase

import pytest

from twistecho.compare.own_command import LONGEST_NAME, OwnCommand, named, parse_command, short_name


class ParseTests(TestCase):
    """From the text to the words."""

    def test_words_are_those_of_a_shell(self) -> None:
        """Quotes hold words together, and mean nothing else."""
        command = parse_command("sh -c 'echo \"$0\" > a; b' {port}")
        assert command == OwnCommand("", ("sh", "-c", 'echo "$0" > a; b', "{port}"))

    def test_the_port_takes_the_place_of_its_token_and_no_other_braces(self) -> None:
        """Wherever it stands, more than once too."""
        command = parse_command(
            "sh {port} --at=:{port},x{port} '{\"a\": {}}' {host} {port:d} ${port}"
        )
        assert command.at(5000) == [
            "sh", "5000", "--at=:5000,x5000", '{"a": {}}', "{host}", "{port:d}", "$5000",
        ]  # fmt: skip

    def test_a_name_comes_before_the_first_equals_sign(self) -> None:
        """Only what can be a name: an option of the command is none."""
        for text, name, words in (
            ("mine=sh {port}", "mine", ("sh", "{port}")),
            ("v1.2-b=sh --port={port}", "v1.2-b", ("sh", "--port={port}")),
            ("sh --port={port}", "", ("sh", "--port={port}")),
        ):
            with self.subTest(text=text):
                assert parse_command(text) == OwnCommand(name, words)

    def test_what_cannot_be_run_is_refused_in_one_line(self) -> None:
        """With what is wrong with it."""
        for text, problem in (
            ("", "there is no command"),
            ("mine=", "there is no command"),
            ("sh server", "'sh server' has no {port}, which stands for the server's port"),
            ("sh {PORT} { port }", "'sh {PORT} { port }' has no {port}, which stands for"),
            ("sh 'a {port}", '"sh \'a {port}": no closing quotation'),
            ("no-such-program-here {port}", "'no-such-program-here': there is no such program"),
            ("./no/such {port}", "'./no/such': there is no such program"),
            ("x" * 5000 + " {port}", f"'{'x' * 80}': there is no such program"),
            ("'' {port}", "'': there is no such program"),
            ("x" * 21 + "=sh {port}", f"the name '{'x' * 21}' is longer than 20 characters"),
        ):
            with self.subTest(text=text), pytest.raises(ValueError) as said:
                parse_command(text)
            assert str(said.value).startswith(problem)

    def test_a_file_that_may_not_be_executed_is_told_from_none(self) -> None:
        """Somebody forgot the interpreter, or chmod."""
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder) / "server.py"
            script.write_text("", encoding="utf-8")
            with pytest.raises(ValueError, match=r"server\.py': may not be executed"):
                parse_command(f"'{script}' {{port}}")

    def test_the_text_of_a_command_reads_back_as_its_words(self) -> None:
        """In one line that no terminal obeys."""
        command = parse_command(f"'{sys.executable}' -c 'a b' {{port}}")
        assert parse_command(command.text) == command
        assert OwnCommand("", ("a\n\x1b[31m", "\udcff")).text == r"'a\n\x1b[31m' '\udcff'"


class NameTests(TestCase):
    """What a column is called."""

    def test_a_command_is_named_after_what_it_runs(self) -> None:
        """The script, the module, or the program: what the user wrote, not what runs it."""
        for words, name in (
            (("python", "my_server.py", "{port}"), "my_server"),
            (("python3.12", "-u", "/a/b/echo.py", "{port}"), "echo"),
            (("/usr/bin/python3", "-m", "my.server", "{port}"), "my.server"),
            (("env", "A=1", "node", "server.js", "{port}"), "server"),
            (("java", "-jar", "target/Echo.jar", "{port}"), "Echo"),
            (("/opt/bin/echod", "-m", "4", "-p", "{port}"), "echod"),
            (("socat", "TCP-LISTEN:{port},fork", "PIPE"), "socat"),
            (("./a server!", "{port}"), "a-server"),
            (("./" + "x" * 50, "{port}"), "x" * LONGEST_NAME),
            (("./!!", "{port}"), "server"),
        ):
            with self.subTest(words=words):
                assert short_name(words) == name

    def test_names_are_unique(self) -> None:
        """Neither another server's nor a design's, whichever comes first."""
        echo, threaded = ("python", "echo.py", "{port}"), ("python", "threaded.py", "{port}")
        asked = [OwnCommand("", echo), OwnCommand("", threaded), OwnCommand("", echo)]
        asked.append(OwnCommand("echo", threaded))
        names = [command.name for command in named(asked, ("threaded",))]
        assert names == ["echo-2", "threaded-2", "echo-3", "echo"]

    def test_a_long_name_stays_within_its_bound(self) -> None:
        """The number takes the place of its end."""
        asked = [OwnCommand("", ("./" + "x" * 50, "{port}"))] * 2
        assert [len(command.name) for command in named(asked, ())] == [LONGEST_NAME] * 2

    def test_a_name_that_is_taken_is_refused(self) -> None:
        """By a design or another server: nobody could tell the columns apart."""
        words = ("sh", "{port}")
        with pytest.raises(ValueError, match="'twisted' is the name of a design"):
            named([OwnCommand("twisted", words)], ("twisted",))
        with pytest.raises(ValueError, match="'a' is the name of another server"):
            named([OwnCommand("a", words), OwnCommand("a", words)], ())
