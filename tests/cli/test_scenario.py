"""``twistecho scenario check``: what is in files, and what is wrong with them."""

import json
import tempfile
import unittest
from pathlib import Path

from tests.support.commands import refused, twistecho
from twistecho.service.scenario.document import read_scenario, written


class ScenarioCommandTests(unittest.TestCase):
    """Files of scenarios."""

    def setUp(self) -> None:
        """Have a folder with a good file of each kind, and a bad one."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.toml = self.write(
            "smtp.toml", 'framing = "line"\nbanner = "220 ready\\r\\n"\ndelay = 1'
        )
        self.json = self.write("a.json", '{"faults": ["reset:0.1"], "on": [{"match": "a"}]}')
        self.bad = self.write("bad.toml", '[[on]]\nmatch = "a"\n[[on]]\nmatch = "b"\ndelay = "x"')

    def write(self, name: str, text: str) -> str:
        """Write a file; give its path."""
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def test_each_is_described_in_a_line(self) -> None:
        """With the name of its file."""
        ended = twistecho("scenario", "check", self.toml, self.json)
        assert (ended.code, ended.err) == (0, "")
        assert ended.out.splitlines() == [
            f"{self.toml}: line framing, a banner, 1 s after each message",
            f"{self.json}: 1 answer, no delay, faults reset:0.1, seed 0",
        ]

    def test_as_json_it_is_whole(self) -> None:
        """One line each, which is a scenario's file itself."""
        ended = twistecho("scenario", "check", "--json", self.toml, self.json)
        assert ended.code == 0
        for line, name in zip(ended.out.splitlines(), (self.toml, self.json), strict=True):
            found = read_scenario(json.loads(line))
            again = self.write("again.json", line)
            assert twistecho("scenario", "check", "--json", again).out == line + "\n"
            assert json.loads(line) == written(found)
            assert (found.framing.text == b"line") is (name == self.toml)

    def test_what_is_wrong_is_one_line(self) -> None:
        """With the file and the key."""
        assert refused("scenario", "check", self.bad).startswith(
            f"Error: {self.bad}: on[1].delay: 'x' is not a number of seconds"
        )
        nowhere = str(self.folder / "nowhere\n.toml")
        assert refused("scenario", "check", nowhere).endswith(
            r"nowhere\n.toml: No such file or directory"
        )
        assert "FILE" in refused("scenario", "check")
        assert "no such command 'chek'" in refused("scenario", "chek").lower()

    def test_the_others_are_looked_at_all_the_same(self) -> None:
        """The exit code is that of the wrong ones."""
        ended = twistecho("scenario", "check", self.bad, self.toml, self.bad)
        assert ended.code == 2
        assert len(ended.out.splitlines()) == 1
        assert len(ended.err.splitlines()) == 2

    def test_help_names_the_subcommand(self) -> None:
        """And the command names it."""
        assert "scenario" in twistecho("--help").out
        assert "check" in twistecho("scenario", "--help").out
        assert "--json" in twistecho("scenario", "check", "--help").out
