"""A chart as a value: two axes, lines and boxes; drawing it needs no other knowledge of the data.

Every distinction is made twice, by colour and by dashes, markers or patterns, so that a picture is
readable for the colour-blind, and in black and white.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

_FEW = 60  # points: lines with more have no marker on each
_MANY = 60  # boxes: with more, their outlines would hide them
_LARGEST = 1e300  # so that sums and products of drawn values stay finite
_SHORTEST = 1e-9  # share of its ends: on a shorter axis all places would be equal

Point = tuple[float, float | None]
"""A point of a line; without a second value the line has a gap there."""

Box = tuple[float, float, float, float]
"""Left, right, bottom and top, in the axes' own units."""


def number(value: float) -> str:
    """Write a number at a tick: ``2,000``, ``0.5``."""
    return f"{value:,.6g}"


@dataclass(frozen=True)
class Axis:
    """An axis: its two ends, and its ticks.

    ``high`` may be below ``low``: the axis is upside down. Ticks are at round multiples of
    ``unit``, only at whole ones if ``whole``; or at the values ``at``, each with its text, the most
    important ones first. ``grid`` draws lines through the ticks.
    """

    low: float
    high: float
    label: str = ""
    write: Callable[[float], str] = number
    log: bool = False
    whole: bool = False
    unit: float = 1.0
    at: tuple[tuple[float, str], ...] = ()
    grid: bool = True

    def __post_init__(self) -> None:
        """Limit the ends; an axis without length gets one."""
        low, high = (max(-_LARGEST, min(_LARGEST, end)) for end in (self.low, self.high))
        if self.log:
            low, high = max(low, 1 / _LARGEST), max(high, 1 / _LARGEST)
        if abs(high - low) <= max(_SHORTEST * max(abs(low), abs(high)), 1 / _LARGEST):
            high = low * 2 if abs(low) > 1 / _LARGEST else 1.0
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)

    def place(self, value: float) -> float:
        """Return where a value is, from 0 to 1 along the axis; NaN if it has no place."""
        if not self.log:
            return (value - self.low) / (self.high - self.low)
        if value <= 0:
            return math.nan
        return math.log(value / self.low) / math.log(self.high / self.low)


@dataclass(frozen=True)
class Look:
    """How a mark is drawn: the name of its colour, see `looks`, and its other distinctions.

    ``dashes`` are lengths of line and gap in turn; ``marker`` and ``pattern`` are names, too.
    ``width`` is a line's, ``size`` half of a marker's, both in pixels.
    """

    colour: str = "ink"
    dashes: tuple[float, ...] = ()
    width: float = 1.8
    marker: str = ""
    size: float = 3.4
    pattern: str = ""


@dataclass(frozen=True)
class Line:
    """A line through points; only markers if it is not ``joined``.

    If there are many points, only points without neighbours are marked, since no line would show
    them.
    """

    label: str
    points: tuple[Point, ...]
    look: Look
    joined: bool = True

    @property
    def marked(self) -> list[tuple[float, float]]:
        """The points that have a marker."""
        known = [y is not None for _, y in self.points]
        if self.joined and (len(known) > _FEW or not self.look.marker):
            around = zip([False, *known], [*known[1:], False], strict=False)
            alone = [not (before or after) for before, after in around]
            known = [here and lone for here, lone in zip(known, alone, strict=True)]
        pairs = zip(self.points, known, strict=True)
        return [(x, y) for (x, y), kept in pairs if kept and y is not None]


@dataclass(frozen=True)
class Boxes:
    """Rectangles of one kind; they have a thin outline unless there are many or it is off."""

    label: str
    boxes: tuple[Box, ...]
    look: Look
    outline: bool = True

    @property
    def outlined(self) -> bool:
        """Whether each has its outline."""
        return self.outline and len(self.boxes) <= _MANY


Mark = Line | Boxes


@dataclass(frozen=True)
class Section:
    """A part of the lower axis, between thin lines, and named above the plot.

    ``text`` is a short text after the ``name``.
    """

    begin: float
    end: float
    name: str
    text: str


@dataclass(frozen=True)
class Chart:
    """A chart: ``shows`` is its subject in a sentence, ``seen`` its content for screen readers.

    Marks are drawn in their order. ``height`` is that of the plot, in pixels. With ``legend`` the
    chart names its marks itself, except those without a label. ``sections`` follow each other.
    """

    title: str
    shows: str
    seen: str
    x: Axis
    y: Axis
    marks: tuple[Mark, ...]
    height: float = 170.0
    legend: bool = True
    sections: tuple[Section, ...] = ()

    @property
    def named(self) -> list[Mark]:
        """The marks that the chart's own legend names."""
        return [mark for mark in self.marks if mark.label] if self.legend else []


@dataclass(frozen=True)
class Picture:
    """Charts one above the other, below a heading and a ``legend`` of them all."""

    heading: str
    charts: tuple[Chart, ...]
    legend: tuple[Mark, ...] = field(default=())


def wide_range(values: Iterable[float], times: float = 30.0) -> bool:
    """Return whether small values need a logarithmic scale to be seen beside large ones."""
    known = [value for value in values if value > 0]
    return bool(known) and max(known) > times * min(known)


def round_bounds(values: Iterable[float]) -> tuple[float, float]:
    """Return the closest 1, 2 or 5 times a power of ten below and above all values above 0."""
    known = [value for value in values if value > 0] or [1.0]
    return _round(min(known), down=True), _round(max(known), down=False)


def _round(value: float, *, down: bool) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    steps = [factor * power for factor in (1, 2, 5, 10)]
    if down:
        return max((step for step in steps if step <= value * 1.000001), default=power)
    return min((step for step in steps if step >= value * 0.999999), default=10 * power)
