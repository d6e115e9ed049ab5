"""The fenced code blocks of a page, in its order, and the comments that exclude some from running.

A block that cannot run here has ``<!-- not run: REASON -->`` on the line before it (blank lines
between them are fine). REASON is one of REASONS.
"""

import re
import textwrap
from typing import NamedTuple

REASONS = frozenset(
    {
        "a container engine",
        "another host",  # needs a host that only a reader has
        "several machines",
        "root",
        "minutes of load",
        "installs software",
        "another test runs it",
        "fragment",  # a part of a file or program; the rest is the reader's own
        "output alone",  # a drawing, or output whose command is not on the page
    }
)
"""The reasons for which a block may be left out."""

LANGUAGES = frozenset(
    {"", "text", "sh", "console", "python", "toml", "json", "ini", "haproxy", "yaml", "markdown"}
)
"""The languages that the runner knows; "", ``text`` and ``markdown`` are output."""

_FENCE = re.compile(r"^( *)```([^\n`]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"<!-- *not run: *(.*?) *-->\s*\Z")
_ANY_COMMENT = re.compile(r"<!-- *not run\b")


class PageError(AssertionError):
    """A block does not do what its page shows, or the page cannot be read."""


class Block(NamedTuple):
    """A code block: its place ``page:line``, language, text, and the reason for not running it."""

    place: str
    language: str
    text: str
    reason: str | None


def blocks_of(name: str, text: str) -> list[Block]:
    """Return the blocks of a page, without the directives ``{name}`` of the site.

    Raises PageError for an unknown language or reason, and for a comment without a block.
    """
    fences = [match for match in _FENCE.finditer(text) if not match[2].startswith("{")]
    found = [_block(name, text, match) for match in fences]
    if len(_ANY_COMMENT.findall(_FENCE.sub("", text))) != sum(b.reason is not None for b in found):
        raise PageError(f"{name}: a comment 'not run' is not right before a block")
    return found


def _block(name: str, text: str, match: "re.Match[str]") -> Block:
    place = f"{name}:{text.count(chr(10), 0, match.start()) + 1}"
    language = match[2].strip()
    if language not in LANGUAGES:
        raise PageError(f"{place}: no known language: {language!r}")
    comment = _COMMENT.search(text[: match.start()])
    reason = comment[1] if comment else None
    if reason is not None and reason not in REASONS:
        raise PageError(f"{place}: no known reason: {reason!r}")
    return Block(place, language, textwrap.dedent(match[3]), reason)


class Step(NamedTuple):
    """A command of a console block, and the output that the page shows below it."""

    command: str
    output: str


def steps_of(block: Block) -> list[Step]:
    """Split a console block into commands, after ``$``, and what each prints."""
    parts = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
    if parts[0].strip():
        raise PageError(f"{block.place}: a console block begins with '$ '")
    steps = []
    for part in parts[1:]:
        lines = part.splitlines()
        size = next(n for n, line in enumerate(lines, 1) if not line.endswith("\\"))
        steps.append(Step("\n".join(lines[:size]), "\n".join(lines[size:])))
    return steps
