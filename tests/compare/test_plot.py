"""Pictures: drawn, repeatable, and refused before the measuring where they cannot be."""

import sys
import tempfile
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from unittest import TestCase, skipIf
from unittest.mock import patch

import pytest

from tests.support.samples import broken, comparison, staircase, wall
from twistecho.compare import plot
from twistecho.compare.plot import draw, growth
from twistecho.fleet.output.canvas import problem_with

_MAGIC = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}


class ProblemTests(TestCase):
    """What can be known before anything is measured."""

    def test_an_unknown_suffix_is_named(self) -> None:
        """The suffixes that would do are listed."""
        assert "none of .png, .svg, .pdf" in (problem_with("x.gif") or "")

    def test_a_missing_directory_is_named(self) -> None:
        """A typing error must not cost the measurement."""
        assert "not a directory" in (problem_with("/nowhere/at/all/x.png") or "")

    def test_missing_matplotlib_is_one_line_that_says_what_to_install(self) -> None:
        """The extra is named."""
        with patch("twistecho.fleet.output.canvas.find_spec", return_value=None):
            assert problem_with("x.png") == "needs matplotlib: pip install 'twistecho[plot]'"

    def test_importing_the_room_does_not_import_matplotlib(self) -> None:
        """It takes a second, and most runs draw nothing."""
        source = Path(sys.modules[draw.__module__].__file__ or "").read_text(encoding="utf-8")
        heads = [line for line in source.splitlines() if line.startswith(("import", "from"))]
        assert not [line for line in heads if "matplotlib" in line]


@skipIf(find_spec("matplotlib") is None, "matplotlib is not installed")
class DrawTests(TestCase):
    """Pictures themselves."""

    def setUp(self) -> None:
        """Make a directory that goes with the test."""
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)

    def test_timelines_are_drawn_in_every_kind_of_file(self) -> None:
        """The suffix chooses."""
        for suffix, magic in _MAGIC.items():
            path = self.directory / f"x{suffix}"
            draw(comparison(staircase(), wall(), broken()), str(path))
            assert path.read_bytes().startswith(magic), suffix

    def test_growth_is_drawn_for_several_numbers_of_clients(self) -> None:
        """Three panels over the number of clients, with a line a design."""
        path = self.directory / "growth.svg"
        draw(comparison(staircase(20), wall(20), staircase(40), wall(40)), str(path))
        text = path.read_text(encoding="utf-8")
        for said in ("makespan, seconds", "memory at most, MiB", "not answered, %", "threaded"):
            assert (f"<!-- {said}" if said == "threaded" else said) in text

    def test_no_two_of_eight_servers_are_drawn_alike(self) -> None:
        """The five designs and three of one's own: by colour, by marker, and by dashes."""
        runs = [replace(wall(size), design=f"s{n}") for size in (20, 40) for n in range(8)]
        lines = growth(comparison(*runs)).axes[0].get_lines()
        assert [line.get_label() for line in lines] == [f"s{n}" for n in range(8)]
        for looks in (
            {line.get_color() for line in lines},
            {line.get_marker() for line in lines},
            {str(style["linestyle"]) for style in plot._LINES},
        ):
            assert len(looks) == 8, looks

    def test_the_same_comparison_gives_the_same_file(self) -> None:
        """Pictures can be kept under version control."""
        paths = [self.directory / "one.svg", self.directory / "two.svg"]
        for path in paths:
            draw(comparison(staircase(), broken()), str(path))
        assert paths[0].read_bytes() == paths[1].read_bytes()

    def test_two_thousand_clients_can_be_drawn(self) -> None:
        """As areas: a bar a client would be too thin to be seen."""
        path = self.directory / "many.svg"
        draw(comparison(staircase(2000, 0.01)), str(path))
        assert path.read_text(encoding="utf-8").count("<path") < 1000

    def test_a_name_of_any_characters_is_drawn_without_a_word(self) -> None:
        """Which may be those that no font has: warnings would be errors here."""
        draw(comparison(replace(wall(), design="\a\u9875")), str(self.directory / "x.png"))

    def test_a_file_that_cannot_be_written_raises_oserror(self) -> None:
        """The command turns it into one line."""
        with pytest.raises(FileNotFoundError):
            draw(comparison(wall()), str(self.directory / "gone" / "x.png"))
