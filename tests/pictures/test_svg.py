"""Charts as SVG: valid XML without overlaps, for any text."""

from dataclasses import replace
from itertools import combinations, pairwise
from unittest import TestCase
from xml.etree import ElementTree as ET

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.charts import chart, elements, ids, references, texts
from twistecho.pictures.chart import Axis, Boxes, Chart, Line, Look, Picture
from twistecho.pictures.frame import SIZE, Frame
from twistecho.pictures.looks import COLOURS, MARKERS, PATTERNS
from twistecho.pictures.svg import chart_svg, picture_svg
from twistecho.pictures.ticks import width_of

widths = st.floats(160, 2000)
labels = st.text(min_size=1, max_size=60)


def ways(svg: str) -> list[str]:
    """Return the paths that are drawn in the plot."""
    [*groups] = [each for each in elements(svg, "g") if each.get("clip-path")]
    return [path.get("d", "") for group in groups for path in group]


class SvgTests(TestCase):
    """The content of an SVG."""

    @settings(deadline=None)
    @given(labels, labels)
    def test_any_text_is_sound_xml_and_no_markup(self, title: str, label: str) -> None:
        """Titles and labels come from users and peers."""
        made = chart(title=title, label=label)
        plain = {each.tag for each in elements_of(chart())}
        assert {each.tag for each in elements_of(made)} == plain
        picture = picture_svg(Picture(title, (made,), (Line(label, (), Look()),)))
        assert not set(picture) & set(map(chr, (*range(9), 11, 12, *range(14, 32), 0xFFFE)))
        assert elements(picture, "svg")

    def test_markup_in_a_text_is_shown_as_text(self) -> None:
        """As it was written; control characters as Python writes them."""
        shown = texts(chart_svg(chart(label="<b>&\"'\x1b\ud800"), ""))
        assert "<b>&\"'\\x1b\\ud800" in shown

    def test_it_says_what_it_shows_to_those_who_do_not_see_it(self) -> None:
        """A title and a description, which its root refers to."""
        svg = chart_svg(chart(), "a-")
        assert 'role="img" aria-labelledby="a-title a-seen"' in svg
        assert [each.text for each in elements(svg, "title")] == ["Title"]
        assert [each.text for each in elements(svg, "desc")] == ["What it shows. What is seen."]

    def test_ids_are_its_own_and_all_that_is_referred_to_is_there(self) -> None:
        """In a picture of several charts, and on a page, where each has its prefix."""
        page = chart_svg(chart(), "a-") + chart_svg(chart(), "b-")
        for svg in (page, picture_svg(Picture("x", (chart(), chart()), chart().marks))):
            assert len(ids(svg)) == len(set(ids(svg)))
            assert set(references(svg)) <= set(ids(svg))
            assert any(name.endswith("slashes") for name in references(svg))

    def test_colours_are_attributes_that_a_stylesheet_changes_on_dark_paper(self) -> None:
        """Programs that know no stylesheets show the light colours."""
        svg = picture_svg(Picture("x", (chart(),)))
        light, dark = COLOURS["blue"]
        assert f'class="s-blue" stroke="{light}"' in svg
        assert f".s-blue{{stroke:{dark}}}" in svg
        assert "prefers-color-scheme:dark" in svg

    def test_a_gap_breaks_a_line_and_a_point_alone_is_a_dot(self) -> None:
        """A second without a reply interrupts the line; one between two such has a marker."""
        points = ((0.0, 1.0), (1.0, 1.0), (2.0, None), (3.0, 1.0), (4.0, None))
        made = replace(chart(), marks=(Line("x", points, Look("blue")),))
        line, dots = ways(chart_svg(made, ""))
        assert (line.count("M"), line.count("L")) == (1, 1)
        assert dots.count("z") == 1

    def test_markers_are_left_out_where_they_would_hide_the_line(self) -> None:
        """Of more than sixty points."""
        assert len(ways(chart_svg(chart(points=60), ""))) == 6
        made = replace(chart(points=61), marks=chart(points=61).marks[2:3])
        assert len(ways(chart_svg(made, ""))) == 1

    def test_thousands_of_boxes_are_one_path(self) -> None:
        """So the file stays small, and invisible boxes are left out."""
        boxes = tuple((0.0, 5.0, n / 1000, (n + 1) / 1000) for n in range(7000))
        made = replace(chart(), marks=(Boxes("x", boxes, Look("sky")),))
        [way] = ways(chart_svg(made, ""))
        assert 1000 < way.count("z") < 2000

    def test_every_marker_and_pattern_can_be_drawn(self) -> None:
        """All differ."""
        lines = [Line(name, ((1.0, 1.0),), Look(marker=name), joined=False) for name in MARKERS]
        boxes = [Boxes(name, ((0, 1, 0, 1),), Look(pattern=name)) for name in PATTERNS]
        svg = chart_svg(replace(chart(), marks=(*lines, *boxes)), "")
        drawn = ways(svg)
        assert len(set(drawn[: len(lines)])) == len(MARKERS)
        assert len(elements(svg, "pattern")) == len(PATTERNS)

    @settings(deadline=None)
    @given(st.floats(), st.floats(), st.booleans())
    def test_any_numbers_can_be_drawn(self, one: float, other: float, log: bool) -> None:
        """The file contains no inf or nan."""
        high = other if other == other and other > 0 else 1.0  # noqa: PLR0124 - it may be NaN
        made = replace(
            chart(), x=Axis(0.0, high), y=Axis(1e-9, high, log=log),
            marks=(Line("x", ((one, other), (other, one)), Look("blue", marker="circle")),
                   Boxes("y", ((one, other, one, other),), Look("red"))),
        )  # fmt: skip
        svg = chart_svg(made, "")
        assert "nan" not in svg
        assert "inf" not in svg


