"""Sections of an axis: their lines, and the names that fit."""

from dataclasses import replace
from importlib.util import find_spec
from itertools import accumulate, pairwise
from unittest import TestCase, skipIf

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.charts import chart, elements, texts
from twistecho.pictures.chart import Axis, Chart, Picture, Section
from twistecho.pictures.frame import SMALL, Frame
from twistecho.pictures.matplotlib_figure import figure_of
from twistecho.pictures.sections import GAP, bounds, names
from twistecho.pictures.svg import chart_svg
from twistecho.pictures.ticks import width_of

lengths = st.lists(st.floats(0.01, 100), min_size=1, max_size=100)


def sections(*lengths: float, begin: float = 0.0) -> tuple[Section, ...]:
    """Make sections of these lengths, which follow each other."""
    ends = accumulate(lengths, initial=begin)
    return tuple(
        Section(low, high, str(number), "100..2k")
        for number, (low, high) in enumerate(pairwise(ends), 1)
    )


def sectioned(*lengths: float) -> Chart:
    """Make a chart of five seconds with such sections."""
    return replace(chart(), sections=sections(*lengths))


def lines(made: Chart) -> list[str]:
    """Return the paths of the lines between sections."""
    found = [path.get("d", "") for path in elements(chart_svg(made, ""), "path")]
    return [way for way in found if way.count("V") and "z" not in way]


class NameTests(TestCase):
    """Which names are written, and where."""

    @settings(deadline=None)
    @given(lengths, st.floats(0, 50), st.floats(100, 800))
    def test_none_is_over_another_one_or_beyond_the_axis(
        self, each: list[float], begin: float, room: float
    ) -> None:
        """For any number of sections; each text begins after the line of its section."""
        made = sections(*each, begin=begin)
        axis = Axis(0.0, begin + sum(each) * 0.9)
        found = names(made, axis, room, SMALL)
        ends = [name.at + width_of(name.text, SMALL) for name in found]
        assert all(end < later.at for end, later in zip(ends, found[1:], strict=False))
        assert all(end <= room for end in ends)
        begins = {section.name: axis.place(section.begin) * room for section in made}
        for name in found:
            assert abs(name.at - GAP - begins[name.text.partition(":")[0]]) < 1e-6

    def test_what_it_stands_for_is_written_where_there_is_room(self) -> None:
        """Otherwise only the number, and for very short ones nothing."""
        made = sections(5.0, 0.3, 0.05, 0.05, 4.6)
        found = [name.text for name in names(made, Axis(0.0, 10.0), 400.0, SMALL)]
        assert found == ["1: 100..2k", "2", "5: 100..2k"]

    def test_of_many_every_so_many_is_written(self) -> None:
        """As far as there is room."""
        found = [name.text for name in names(sections(*[1.0] * 30), Axis(0, 30), 380.0, SMALL)]
        assert 10 <= len(found) <= 20
        assert found[0] == "1"

    def test_a_line_is_where_sections_meet(self) -> None:
        """None at the ends of the axis, where there is one already, or beyond it."""
        axis = Axis(0.0, 5.0)
        assert bounds(sections(1, 2, 1), axis) == [1.0, 3.0, 4.0]
        assert bounds(sections(2, 3), axis) == [2.0]
        assert bounds(sections(1, 9, 1), axis) == [1.0]
        assert bounds(sections(1, 9, begin=1.0), axis) == [1.0, 2.0]


class DrawnTests(TestCase):
    """Sections in a chart."""

    def test_they_are_in_the_svg(self) -> None:
        """Lines from the top to the bottom of the plot, and names above it, below the legend."""
        made = sectioned(2.0, 3.0)
        frame = Frame(made, 430.0)
        [line] = lines(made)
        x = f"{frame.x(2.0):.1f}".removesuffix(".0")
        assert line.startswith(f"M{x} ")
        assert {"1: 100..2k", "2: 100..2k"} <= set(texts(chart_svg(made, "")))
        above = [each for each in elements(chart_svg(made, ""), "text")
                 if (each.text or "").endswith("2k")]  # fmt: skip
        for each in above:
            y = float(each.get("y", ""))
            assert max(entry.y for entry in frame.legend) + 3 < y - SMALL * 0.75
            assert y < frame.top
        assert lines(chart()) == []

    def test_all_lines_are_drawn_though_not_all_names_are(self) -> None:
        """Of a hundred sections, faintly."""
        made = sectioned(*[0.05] * 100)
        [line] = lines(made)
        assert line.count("M") == 99
        assert len(Frame(made, 430.0).names) < 50
        assert "stroke-dasharray" in chart_svg(replace(sectioned(2.0, 3.0), marks=()), "")
        assert "stroke-dasharray" not in chart_svg(replace(made, marks=()), "")

    @skipIf(find_spec("matplotlib") is None, "matplotlib is not installed")
    def test_they_are_in_matplotlib_s_figure(self) -> None:
        """The same lines and names."""
        figure = figure_of(Picture("", (sectioned(1.0, 2.0, 2.0), chart())))
        panel, plain = figure.axes
        assert [text.get_text() for text in panel.texts] == [
            f"{number}: 100..2k" for number in (1, 2, 3)
        ]
        extents = [line.get_path().get_extents() for line in panel.lines]
        assert [each.x0 for each in extents if each.x0 == each.x1] == [1.0, 3.0]
        assert (len(plain.texts), len(panel.lines)) == (0, len(plain.lines) + 2)
