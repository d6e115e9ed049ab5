"""The ticks of an axis: as many as there is room for, without overlaps.

The width of a text depends on the reader's font: `width_of` assumes a wide one, so that no text is
wider.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from unicodedata import east_asian_width

from .chart import Axis

Tick = tuple[float, str]
"""A value and its text."""

_FACTORS = (1, 2, 5)
_MOST = 60  # ticks that are tried on one axis
_WIDE = frozenset("mwMWQO@%—…")


def width_of(text: str, size: float) -> float:
    """Return the greatest width of a text in a font of ``size`` pixels, in pixels."""
    return size * sum(_width_of(each) for each in text)


def _width_of(character: str) -> float:
    if east_asian_width(character) in "WF" or character in _WIDE:
        return 1.02
    return 0.36 if character in " .,:;'|!il" else 0.68


def shortened(text: str, size: float, room: float) -> str:
    """Return as much of a text as there is room for, with dots at its end if it is cut."""
    if width_of(text, size) <= room:
        return text
    kept, left = 0, room - width_of("…", size)
    while kept < len(text) and (left := left - width_of(text[kept], size)) >= 0:
        kept += 1
    return text[:kept] + "…"


@dataclass(frozen=True)
class Room:
    """The room for ticks along an axis, in pixels.

    ``size_of`` returns how much of the ``length`` a text takes; at least ``gap`` is left between
    two texts, and no text extends more than ``beyond`` beyond the axis.
    """

    length: float
    size_of: Callable[[str], float]
    gap: float
    beyond: float


def ticks(axis: Axis, room: Room) -> list[Tick]:
    """Return the ticks of an axis that fit, in the order of their values."""
    chosen: list[Tick] = []
    sets = [axis.at] if axis.at else _written(axis, room)
    for each in sets:
        found = [tick for tick in each if _is_inside(axis, tick, room)]
        chosen = _fitting(axis, found, room)
        if chosen and len(chosen) == len(found):
            break
    return sorted(chosen)


def _written(axis: Axis, room: Room) -> Iterator[list[Tick]]:
    for values in _values(axis, room.length):
        yield [(value, axis.write(value)) for value in values]


def _span(axis: Axis, tick: Tick, room: Room) -> tuple[float, float]:
    """Return where a tick's text begins and ends, in pixels from the axis's beginning."""
    value, text = tick
    at, half = axis.place(value) * room.length, room.size_of(text) / 2
    return at - half, at + half


def _is_inside(axis: Axis, tick: Tick, room: Room) -> bool:
    begin, end = _span(axis, tick, room)
    return -room.beyond <= begin and end <= room.length + room.beyond


def _fitting(axis: Axis, found: Iterable[Tick], room: Room) -> list[Tick]:
    """Keep each tick that still fits, in their order."""
    chosen: list[Tick] = []
    taken: list[tuple[float, float]] = []
    for tick in found:
        begin, end = _span(axis, tick, room)
        if all(end + room.gap <= low or high + room.gap <= begin for low, high in taken):
            taken.append((begin, end))
            chosen.append(tick)
    return chosen


def _values(axis: Axis, length: float) -> Iterator[list[float]]:
    """Yield sets of round values, each with fewer values than the one before."""
    low, high = sorted((axis.low, axis.high))
    for values in _logarithmic(low, high) if axis.log else _linear(axis, low, high, length):
        inside = [value for value in values if low <= value * 1.000001 and value <= high * 1.000001]
        if inside:
            yield inside


def _linear(axis: Axis, low: float, high: float, length: float) -> Iterator[list[float]]:
    first, last = low / axis.unit, high / axis.unit
    span = last - first
    finest = span / max(2.0, min(_MOST, length / 10))
    power = math.floor(math.log10(finest))
    for step in (factor * 10.0**at for at in range(power, power + 4) for factor in _FACTORS):
        if step < finest or (axis.whole and step < 1):
            continue
        numbers = range(math.ceil(first / step), math.floor(last / step) + 1)
        yield [float(f"{each * step:.12g}") * axis.unit for each in numbers]


def _logarithmic(low: float, high: float) -> Iterator[list[float]]:
    begin, end = math.floor(math.log10(low)), math.ceil(math.log10(high))
    powers = range(begin, end + 1)
    if len(powers) < _MOST:
        yield [factor * 10.0**power for power in powers for factor in _FACTORS]
    for every in range(max(1, len(powers) // _MOST), len(powers) + 1):
        yield [10.0**power for power in powers if power % every == 0]