def elements_of(made: Chart) -> list[ET.Element]:
    """Return all elements of a chart's SVG."""
    return [*elements(chart_svg(made, ""), "svg")[0].iter()]


class FrameTests(TestCase):
    """The layout of a chart."""

    @settings(deadline=None)
    @given(widths, st.lists(labels, max_size=9, unique=True), st.floats(1e-6, 1e9))
    def test_nothing_stands_over_anything(
        self, width: float, names: list[str], high: float
    ) -> None:
        """Ticks below and at the left, and the legend, whose texts have room, at any width."""
        marks = tuple(Line(name, ((0.0, 1.0),), Look()) for name in names)
        frame = Frame(replace(chart(), marks=marks, y=Axis(0.0, high)), width)
        spans = [(frame.x(at), width_of(text, SIZE)) for at, text in frame.x_ticks]
        assert all(a + wide / 2 < b - w / 2 for (a, wide), (b, w) in pairwise(spans))
        assert all(x - wide / 2 >= 0 and x + wide / 2 <= width for x, wide in spans)
        heights = [frame.y(at) for at, _ in frame.y_ticks]
        assert all(one - other >= SIZE for one, other in pairwise(heights))
        entries = [
            (each.x, each.text_x + width_of(each.text, SIZE), each.y) for each in frame.legend
        ]
        assert all(end <= width + 1e-6 for _, end, _ in entries)
        for (begin, end, y), (other, until, line) in combinations(entries, 2):
            assert y != line or end < other or until < begin
        assert all(y < frame.top for _, _, y in entries)

    def test_the_charts_of_a_picture_begin_below_each_other(self) -> None:
        """So that the same time is at the same place in all of them."""
        narrow = replace(chart(), y=Axis(0.0, 1e9))
        svg = picture_svg(Picture("", (chart(), narrow)))
        clips = {each.get("x") for each in elements(svg, "rect") if each.get("x")}
        assert len(clips) == 1
