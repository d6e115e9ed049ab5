"""Pictures in files: SVG without matplotlib, the same words in all kinds."""

import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from unittest import TestCase, skipIf
from unittest.mock import patch

import pytest

from tests.support.charts import chart, texts
from twistecho.pictures.chart import Picture
from twistecho.pictures.files import SUFFIXES, problem_with, save
from twistecho.pictures.looks import MARKERS, PATTERNS
from twistecho.pictures.matplotlib_figure import _MARKERS, _PATTERNS, figure_of
from twistecho.pictures.svg import picture_svg

_MAGIC = {".svg": b"<?xml", ".png": b"\x89PNG", ".pdf": b"%PDF"}
PICTURE = Picture("Heading", (chart(), chart(title="Other")), chart().marks)


class ProblemTests(TestCase):
    """Problems that are found before a measurement."""

    def test_an_unknown_suffix_is_named(self) -> None:
        """The possible suffixes are listed."""
        assert "none of .svg, .png, .pdf" in (problem_with("x.gif") or "")

    def test_a_missing_directory_is_named(self) -> None:
        """A typing error must not cost the measurement."""
        assert "not a directory" in (problem_with("/nowhere/at/all/x.svg") or "")

    def test_without_matplotlib_only_svg_is_drawn(self) -> None:
        """For others the line names the package to install, and the alternative."""
        with patch("twistecho.pictures.files.find_spec", return_value=None):
            assert problem_with("x.svg") is None
            for suffix in (".png", ".pdf"):
                assert problem_with(f"x{suffix}") == (
                    f"a {suffix} file needs matplotlib: pip install 'twistecho[plot]', "
                    "or draw an .svg"
                )


class SaveTests(TestCase):
    """Files themselves."""

    def setUp(self) -> None:
        """Make a directory that is deleted after the test."""
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)

    def test_svg_needs_no_matplotlib(self) -> None:
        """Checked in a new process: none of its modules is loaded."""
        path = self.directory / "x.svg"
        code = (
            "import sys; from tests.pictures.test_files import PICTURE, save; "
            "assert 'matplotlib' not in sys.modules; save(PICTURE, sys.argv[1]); "
            "assert 'matplotlib' not in sys.modules"
        )
        subprocess.run([sys.executable, "-c", code, str(path)], timeout=60, check=True)
        assert path.read_text(encoding="utf-8") == picture_svg(PICTURE)

    def test_a_file_that_cannot_be_written_raises_oserror(self) -> None:
        """The command turns it into one line."""
        with pytest.raises(FileNotFoundError):
            save(PICTURE, str(self.directory / "gone" / "x.svg"))

    @skipIf(find_spec("matplotlib") is None, "matplotlib is not installed")
    def test_the_suffix_chooses_and_the_same_picture_gives_the_same_file(self) -> None:
        """So pictures can be kept under version control; also one without charts."""
        for picture in (PICTURE, Picture("Nothing to draw", ())):
            for suffix in SUFFIXES:
                paths = [self.directory / f"{name}{suffix}" for name in ("one", "two")]
                for path in paths:
                    save(picture, str(path))
                assert paths[0].read_bytes() == paths[1].read_bytes()
                assert paths[0].read_bytes().startswith(_MAGIC[suffix]), suffix


@skipIf(find_spec("matplotlib") is None, "matplotlib is not installed")
class FigureTests(TestCase):
    """The pictures that matplotlib draws."""

    def test_it_has_the_words_of_the_svg(self) -> None:
        """Headings, titles, legends and labels; ticks may be more, where there is more room."""
        figure = figure_of(PICTURE)
        found = {figure.get_suptitle()}
        for panel in figure.axes:
            found |= {panel.get_title(loc="left"), panel.get_xlabel()}
            found |= {text.get_text() for text in panel.get_xticklabels()}
            found |= {text.get_text() for text in panel.get_yticklabels()}
        found |= {text.get_text() for legend in figure.legends for text in legend.get_texts()}
        assert set(texts(picture_svg(PICTURE))) <= found

    def test_every_marker_and_pattern_has_one_of_its_own(self) -> None:
        """No two are alike."""
        assert _MARKERS.keys() == MARKERS.keys()
        assert _PATTERNS.keys() - {""} == PATTERNS.keys()
        assert len(set(_MARKERS.values())) == len(MARKERS)
