"""Frames of a terminal to one animated SVG, without I/O: the picture that docs/recording.py writes.

Each row of the terminal is a film: its contents stand side by side, each one once, and CSS
keyframes move the next one into view. Nothing is repeated while a row stays the same, and there are
no more animations than rows, and one for the cursor.

A viewer without animations, or with ``prefers-reduced-motion``, shows the last frame. The file has
no scripts, refers to nothing outside itself, and has a background and an edge of its own, so that
it can be read on light and on dark pages.
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
    "brightwhite": "#ffffff",
}
"""The colours by their names in pyte, which calls yellow brown; other bright ones are the same."""

_BACKGROUND, _EDGE = "#161b22", "#57606a"
_BUTTONS = ("#ff5f57", "#febc2e", "#28c840")
_FONT = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace"
_FONT_SIZE = 14
_COLUMN = 8.4  # 0.6 of the font size, as in most fonts; textLength makes it so in the others
_ROW = 19.0
_BASELINE = 14.0  # from the top of a row
_PADDING = 18.0
_TITLE_BAR = 38.0
_HIDDEN_ROW = -100
_HEX = re.compile(r"[0-9a-fA-F]{6}")
_BLANKS = re.compile(" {2,}")  # SVG shows one of them unless they are no-break spaces
_UNFIT = {"Cc", "Cs", "Cn", "Zl", "Zp"}  # Unicode's controls, surrogates, unassigned, separators


@dataclass(frozen=True)
class Run:
    """Characters of one style that stand together in a row, from a column on, counted from 0.

    ``colour`` is a name of `PALETTE`, perhaps after ``bright``, or six hexadecimal digits.
    """

    column: int
    text: str
    colour: str = "default"
    bold: bool = False


Row = tuple[Run, ...]
"""The contents of a row, from left to right; an empty row has no runs."""


@dataclass(frozen=True)
class Frame:
    """The contents of the terminal from ``time`` on, in seconds.

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
        return self.rows * _ROW + _TITLE_BAR + _PADDING


def animated_svg(
    frames: Sequence[Frame], size: Size, seconds: float, *, title: str, description: str
) -> str:
    """Draw frames as an animated SVG that begins again after ``seconds``.

    The frames are in the order of their times; the first one is shown from the start. Raises
    ValueError for an unknown colour, and if there are no frames.
    """
    if not frames:
        raise ValueError("a recording has at least one frame")
    films = [_Film(frames, row, size) for row in range(size.rows)]
    moves = {film.name: film.moves for film in films} | {"cursor": _cursor_moves(frames)}
    root = _picture(size, title, description)
    ET.SubElement(root, "style").text = _stylesheet(moves, seconds)
    _add_window(root, size)
    screen = ET.SubElement(root, "g", transform=f"translate({short(_PADDING)} {short(_TITLE_BAR)})")
    screen.set("fill", PALETTE["default"])
    _add_cursor(screen, moves["cursor"])
    for film in films:
        film.add_to(screen)
    return ET.tostring(root, encoding="unicode") + "\n"


def printable(text: str) -> str:
    """Return a text with U+FFFD for each character that XML or a row of a terminal cannot hold."""
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(each) in _UNFIT else each
        for each in text
    )


Moves = list[tuple[float, str]]
"""The times at which something moves, in seconds, and its offsets from then on, as in CSS."""


class _Film:
    """The contents of one row in all frames, each of them once, side by side."""

    def __init__(self, frames: Sequence[Frame], row: int, size: Size) -> None:
        self.name = f"r{row}"
        self.moves: Moves = []
        self._top = row * _ROW
        self._places: dict[Row, float] = {}
        for frame in frames:
            content = frame.rows[row] if row < len(frame.rows) else ()
            place = self._places.setdefault(content, len(self._places) * size.width)
            _add_move(self.moves, frame.time, f"{short(0.0 - place)}px,0")

    def add_to(self, screen: ET.Element) -> None:
        """Draw the contents."""
        if not any(self._places):
            return
        row = ET.SubElement(screen, "g", transform=f"translate(0 {short(self._top)})")
        film = ET.SubElement(row, "g")
        _make_moving(film, self.name, self.moves)
        for content, place in self._places.items():
            for run in content:
                _add_run(film, run, place)


