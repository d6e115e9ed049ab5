"""Charts as PNG and PDF, by matplotlib: an extra, which is imported when a picture is drawn.

The ticks are those of `ticks`, so that the figure has the same words as the SVG.
"""

import warnings
from functools import partial
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .chart import Axis, Boxes, Chart, Line, Look, Mark, Picture
from .frame import SIZE, SMALL
from .looks import COLOURS
from .sections import bounds, look_of, names
from .ticks import Room, ticks, width_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK = COLOURS["ink"][0]
_POINTS = 72.0
_WIDE = 8.0  # inches
_AROUND = 75.0  # points: a chart's height without its plot
_BESIDE = 80.0  # points: a chart's width without its plot
_PLOT = _WIDE * _POINTS - _BESIDE  # points: the least width of a plot
_NAMES = 10.0  # points: the height of the names of sections
_SCALE = 9.0 / SIZE  # points per pixel in SVG
_MARKERS = {
    "circle": "o", "square": "s", "triangle": "^", "down": "v", "diamond": "D", "plus": "+",
    "cross": "x", "star": "*", "bar": "|",
}  # fmt: skip
_PATTERNS = {
    "": "", "slashes": "////", "dots": "....", "crosses": "xxxx", "rows": "----", "lattice": "++++",
}  # fmt: skip
# Equal values give equal bytes, so that pictures can be kept under version control.
_SETTINGS: Any = {
    "font.size": 9.0, "hatch.linewidth": 0.6, "hatch.color": _INK, "text.color": _INK,
    "axes.edgecolor": _INK, "axes.labelcolor": _INK, "xtick.color": _INK, "ytick.color": _INK,
    "text.parse_math": False, "lines.scale_dashes": False,
}  # fmt: skip
_UNDATED: dict[str, Any] = {".png": None, ".pdf": {"CreationDate": None}}


def save_figure(picture: Picture, path: str) -> None:
    """Draw a picture into a PNG or PDF file. Raises OSError if it cannot be written.

    A character that the font lacks is drawn as a box, without a warning.
    """
    import matplotlib as mpl  # noqa: PLC0415 - see the module's docstring

    with mpl.rc_context(_SETTINGS), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph ", category=UserWarning)
        metadata = _UNDATED[Path(path).suffix.lower()]
        figure_of(picture).savefig(path, dpi=150, metadata=metadata)


