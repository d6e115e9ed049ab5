"""Text layout for a terminal of some width: signs, pieces in a row, columns, prose."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.text import Text

from twistecho.base.notation import escaped

from .styles import Line

LABEL = 11
"""The width of a row's label, in characters."""

_GAP = "   "
_NARROWEST = 40
_LONGEST = 300  # characters of a piece, which may come from a file or a plan


@dataclass(frozen=True)
class Signs:
    """Signs for met, missed and doubtful, the separator of pieces, and the sign of a cut."""

    met: str
    missed: str
    doubtful: str
    between: str
    cut: str


UNICODE = Signs("✓", "✗", "?", " · ", "…")
ASCII = Signs("+", "x", "?", ", ", "...")


def signs_for(encoding: str) -> Signs:
    """Return signs that an encoding has."""
    try:
        f"{UNICODE.met}{UNICODE.missed}{UNICODE.between}{UNICODE.cut}".encode(encoding)
    except (UnicodeError, LookupError):
        return ASCII
    return UNICODE


@dataclass(frozen=True)
class Layout:
    """The form of lines: width in characters, signs, and whether prose is wrapped at the width."""

    width: int
    signs: Signs = UNICODE
    wraps: bool = True

    def prose(self, text: str, style: str = "", indent: int = 2, *, head: str = "") -> list[Text]:
        """Return escaped sentences as lines with one indent; ``head`` comes before the first."""
        indent += len(head)
        room = max(_NARROWEST, self.width) - indent
        known = escaped(text)
        lines = textwrap.wrap(known, room, break_on_hyphens=False) if self.wraps else [known]
        begins = " " * (indent - len(head)) + head
        return [
            Text((" " * indent if number else begins) + line, style=style)
            for number, line in enumerate(lines)
        ]

    def cut(self, text: str, room: int) -> str:
        """Escape a text, and shorten it to the given room."""
        known = escaped(text)
        if len(known) <= room:
            return known
        sign = self.signs.cut
        return known[: max(0, room - len(sign))] + sign

    def row(self, label: str, pieces: Sequence[Line]) -> list[Text]:
        """Return pieces after a label, as many in each line as fit."""
        head = Text(label.ljust(LABEL), style="bold")
        return list(self.flow(pieces, _GAP, head, " " * LABEL))

    def flow(self, pieces: Sequence[Line], between: str, head: Text, indent: str) -> Iterator[Text]:
        """Yield pieces after ``head``; further lines begin with ``indent``."""
        line, filled = head.copy(), False
        for text, style in pieces:
            known = self.cut(text, _LONGEST)
            if filled and len(line) + len(between) + len(known) > self.width:
                yield line
                line, filled = Text(indent), False
            line.append(between if filled else "", style if style == "dim" else "")
            line.append(known, style)
            filled = True
        yield line


def in_columns(rows: Sequence[Sequence[str]], to_right: Sequence[bool], gap: int = 3) -> list[str]:
    """Return rows of escaped cells as aligned lines; columns in ``to_right`` are right-aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, to_right, strict=True)
        ]
        lines.append((" " * gap).join(cells).rstrip())
    return lines
