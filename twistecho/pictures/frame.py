"""The layout of a chart: its legend, its plot, the ticks around the plot. In pixels.

The legend is above the plot, so that it covers nothing. Texts have enough room in any font, so none
overlaps another one, however wide the chart is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from twistecho.base.notation import escaped

from .chart import Chart, Mark
from .sections import Named, names
from .ticks import Room, Tick, shortened, ticks, width_of

SIZE = 12.0
"""The size of all texts but titles and the names of sections."""

SMALL = 10.5
"""The size of the names of sections."""

LINE = 17.0
"""The height of a line of text."""

SWATCH = 24.0
"""The width of a mark's sample in a legend."""

_GAP, _BETWEEN, _MARGIN = 6.0, 14.0, 12.0


@dataclass(frozen=True)
class Entry:
    """A mark in a legend: its place and its text."""

    mark: Mark
    x: float
    y: float
    text: str

    @property
    def text_x(self) -> float:
        """The left end of its text."""
        return self.x + SWATCH + _GAP


def legend_of(marks: Sequence[Mark], width: float) -> list[Entry]:
    """Lay out marks and their labels side by side, in as many lines as needed."""
    found: list[Entry] = []
    x, y = 0.0, LINE - 5
    for mark in {mark.label: mark for mark in marks}.values():
        text = shortened(escaped(mark.label), SIZE, width - SWATCH - _GAP)
        takes = SWATCH + _GAP + width_of(text, SIZE)
        if x and x + takes > width:
            x, y = 0.0, y + LINE
        found.append(Entry(mark, x, y, text))
        x += takes + _BETWEEN
    return found


def height_of(entries: Sequence[Entry]) -> float:
    """Return the height of a legend, with the space below it."""
    return entries[-1].y + 10 if entries else 0.0


@dataclass(frozen=True)
class Frame:
    """The layout of a chart ``wide`` pixels wide; its plot begins at ``from_left`` or later."""

    chart: Chart
    wide: float
    from_left: float = 0.0

    @cached_property
    def legend(self) -> list[Entry]:
        """The legend above the plot."""
        return legend_of(self.chart.named, self.wide)

    @cached_property
    def top(self) -> float:
        """The top of the plot."""
        return height_of(self.legend) + (SMALL if self.chart.sections else SIZE / 2) + 2

    @property
    def height(self) -> float:
        """The height of the plot."""
        return self.chart.height

    @property
    def bottom(self) -> float:
        """The bottom of the plot."""
        return self.top + self.height

    @cached_property
    def y_ticks(self) -> list[Tick]:
        """The ticks at the left."""
        room = Room(self.height, lambda _: SIZE, gap=1.3 * SIZE, beyond=SIZE / 2)
        return ticks(self.chart.y, room)

    @cached_property
    def left(self) -> float:
        """The left edge of the plot."""
        widest = max((width_of(text, SIZE) for _, text in self.y_ticks), default=0.0)
        return max(self.from_left, min(widest + 2 * _GAP, self.wide / 2))

    @property
    def width(self) -> float:
        """The width of the plot."""
        return max(1.0, self.wide - self.left - _MARGIN)

    @property
    def right(self) -> float:
        """The right edge of the plot."""
        return self.left + self.width

    @cached_property
    def x_ticks(self) -> list[Tick]:
        """The ticks below the plot."""
        room = Room(self.width, partial(width_of, size=SIZE), gap=SIZE, beyond=_MARGIN)
        return ticks(self.chart.x, room)

    @property
    def names(self) -> list[Named]:
        """The names of sections, with places relative to the plot's left edge."""
        return names(self.chart.sections, self.chart.x, self.width, SMALL)

    @property
    def tall(self) -> float:
        """The height of the whole chart."""
        return self.bottom + LINE * (2 if self.chart.x.label else 1) + 4

    def x(self, value: float) -> float:
        """Return the place of a value on the lower axis."""
        return self.left + self.width * self.chart.x.place(value)

    def y(self, value: float) -> float:
        """Return the place of a value on the left axis."""
        return self.bottom - self.height * self.chart.y.place(value)
