"""Sections of the lower axis: the lines between them, and the names that fit.

A name without room is left out, so that no two overlap; all lines are drawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from .chart import Axis, Look, Section
from .ticks import width_of

GAP = 3.0
"""The room between a line and the name after it, and between two names, in pixels."""

_FEW = 12
_NONE = 1e-6  # share of an axis: two lines closer than this look like one

_DIVIDING, _OF_MANY = Look("quiet", dashes=(1.5, 2.5), width=0.8), Look("grid", width=0.8)


@dataclass(frozen=True)
class Named:
    """A text above the plot; it begins ``at`` pixels from the beginning of the axis."""

    at: float
    text: str


def bounds(sections: Sequence[Section], axis: Axis) -> list[float]:
    """Return the values at which a section begins or ends, except at the axis's own ends."""
    known = {end for section in sections for end in (section.begin, section.end)}
    return sorted(value for value in known if _NONE < axis.place(value) < 1.0 - _NONE)


def look_of(sections: Sequence[Section]) -> Look:
    """Return the look of the lines between sections; many lines are fainter."""
    return _DIVIDING if len(sections) <= _FEW else _OF_MANY


def names(sections: Sequence[Section], axis: Axis, length: float, size: float) -> list[Named]:
    """Return the texts that fit along an axis of this length, in the order of places.

    A section's name and text are written if both fit into it. Of the other sections, only the names
    are written, if there is room for them between these.
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
    """Return where the visible part of a section begins and ends, in pixels."""
    begin, end = (
        min(1.0, max(0.0, axis.place(value))) * length for value in (section.begin, section.end)
    )
    return begin, end