def _add_run(parent: ET.Element, run: Run, left: float) -> None:
    """Draw a run at its columns, whatever the width of the font's characters."""
    text = printable(run.text.strip(" "))
    if not text:
        return
    column = run.column + len(run.text) - len(run.text.lstrip(" "))
    element = ET.SubElement(parent, "text", x=short(left + column * _COLUMN), y=short(_BASELINE))
    element.text = _BLANKS.sub(lambda blanks: "\N{NO-BREAK SPACE}" * len(blanks[0]), text)
    if len(text) > 1:
        element.set("textLength", short(len(text) * _COLUMN))
    if all("\u2500" <= each <= "\u259f" for each in text):  # lines and blocks touch each other
        element.set("lengthAdjust", "spacingAndGlyphs")
    if run.colour != "default":
        element.set("fill", _paint(run.colour))
    if run.bold:
        element.set("class", "b")


def _paint(colour: str) -> str:
    """Return a colour as SVG writes it. Raises ValueError if it is unknown."""
    if _HEX.fullmatch(colour):
        return f"#{colour}"
    for name in (colour, colour.removeprefix("bright")):
        if name in PALETTE:
            return PALETTE[name]
    raise ValueError(f"not a colour: {colour!r}")


def _cursor_moves(frames: Sequence[Frame]) -> Moves:
    """Return the cursor's moves; it is outside the picture while it is hidden."""
    moves: Moves = []
    for frame in frames:
        column, row = frame.cursor or (0, _HIDDEN_ROW)
        _add_move(moves, frame.time, f"{short(column * _COLUMN)}px,{short(row * _ROW)}px")
    return moves


def _add_cursor(screen: ET.Element, moves: Moves) -> None:
    cursor = ET.SubElement(screen, "rect", width=short(_COLUMN), height=short(_ROW - 1))
    cursor.set("fill", PALETTE["brightblack"])
    _make_moving(cursor, "cursor", moves)


def _add_move(moves: Moves, time: float, offset: str) -> None:
    """Add a move, unless nothing changes its place."""
    if not moves or moves[-1][1] != offset:
        moves.append((time, offset))


def _make_moving(element: ET.Element, name: str, moves: Moves) -> None:
    """Have keyframes move an element; without animations it stands at its last place."""
    element.set("id", name)
    element.set("class", "m")
    element.set("transform", f"translate({moves[-1][1].replace('px', '')})")


def _stylesheet(moves: dict[str, Moves], seconds: float) -> str:
    """Write the styles, and the keyframes of everything that moves."""
    moving = {name: each for name, each in moves.items() if len(each) > 1}
    animation = f".m{{animation:{seconds:.2f}s step-end infinite}}"
    names = "".join(f"#{name}{{animation-name:{name}}}" for name in moving)
    lines = [
        f"text{{font:{_FONT_SIZE}px {_FONT}}}",
        ".b{font-weight:bold}",
        f"@media (prefers-reduced-motion:no-preference){{{animation}{names}}}",
    ]
    for name, each in moving.items():
        lines.append(f"@keyframes {name}{{{''.join(_keyframes(each, seconds))}}}")
    return "\n".join(lines)


def _keyframes(moves: Moves, seconds: float) -> Iterator[str]:
    """Yield a keyframe for each move; the first one holds from the start."""
    for number, (time, offset) in enumerate(moves):
        share = f"{100 * time / seconds:.2f}" if number else "0"
        yield f"{share}%{{transform:translate({offset})}}"


def _picture(size: Size, title: str, description: str) -> ET.Element:
    """Return an empty picture, with its texts for screen readers."""
    width, height = short(size.width), short(size.height)
    root = ET.Element("svg", xmlns="http://www.w3.org/2000/svg", width=width, height=height)
    root.set("viewBox", f"0 0 {width} {height}")
    root.set("role", "img")
    root.set("aria-labelledby", "title description")
    ET.SubElement(root, "title", id="title").text = printable(title)
    ET.SubElement(root, "desc", id="description").text = printable(description)
    return root


def _add_window(root: ET.Element, size: Size) -> None:
    """Draw the terminal's edge, and the buttons of its title bar."""
    edge = ET.SubElement(root, "rect", x="0.5", y="0.5", rx="8", fill=_BACKGROUND, stroke=_EDGE)
    edge.set("width", short(size.width - 1))
    edge.set("height", short(size.height - 1))
    for number, colour in enumerate(_BUTTONS):
        ET.SubElement(root, "circle", cx=str(20 + 20 * number), cy="18", r="6", fill=colour)