def figure_of(picture: Picture) -> "Figure":
    """Draw a picture as a figure that uses no display and no global state."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - see the module's docstring

    heights = [_height_of(chart) for chart in picture.charts]
    figure = Figure(figsize=(_WIDE, (sum(heights) + 60.0) / _POINTS), layout="constrained")
    if heights:
        panels = figure.subplots(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
        for panel, chart in zip(panels, picture.charts, strict=True):
            _draw(panel, chart)
    if picture.heading:
        figure.suptitle(picture.heading, x=0.02, ha="left", fontsize=11)
    if picture.legend:
        named = {mark.label: _handle(mark) for mark in picture.legend}
        figure.legend(list(named.values()), list(named), loc="outside lower center", ncols=3,
                      frameon=False)  # fmt: skip
    return figure


def _height_of(chart: Chart) -> float:
    return chart.height * _SCALE + _AROUND + (_NAMES if chart.sections else 0.0)


def _draw(panel: "Axes", chart: Chart) -> None:
    above = _NAMES if chart.sections else 0.0
    panel.set_title(chart.title, loc="left", fontsize=9.5, fontweight="bold", pad=6.0 + above)
    for order, mark in enumerate(chart.marks):
        # Marks are above the grid, which is at 1, in their order; the shade is below it.
        zorder = 0.5 if mark.look.colour == "shade" else 2 + order / 100
        if isinstance(mark, Boxes):
            _draw_boxes(panel, mark, zorder)
        else:
            _draw_line(panel, mark, zorder)
    _set_axes(panel, chart)
    _draw_sections(panel, chart)
    named = {mark.label: _handle(mark) for mark in chart.named}
    if named:
        top = 1.0 + above / (chart.height * _SCALE)
        place: Any = {"loc": "lower right", "bbox_to_anchor": (1.0, top), "borderaxespad": 0.2}
        panel.legend(list(named.values()), list(named), frameon=False, fontsize="small", ncols=4,
                     **place)  # fmt: skip


def _draw_sections(panel: "Axes", chart: Chart) -> None:
    """Draw the lines between sections below all marks, and the names that fit above the plot."""
    look, size = look_of(chart.sections), SMALL * _SCALE
    for value in bounds(chart.sections, chart.x):
        panel.axvline(value, zorder=1.5, **_of_line(look, joined=True))
    for name in names(chart.sections, chart.x, _PLOT, size):
        panel.annotate(name.text, (name.at / _PLOT, 1.0), xycoords="axes fraction",
                       xytext=(0.0, 2.0), textcoords="offset points", fontsize=size,
                       color=COLOURS["quiet"][0])  # fmt: skip


def _set_axes(panel: "Axes", chart: Chart) -> None:
    size = SIZE * _SCALE
    for axis, which in ((chart.x, panel.xaxis), (chart.y, panel.yaxis)):
        if axis.log:
            (panel.set_xscale if which is panel.xaxis else panel.set_yscale)("log")
    panel.set_xlim(chart.x.low, chart.x.high)
    panel.set_ylim(chart.y.low, chart.y.high)
    panel.minorticks_off()
    found = ticks(chart.x, Room(_PLOT, partial(width_of, size=size), gap=size, beyond=20.0))
    panel.set_xticks([value for value, _ in found], [text for _, text in found])
    tall = chart.height * _SCALE
    found = ticks(chart.y, Room(tall, lambda _: size, gap=1.3 * size, beyond=size))
    panel.set_yticks([value for value, _ in found], [text for _, text in found])
    panel.set_xlabel(chart.x.label)
    _set_grid(panel, chart.x, "x")
    _set_grid(panel, chart.y, "y")
    panel.spines[["top", "right"]].set_visible(False)


def _set_grid(panel: "Axes", axis: Axis, which: Any) -> None:
    panel.set_axisbelow(True)
    if axis.grid:
        panel.grid(axis=which, color=COLOURS["grid"][0], linewidth=0.6)


def _of_line(look: Look, *, joined: bool) -> dict[str, Any]:
    dashes = (0, look.dashes) if look.dashes and joined else "-" if joined else ""
    return {"color": COLOURS[look.colour][0], "linestyle": dashes, "linewidth": look.width * 0.9}


def _of_marker(look: Look) -> dict[str, Any]:
    """Return the style of a marker; without a shape of its own it is a dot."""
    shape = _MARKERS.get(look.marker, ".")
    size = 2 * (look.size if look.marker else look.width) * _SCALE
    return {"marker": shape, "markersize": size, "markerfacecolor": COLOURS["paper"][0]}


def _draw_line(panel: "Axes", line: Line, zorder: float) -> None:
    if line.joined:
        heights = [nan if y is None else y for _, y in line.points]
        panel.plot([x for x, _ in line.points], heights, zorder=zorder,
                   **_of_line(line.look, joined=True))  # fmt: skip
    marked = line.marked
    if marked:
        panel.plot([x for x, _ in marked], [y for _, y in marked], zorder=zorder,
                   **_of_line(line.look, joined=False), **_of_marker(line.look))  # fmt: skip


def _of_boxes(boxes: Boxes, *, outlined: bool) -> dict[str, Any]:
    look = boxes.look
    return {
        "facecolor": COLOURS[look.colour][0],
        "hatch": _PATTERNS[look.pattern],
        "linewidth": 0.5 if outlined else 0.0,
        "edgecolor": _INK,
    }


def _draw_boxes(panel: "Axes", boxes: Boxes, zorder: float) -> None:
    """Draw all boxes as one path: thousands of patches would take half a minute."""
    from matplotlib.patches import PathPatch  # noqa: PLC0415 - see the module's docstring
    from matplotlib.path import Path as Way  # noqa: PLC0415 - see the module's docstring

    corners = [
        corner
        for left, right, bottom, top in boxes.boxes
        for corner in ((left, bottom), (right, bottom), (right, top), (left, top), (left, bottom))
        if left != right and bottom != top
    ]
    if corners:
        one = [Way.MOVETO, Way.LINETO, Way.LINETO, Way.LINETO, Way.CLOSEPOLY]
        way = Way(corners, one * (len(corners) // len(one)))
        panel.add_patch(PathPatch(way, zorder=zorder, **_of_boxes(boxes, outlined=boxes.outlined)))


def _handle(mark: Mark) -> Any:
    """Return the sample of a mark for a legend."""
    from matplotlib.lines import Line2D  # noqa: PLC0415 - see the module's docstring
    from matplotlib.patches import Patch  # noqa: PLC0415 - see the module's docstring

    if isinstance(mark, Boxes):
        return Patch(**_of_boxes(mark, outlined=mark.outline))
    marker = _of_marker(mark.look) if mark.look.marker else {}
    return Line2D([], [], **_of_line(mark.look, joined=mark.joined), **marker)
