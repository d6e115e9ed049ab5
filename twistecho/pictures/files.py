"""Pictures in files: which can be drawn, and drawing them; the suffix selects the format.

SVG can be drawn on any installation, PNG and PDF only with matplotlib.
"""

from importlib.util import find_spec
from pathlib import Path

from .chart import Picture
from .matplotlib_figure import save_figure
from .svg import picture_svg

SUFFIXES = (".svg", ".png", ".pdf")
"""The kinds of file that can be drawn."""

_OURS = ".svg"


def problem_with(path: str) -> str | None:
    """Return, in one line, why a picture cannot be drawn into a file; None if it can."""
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        return f"{path!r} ends in none of {', '.join(SUFFIXES)}"
    if not Path(path).parent.is_dir():
        return f"{str(Path(path).parent)!r} is not a directory"
    if suffix != _OURS and find_spec("matplotlib") is None:
        return f"a {suffix} file needs matplotlib: pip install 'twistecho[plot]', or draw an .svg"
    return None


def save(picture: Picture, path: str) -> None:
    """Draw a picture into a file. Raises OSError if it cannot be written."""
    if Path(path).suffix.lower() == _OURS:
        Path(path).write_text(picture_svg(picture), encoding="utf-8")
    else:
        save_figure(picture, path)
