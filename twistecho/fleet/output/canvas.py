"""What all pictures share: which files can be drawn into, how a figure is made and saved.

matplotlib is imported only when something is drawn: it takes a second, and most runs draw nothing.
"""

import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg", ".pdf")
"""The kinds of file that can be drawn."""

LACKING = "needs matplotlib: pip install 'twistecho[plot]'"
"""What to say where nothing can be drawn at all."""

# The same values give the same bytes, so that pictures can be kept under version control.
REPEATABLE: Any = {"svg.hashsalt": "twistecho", "font.size": 9.0, "hatch.linewidth": 0.6}
"""The settings of matplotlib that every picture is drawn with."""

_UNDATED: dict[str, Any] = {
    ".png": None, ".svg": {"Date": None}, ".pdf": {"CreationDate": None},
}  # fmt: skip


def can_draw() -> bool:
    """Tell whether matplotlib is there."""
    return find_spec("matplotlib") is not None


def problem_with(path: str) -> str | None:
    """Say in one line why no picture could be drawn into a file; None where nothing is known."""
    if Path(path).suffix.lower() not in SUFFIXES:
        return f"{path!r} ends in none of {', '.join(SUFFIXES)}"
    if not Path(path).parent.is_dir():
        return f"{str(Path(path).parent)!r} is not a directory"
    return None if can_draw() else LACKING


def new_figure(width: float, height: float) -> "Figure":
    """Make a figure, sizes in inches, that no display and no global state knows of."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - see the module's docstring

    return Figure(figsize=(width, height), layout="constrained")


def save(figure: "Figure", path: str) -> None:
    """Write a figure into a file whose suffix gives the kind. Raises OSError where it cannot.

    A character that the font lacks is drawn as a box, without a warning.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph ", category=UserWarning)
        figure.savefig(path, dpi=150, metadata=_UNDATED[Path(path).suffix.lower()])
