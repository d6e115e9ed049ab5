"""Charts as SVG, without any library but Python's own.

The known libraries draw few kinds of charts, none with a logarithmic axis whose ticks do not
overlap, and none whose colours follow the paper's; libraries that only write SVG save little code.
Python's ElementTree escapes all text; characters that XML cannot hold are written as Python's
`repr` writes them.

Colours are attributes, which every SVG viewer supports, and also classes, which a stylesheet may
override: see `looks.stylesheet`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import inf, isfinite
from xml.etree import ElementTree as ET

from twistecho.base.notation import escaped

from .chart import Boxes, Chart, Look, Mark, Picture
from .frame import LINE, SIZE, SMALL, SWATCH, Entry, Frame, height_of, legend_of
from .looks import COLOURS, MARKERS, PATTERNS, TILE, stylesheet
from .paths import boxes_path, line_path, marker_path, rectangle, short
from .sections import bounds, look_of
from .ticks import shortened

WIDTH = 430.0
"""The width of a chart on a page, in pixels: it can be read on a phone and beside another one."""

_WIDE = 760.0
_EDGE = 20.0
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"


def chart_svg(chart: Chart, prefix: str, width: float = WIDTH) -> str:
    """Draw a chart for a page, which sets the font, the width and the colours on dark paper.

    ``prefix`` makes its ids differ from those of other charts.
    """
    frame = Frame(chart, width)
    root = _element(None, "svg", viewBox=f"0 0 {short(width)} {short(frame.tall)}", role="img")
    root.set("aria-labelledby", f"{prefix}title {prefix}seen")
    _text_element(root, "title", chart.title, id=f"{prefix}title")
    _text_element(root, "desc", f"{chart.shows} {chart.seen}".strip(), id=f"{prefix}seen")
    _Drawing(root, prefix).chart(frame)
    return ET.tostring(root, encoding="unicode")


def picture_svg(picture: Picture) -> str:
    """Draw charts one above the other as the text of an SVG file."""
    room = _WIDE - 2 * _EDGE
    root = ET.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "font-family": _FONT})
    root.set("role", "img")
    root.set("aria-labelledby", "title seen")
    _text_element(root, "title", picture.heading, id="title")
    seen = " ".join(f"{chart.title}: {chart.seen}" for chart in picture.charts)
    _text_element(root, "desc", seen, id="seen")
    _text_element(root, "style", stylesheet())
    paper = _element(root, "rect", **_fill("paper"), width="100%", height="100%")
    y = _EDGE
    drawing = _Drawing(root, "")
    if picture.heading:
        drawing.text(picture.heading, _EDGE, y + 12, room, size=15.0)
        y += 2 * LINE
    entries = legend_of(picture.legend, room)
    above = drawing.inside(_EDGE, y, "")
    above.define(picture.legend)
    above.legend(entries)
    y += height_of(entries) + LINE / 2
    left = max((Frame(chart, room).left for chart in picture.charts), default=0.0)
    for number, chart in enumerate(picture.charts):
        frame = Frame(chart, room, left)
        drawing.text(chart.title, _EDGE, y + 12, room, size=13.0, weight="bold")
        drawing.inside(_EDGE, y + LINE + 6, f"c{number}-").chart(frame)
        y += LINE + 6 + frame.tall + LINE
    for element in (root, paper):
        element.set("width", short(_WIDE))
        element.set("height", short(y + _EDGE / 2))
    root.set("viewBox", f"0 0 {short(_WIDE)} {short(y + _EDGE / 2)}")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _element(parent: ET.Element | None, tag: str, **attributes: str) -> ET.Element:
    """Make an element; underscores in the names of attributes stand for dashes."""
    named = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
    return ET.Element(tag, named) if parent is None else ET.SubElement(parent, tag, named)


def _text_element(parent: ET.Element, tag: str, text: str, **attributes: str) -> ET.Element:
    element = _element(parent, tag, **attributes)
    element.text = escaped(text)
    return element


def _stroke(name: str, width: float) -> dict[str, str]:
    return {"class_": f"s-{name}", "stroke": COLOURS[name][0], "stroke_width": f"{width:g}"}


def _fill(name: str) -> dict[str, str]:
    return {"class_": f"f-{name}", "fill": COLOURS[name][0]}


class _Drawing:
    """Draws into an element; its new ids begin with ``prefix``."""

    def __init__(self, into: ET.Element, prefix: str) -> None:
        self._into = into
        self._prefix = prefix

    def inside(self, x: float, y: float, prefix: str) -> "_Drawing":
        """Return a drawing whose origin is at this place."""
        place = f"translate({short(x)} {short(y)})"
        return _Drawing(_element(self._into, "g", transform=place), prefix)

    def text(
        self, text: str, x: float, y: float, room: float, *, size: float = SIZE,
        anchor: str = "start", weight: str = "normal", colour: str = "ink",
    ) -> None:  # fmt: skip
        """Write a text; its end is left out if there is no room for it."""
        _text_element(
            self._into, "text", shortened(escaped(text), size, room), **_fill(colour),
            x=short(x), y=short(y), font_size=f"{size:g}", text_anchor=anchor, font_weight=weight,
        )  # fmt: skip

    def define(self, marks: Iterable[Mark]) -> None:
        """Define the patterns of these marks, before they are drawn or named."""
        for name in sorted({mark.look.pattern for mark in marks if mark.look.pattern}):
            tile = _element(self._into, "pattern", id=f"{self._prefix}{name}")
            tile.attrib |= {"width": f"{TILE}", "height": f"{TILE}"}
            tile.set("patternUnits", "userSpaceOnUse")
            path = _element(tile, "path", **_stroke("ink", 0.9), d=PATTERNS[name])
            path.set("fill", "none")

    def legend(self, entries: Sequence[Entry]) -> None:
        """Draw marks and their names side by side."""
        for entry in entries:
            self._swatch(entry)
            self.text(entry.text, entry.text_x, entry.y, inf)

    def _swatch(self, entry: Entry) -> None:
        look, y = entry.mark.look, entry.y - 4
        if isinstance(entry.mark, Boxes):
            corners = (entry.x + 2, entry.x + SWATCH - 2, y + 5, y - 5)
            self._area(rectangle(*corners), look, outline=entry.mark.outline)
            return
        if entry.mark.joined:
            self._way(f"M{short(entry.x)} {short(y)}h{short(SWATCH)}", look)
        if look.marker:
            self._markers([(entry.x + SWATCH / 2, y)], replace(look, size=Look.size))

    def chart(self, frame: Frame) -> None:
        """Draw a chart: shades, the grid, the other marks above it, the texts around them."""
        marks = frame.chart.marks
        self.define([*marks, *frame.chart.named])
        self.legend(frame.legend)
        self._define_clip(frame)
        self._marks(frame, [mark for mark in marks if mark.look.colour == "shade"])
        self._axes(frame)
        self._sections(frame)
        self._marks(frame, [mark for mark in marks if mark.look.colour != "shade"])

    def _define_clip(self, frame: Frame) -> None:
        clip = _element(_element(self._into, "clipPath", id=f"{self._prefix}plot"), "rect")
        places = {
            "x": frame.left - 1, "y": frame.top - 1,
            "width": frame.width + 2, "height": frame.height + 2,
        }  # fmt: skip
        clip.attrib |= {name: short(value) for name, value in places.items()}

    def _marks(self, frame: Frame, marks: Sequence[Mark]) -> None:
        if marks:
            group = _element(self._into, "g", clip_path=f"url(#{self._prefix}plot)")
            inside = _Drawing(group, self._prefix)
            for mark in marks:
                inside.mark(frame, mark)

    def mark(self, frame: Frame, mark: Mark) -> None:
        """Draw a line or boxes."""
        if isinstance(mark, Boxes):
            self._area(boxes_path(frame, mark), mark.look, outline=mark.outlined)
            return
        if mark.joined:
            self._way(line_path(frame, mark), mark.look)
        places = [(frame.x(x), frame.y(y)) for x, y in mark.marked]
        self._markers([place for place in places if all(map(isfinite, place))], mark.look)

    def _axes(self, frame: Frame) -> None:
        for value, text in frame.y_ticks:
            y = frame.y(value)
            if frame.chart.y.grid:
                self._rule(frame.left, y, frame.right, y, "grid")
            self.text(text, frame.left - 6, y + 4, inf, anchor="end", colour="quiet")
        for value, text in frame.x_ticks:
            x = frame.x(value)
            if frame.chart.x.grid:
                self._rule(x, frame.top, x, frame.bottom, "grid")
            self.text(text, x, frame.bottom + 16, inf, anchor="middle", colour="quiet")
        self._rule(frame.left, frame.top, frame.left, frame.bottom, "quiet")
        self._rule(frame.left, frame.bottom, frame.right, frame.bottom, "quiet")
        if label := frame.chart.x.label:
            y = frame.bottom + 16 + LINE
            self.text(label, frame.right, y, frame.right, anchor="end", colour="quiet")

    def _sections(self, frame: Frame) -> None:
        lines = "".join(
            f"M{short(frame.x(value))} {short(frame.top)}V{short(frame.bottom)}"
            for value in bounds(frame.chart.sections, frame.chart.x)
        )
        self._way(lines, look_of(frame.chart.sections))
        for name in frame.names:
            self.text(name.text, frame.left + name.at, frame.top - 3, inf, size=SMALL,
                      colour="quiet")  # fmt: skip

    def _rule(self, x: float, y: float, to_x: float, to_y: float, colour: str) -> None:
        way = f"M{short(x)} {short(y)}L{short(to_x)} {short(to_y)}"
        _element(self._into, "path", **_stroke(colour, 1), d=way)

    def _way(self, way: str, look: Look) -> None:
        if not way:
            return
        path = _element(self._into, "path", **_stroke(look.colour, look.width), d=way)
        path.attrib |= {"fill": "none", "stroke-linejoin": "round"}
        if look.dashes:
            path.set("stroke-dasharray", " ".join(f"{each:g}" for each in look.dashes))

    def _markers(self, places: Sequence[tuple[float, float]], look: Look) -> None:
        """Draw all markers of a line as one path; without a shape of its own, as dots."""
        if not places:
            return
        shape = MARKERS[look.marker or "circle"]
        size = look.size if look.marker else look.width
        way = "".join(marker_path(shape, size, place) for place in places)
        path = _element(self._into, "path", **_stroke(look.colour, 1.4), d=way)
        path.set("fill", "none")
        if len(shape) == 1 and len(shape[0]) > 2:
            filling = "paper" if look.marker else look.colour
            path.set("fill", COLOURS[filling][0])
            path.set("class", f"s-{look.colour} f-{filling}")

    def _area(self, way: str, look: Look, *, outline: bool) -> None:
        if not way:
            return
        area = _element(self._into, "path", **_fill(look.colour), d=way)
        if outline:
            area.attrib |= {"stroke": COLOURS["ink"][0], "stroke-width": "0.5"}
            area.set("class", f"f-{look.colour} s-ink")
        if look.pattern:
            _element(self._into, "path", fill=f"url(#{self._prefix}{look.pattern})", d=way)
