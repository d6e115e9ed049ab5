"""The colours, markers and patterns of all pictures, by name.

The colours of measured values are Okabe and Ito's, which the colour-blind can distinguish; those
for dark paper are lighter or darker ones of the same hues.
"""

from math import cos, pi, sin

COLOURS = {
    "ink": ("#1f2328", "#e6e9ec"),
    "quiet": ("#57606a", "#a3adb8"),
    "paper": ("#ffffff", "#14181d"),
    "grid": ("#d8dee4", "#343c45"),
    "shade": ("#eceff2", "#242b33"),
    "blue": ("#0072b2", "#5ab4f0"),
    "red": ("#d55e00", "#ff8a4c"),
    "green": ("#009e73", "#35c79a"),
    "sky": ("#56b4e9", "#3b7ea6"),
    "yellow": ("#f0e442", "#8a8120"),
    "pink": ("#cc79a7", "#b0628c"),
    "orange": ("#e69f00", "#f0b429"),
    "grey": ("#808080", "#9a9a9a"),
}
"""The colours by name, on light paper and on dark."""

_CIRCLE = tuple((cos(pi * turn / 6), sin(pi * turn / 6)) for turn in range(12))

MARKERS: dict[str, tuple[tuple[tuple[float, float], ...], ...]] = {
    "circle": (_CIRCLE,),
    "square": (((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),),
    "triangle": (((0, -1.1), (1.1, 0.9), (-1.1, 0.9)),),
    "down": (((0, 1.1), (1.1, -0.9), (-1.1, -0.9)),),
    "diamond": (((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)),),
    "plus": (((0, -1.2), (0, 1.2)), ((-1.2, 0), (1.2, 0))),
    "cross": (((-1, -1), (1, 1)), ((-1, 1), (1, -1))),
    "star": (((0, -1.2), (0, 1.2)), ((-1, -0.6), (1, 0.6)), ((-1, 0.6), (1, -0.6))),
    "bar": (((0, -1.6), (0, 1.6)),),
}
"""The shapes of markers, about two units wide: an outline, or strokes of two points each."""

PATTERNS = {
    "slashes": "M0 7L7 0M-1 1L1-1M6 8L8 6",
    "dots": "M2 2h1M5.5 5.5h1",
    "crosses": "M0 0L7 7M0 7L7 0",
    "rows": "M0 3.5h7",
    "lattice": "M0 3.5h7M3.5 0v7",
}
"""Patterns over a box's colour, as paths of SVG in repeated tiles of `TILE` pixels."""

TILE = 7
"""The size of a pattern's tile, in pixels."""


def stylesheet() -> str:
    """Return the CSS rules that change a chart's colours on dark paper."""
    rules = "".join(
        f".s-{name}{{stroke:{dark}}}.f-{name}{{fill:{dark}}}" for name, (_, dark) in COLOURS.items()
    )
    return f"@media screen and (prefers-color-scheme:dark){{{rules}}}"
