"""Lines for a terminal of some width: signs that it can show, pieces in a row, columns, prose."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.text import Text

from twistecho.base.notation import escaped

from .styles import Line

LABEL = 11
"""The characters that a row's label takes."""

_GAP = "   "
_NARROWEST = 40
_LONGEST = 300  # characters of a piece, which a file or a plan may say


@dataclass(frozen=True)
class Signs:
    """Signs for what is met, missed or doubtful, what stands between pieces, and for a cut."""

    met: str
    missed: str
    doubtful: str
    between: str
    cut: str


UNICODE = Signs("✓", "✗", "?", " · ", "…")
ASCII = Signs("+", "x", "?", ", ", "...")


def signs_for(encoding: str) -> Signs:
    """Give signs that an encoding has."""
    try:
        f"{UNICODE.met}{UNICODE.missed}{UNICODE.between}{UNICODE.cut}".encode(encoding)
    except (UnicodeError, LookupError):
        return ASCII
    return UNICODE


@dataclass(frozen=True)
class Layout:
    """What lines are made for: characters across, signs, and whether prose is wrapped there."""

    width: int
    signs: Signs = UNICODE
    wraps: bool = True

    def prose(self, text: str, style: str = "", indent: int = 2, *, head: str = "") -> list[Text]:
        """Write sentences, escaped, in lines that begin below each other; ``head`` comes first."""
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
        """Escape a text, and shorten it to the room that there is."""
        known = escaped(text)
        if len(known) <= room:
            return known
        sign = self.signs.cut
        return known[: max(0, room - len(sign))] + sign

    def row(self, label: str, pieces: Sequence[Line]) -> list[Text]:
        """Put pieces behind a label, beside each other as far as there is room for them."""
        head = Text(label.ljust(LABEL), style="bold")
        return list(self.flow(pieces, _GAP, head, " " * LABEL))

    def flow(self, pieces: Sequence[Line], between: str, head: Text, indent: str) -> Iterator[Text]:
        """Put pieces behind ``head``, and into further lines, behind ``indent``, if need be."""
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
    """Put cells, escaped already, below each other; those of some columns end below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, to_right, strict=True)
        ]
        lines.append((" " * gap).join(cells).rstrip())
    return lines
