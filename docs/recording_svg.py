"""Frames of a terminal to one animated SVG, without I/O: the picture that docs/recording.py writes.

Each row of the terminal is a film of its own: its contents stand side by side, each one once, and
CSS keyframes move the next one into view. Nothing is drawn again while a row stays the same, and
there are no more animations than rows, and one for the cursor.

A viewer without animations, or with ``prefers-reduced-motion``, shows the last frame. The file has
no scripts, refers to nothing outside itself, and brings its own background for light and dark pages.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from twistecho.pictures.paths import short

PALETTE = {
    "default": "#d1d7e0",
    "black": "#484f58",
    "red": "#ff7b72",
    "green": "#6bd17d",
    "brown": "#e3b341",
    "blue": "#79c0ff",
    "magenta": "#d2a8ff",
    "cyan": "#6fd6e0",
    "white": "#d1d7e0",
    "brightblack": "#8b949e",
    "brightred": "#ff9f94",
    "brightgreen": "#8ff0a0",
    "brightbrown": "#f2cc60",
    "brightblue": "#a5d6ff",
    "brightmagenta": "#e2c5ff",
    "brightcyan": "#a2f0f7",
    "brightwhite": "#ffffff",
}
"""The colours that a run may name; another one is written as six hexadecimal digits."""

_BACKGROUND, _EDGE = "#161b22", "#57606a"
_BUTTONS = ("#ff5f57", "#febc2e", "#28c840")
_FONT = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace"
_FONT_SIZE = 14
_COLUMN = 8.4  # a column is 0.6 of the font size, as in most fonts
_ROW = 19.0
_BASELINE = 14.0  # from the top of a row
_PADDING = 18.0
_BAR = 38.0  # the title bar
_HEX = re.compile(r"[0-9a-fA-F]{6}")
_SPACE = "{http://www.w3.org/XML/1998/namespace}space"


@dataclass(frozen=True)
class Run:
    """Characters of one style that stand together in a row, from a column on, counted from 0.

    ``colour`` is a name of `PALETTE` or six hexadecimal digits.
    """

    column: int
    text: str
    colour: str = "default"
    bold: bool = False


Row = tuple[Run, ...]
"""What stands in a row, from left to right; an empty row has no runs."""


@dataclass(frozen=True)
class Frame:
    """What the terminal shows from ``time`` on, in seconds.

    ``cursor`` is its column and row, or None while it is hidden.
    """

    time: float
    rows: tuple[Row, ...]
    cursor: tuple[int, int] | None = None


@dataclass(frozen=True)
class Size:
    """A terminal's columns and rows, and the size of its picture in pixels."""

    columns: int
    rows: int

    @property
    def width(self) -> float:
        """Return the width of the picture."""
        return self.columns * _COLUMN + 2 * _PADDING

    @property
    def height(self) -> float:
        """Return the height of the picture."""
        return self.rows * _ROW + _BAR + _PADDING


def thinned(frames: Sequence[Frame], least: float) -> list[Frame]:
    """Return the frames without those that were shown for less than ``least`` seconds.

    The last frame stays.
    """
    pairs = zip(frames, frames[1:], strict=False)
    kept = [frame for frame, later in pairs if later.time - frame.time >= least]
    return kept + list(frames[-1:])


def animated_svg(
    frames: Sequence[Frame], size: Size, seconds: float, *, title: str, description: str
) -> str:
    """Draw frames as an animated SVG that begins again after ``seconds``.

    The frames are in the order of their times, and the first one is shown from the start. Raises
    ValueError for a colour that is none, and where there are no frames.
    """
    if not frames:
        raise ValueError("a recording has at least one frame")
    films = [_Film(frames, row) for row in range(size.rows)]
    root = ET.Element("svg", xmlns="http://www.w3.org/2000/svg", role="img")
    root.set("viewBox", f"0 0 {short(size.width)} {short(size.height)}")
    root.set("width", short(size.width))
    root.set("height", short(size.height))
    root.set("aria-labelledby", "title description")
    ET.SubElement(root, "title", id="title").text = printable(title)
    ET.SubElement(root, "desc", id="description").text = printable(description)
    moves = {f"r{film.row}": film.moves(size.width) for film in films}
    moves["cursor"] = _cursor_moves(frames)
    ET.SubElement(root, "style").text = _stylesheet(moves, seconds)
    _add_window(root, size)
    screen = ET.SubElement(root, "g", transform=f"translate({short(_PADDING)} {short(_BAR)})")
    screen.set("fill", PALETTE["default"])
    screen.set(_SPACE, "preserve")
    cursor = _add_moved(screen, "rect", "cursor", moves["cursor"])
    for name, value in (
        ("width", short(_COLUMN)),
        ("height", "18"),
        ("fill", PALETTE["brightblack"]),
    ):
        cursor.set(name, value)
    for film in films:
        film.add_to(screen, size.width, moves[f"r{film.row}"])
    return ET.tostring(root, encoding="unicode") + "\n"


