"""Sections of the axis below: where the lines between them go, and which of their names fit.

A name that has no room is left out, so that none is over another one; the lines are all drawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from .chart import Axis, Look, Section
from .ticks import width_of

GAP = 3.0
"""Room between a line and the name behind it, and between two names, in pixels."""

_FEW = 12
_NONE = 1e-6  # of an axis: nobody sees two lines so close to each other

_DIVIDING, _OF_MANY = Look("quiet", dashes=(1.5, 2.5), width=0.8), Look("grid", width=0.8)


@dataclass(frozen=True)
class Named:
    """A text above the plot; it begins so far from where the axis does."""

    at: float
    text: str


def bounds(sections: Sequence[Section], axis: Axis) -> list[float]:
    """Give the values at which a section begins or ends, those at the axis's own ends apart."""
    known = {end for section in sections for end in (section.begin, section.end)}
    return sorted(value for value in known if _NONE < axis.place(value) < 1.0 - _NONE)


def look_of(sections: Sequence[Section]) -> Look:
    """Say what the lines between sections look like; many are fainter, not to cover the marks."""
    return _DIVIDING if len(sections) <= _FEW else _OF_MANY


def names(sections: Sequence[Section], axis: Axis, length: float, size: float) -> list[Named]:
    """Give the texts that there is room for along an axis of a length, in the order of places.

    A section has its name and what it stands for where both fit into it. Of the others the names
    alone are written, as far as there is room for them between these.
    """
    spans = [_span(section, axis, length) for section in sections]
    taken: list[tuple[float, float]] = []
    found: list[Named] = []
    left = []
    for section, (begin, end) in zip(sections, spans, strict=True):
        whole = f"{section.name}: {section.text}"
        if begin + width_of(whole, size) + 2 * GAP <= end:
            found.append(Named(begin + GAP, whole))
            taken.append((begin, end))
        elif end > begin:
            left.append((section.name, begin))
    for name, begin in left:
        end = begin + width_of(name, size) + 2 * GAP
        if end <= length and all(end <= low or high <= begin for low, high in taken):
            found.append(Named(begin + GAP, name))
            taken.append((begin, end))
    return sorted(found, key=lambda each: each.at)


def _span(section: Section, axis: Axis, length: float) -> tuple[float, float]:
    """Say where the part of a section that is on the axis begins and ends, in pixels."""
    begin, end = (
        min(1.0, max(0.0, axis.place(value))) * length for value in (section.begin, section.end)
    )
    return begin, end
