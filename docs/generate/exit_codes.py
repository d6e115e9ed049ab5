"""Exit codes, as the helps of the commands name them."""

import re
from collections.abc import Iterable

from .markdown import code, prose, table

_PARAGRAPH = re.compile(r"Exit codes: (?P<codes>.+?)\.?(?=\n\s*\n|\s*\Z)", re.DOTALL)
_NEXT = re.compile(r"; (?=\d+ )")


def exit_codes_of(text: str) -> tuple[str, list[tuple[str, str]]]:
    """Divide a help into what it says, and the exit codes with their meanings.

    Raises ValueError for a help that names none.
    """
    found = _PARAGRAPH.search(text)
    if found is None:
        raise ValueError(f"no exit codes in the help: {text.strip()[:60]!r}")
    codes = []
    for part in _NEXT.split(" ".join(found["codes"].split())):
        number, _, meaning = part.partition(" ")
        if not number.isdecimal():
            raise ValueError(f"no exit code: {part!r}")
        codes.append((number, meaning))
    return (text[: found.start()] + text[found.end() :]).strip(), codes


def codes_table(codes: Iterable[tuple[str, str]]) -> str:
    """Write a table of exit codes."""
    return table(("code", "meaning"), [(code(number), prose(text)) for number, text in codes])
