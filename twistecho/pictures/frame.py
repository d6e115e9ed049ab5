"""Where the parts of a chart stand: its legend, its plot, the ticks around that. In pixels.

The legend is above the plot, so that it covers nothing. As much room is left for texts as they take
in any font, so none reaches into another one, however wide the chart is.
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
"""The width of what a legend shows of a mark."""

_GAP, _BETWEEN, _MARGIN = 6.0, 14.0, 12.0


@dataclass(frozen=True)
class Entry:
    """A mark in a legend: where it stands, and its text."""

    mark: Mark
    x: float
    y: float
    text: str

    @property
    def text_x(self) -> float:
        """Where its text begins."""
        return self.x + SWATCH + _GAP


def legend_of(marks: Sequence[Mark], width: float) -> list[Entry]:
    """Put marks and their labels beside each other, in as many lines as they take."""
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
    """Give the height of a legend, with the space below it."""
    return entries[-1].y + 10 if entries else 0.0


@dataclass(frozen=True)
class Frame:
    """The places of a chart so many pixels wide; its plot begins at ``from_left`` or later."""

    chart: Chart
    wide: float
    from_left: float = 0.0

    @cached_property
    def legend(self) -> list[Entry]:
        """What stands above the plot."""
        return legend_of(self.chart.named, self.wide)

    @cached_property
    def top(self) -> float:
        """Where the plot begins, from above."""
        return height_of(self.legend) + (SMALL if self.chart.sections else SIZE / 2) + 2

    @property
    def height(self) -> float:
        """The height of the plot."""
        return self.chart.height

    @property
    def bottom(self) -> float:
        """Where the plot ends, from above."""
        return self.top + self.height

    @cached_property
    def y_ticks(self) -> list[Tick]:
        """The ticks at its left."""
        room = Room(self.height, lambda _: SIZE, gap=1.3 * SIZE, beyond=SIZE / 2)
        return ticks(self.chart.y, room)

    @cached_property
    def left(self) -> float:
        """Where the plot begins, from the left."""
        widest = max((width_of(text, SIZE) for _, text in self.y_ticks), default=0.0)
        return max(self.from_left, min(widest + 2 * _GAP, self.wide / 2))

    @property
    def width(self) -> float:
        """The width of the plot."""
        return max(1.0, self.wide - self.left - _MARGIN)

    @property
    def right(self) -> float:
        """Where the plot ends, from the left."""
        return self.left + self.width

    @cached_property
    def x_ticks(self) -> list[Tick]:
        """The ticks below it."""
        room = Room(self.width, partial(width_of, size=SIZE), gap=SIZE, beyond=_MARGIN)
        return ticks(self.chart.x, room)

    @property
    def names(self) -> list[Named]:
        """The names of sections, placed from where the plot begins."""
        return names(self.chart.sections, self.chart.x, self.width, SMALL)

    @property
    def tall(self) -> float:
        """The height of all of it."""
        return self.bottom + LINE * (2 if self.chart.x.label else 1) + 4

    def x(self, value: float) -> float:
        """Say where a value is on the axis below."""
        return self.left + self.width * self.chart.x.place(value)

    def y(self, value: float) -> float:
        """Say where a value is on the axis at the left."""
        return self.bottom - self.height * self.chart.y.place(value)