def printable(text: str) -> str:
    """Return a text with a replacement character for each character that XML or a row cannot hold.

    These are control characters, surrogates and characters that stand for none.
    """
    return "".join("\N{REPLACEMENT CHARACTER}" if _is_unfit(each) else each for each in text)


def _is_unfit(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Cs", "Cn"} or char in "\u2028\u2029"


Moves = list[tuple[float, str]]
"""When something moves, in seconds, and the offset that it then has, as CSS writes it."""


class _Film:
    """The contents of one row in all frames, each of them once, side by side."""

    def __init__(self, frames: Sequence[Frame], row: int) -> None:
        self.row = row
        self._changes: list[tuple[float, int]] = []
        self._places: dict[Row, int] = {}
        for frame in frames:
            content = frame.rows[row] if row < len(frame.rows) else ()
            place = self._places.setdefault(content, len(self._places))
            if not self._changes or self._changes[-1][1] != place:
                self._changes.append((frame.time, place))

    def moves(self, width: float) -> Moves:
        """Return when the film moves, with ``width`` pixels from one content to the next."""
        return [(time, f"{short(-place * width)}px,0") for time, place in self._changes]

    def add_to(self, screen: ET.Element, width: float, moves: Moves) -> None:
        """Draw the contents; a row that is always empty is left out."""
        if not any(self._places):
            return
        top = ET.SubElement(screen, "g", transform=f"translate(0 {short(self.row * _ROW)})")
        film = _add_moved(top, "g", f"r{self.row}", moves)
        for content, place in self._places.items():
            for run in content:
                _add_run(film, run, place * width)


def _add_run(parent: ET.Element, run: Run, left: float) -> None:
    """Draw a run at its columns, whatever the width of the font's characters."""
    text = run.text.rstrip(" ")
    blanks = len(text) - len(text.lstrip(" "))
    text = printable(text[blanks:])
    if not text:
        return
    element = ET.SubElement(parent, "text", x=short(left + (run.column + blanks) * _COLUMN))
    element.set("y", short(_BASELINE))
    element.text = text
    if len(text) > 1:
        element.set("textLength", short(len(text) * _COLUMN))
    if all("\u2500" <= each <= "\u259f" for each in text):  # lines and blocks touch each other
        element.set("lengthAdjust", "spacingAndGlyphs")
    if run.colour != "default":
        element.set("fill", _paint(run.colour))
    if run.bold:
        element.set("class", "b")


def _paint(colour: str) -> str:
    """Return a colour as SVG writes it; raise ValueError if it is none."""
    if colour in PALETTE:
        return PALETTE[colour]
    if _HEX.fullmatch(colour):
        return f"#{colour}"
    raise ValueError(f"not a colour: {colour!r}")


def _cursor_moves(frames: Sequence[Frame]) -> Moves:
    """Return the cursor's moves; it is out of sight while it is hidden."""
    moves: Moves = []
    for frame in frames:
        column, row = frame.cursor or (0, -100)
        offset = f"{short(column * _COLUMN)}px,{short(row * _ROW)}px"
        if not moves or moves[-1][1] != offset:
            moves.append((frame.time, offset))
    return moves


def _add_moved(parent: ET.Element, tag: str, name: str, moves: Moves) -> ET.Element:
    """Add an element that keyframes move; without them it stands where it comes to rest."""
    element = ET.SubElement(parent, tag, id=name)
    element.set("class", "m")
    element.set("transform", f"translate({moves[-1][1].replace('px', '')})")
    return element


def _stylesheet(moves: dict[str, Moves], seconds: float) -> str:
    """Write the styles, and the keyframes of all that moves."""
    moved = {name: each for name, each in moves.items() if len(each) > 1}
    names = "".join(f"#{name}{{animation-name:{name}}}" for name in moved)
    lines = [
        f"text{{font:{_FONT_SIZE}px {_FONT}}}",
        ".b{font-weight:bold}",
        f"@media(prefers-reduced-motion:no-preference){{.m{{animation:{seconds:g}s step-end infinite}}{names}}}",
        *(
            f"@keyframes {name}{{{''.join(_keyframes(each, seconds))}}}"
            for name, each in moved.items()
        ),
    ]
    return "\n".join(lines)


def _keyframes(moves: Moves, seconds: float) -> Iterator[str]:
    """Yield a keyframe for each move; the first one holds from the start."""
    for number, (time, offset) in enumerate(moves):
        share = f"{100 * time / seconds:.2f}".rstrip("0").rstrip(".") if number else "0"
        yield f"{share}%{{transform:translate({offset})}}"


def _add_window(root: ET.Element, size: Size) -> None:
    """Draw the terminal's frame, its title bar and the buttons in it."""
    frame = ET.SubElement(root, "rect", x="0.5", y="0.5", rx="8", fill=_BACKGROUND, stroke=_EDGE)
    frame.set("width", short(size.width - 1))
    frame.set("height", short(size.height - 1))
    for number, colour in enumerate(_BUTTONS):
        ET.SubElement(root, "circle", cx=str(20 + 20 * number), cy="18", r="6", fill=colour)
