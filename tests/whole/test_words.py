"""Plain words: patterns that readers stumble over stand in no page, docstring or message."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from unittest import TestCase

ROOT = Path(__file__).parents[2]
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted(page for page in (ROOT / "docs").rglob("*.md") if "generated" not in page.parts),
]
CODE = [
    path
    for folder in ("twistecho", "twisted", "bench", "docs")
    for path in sorted((ROOT / folder).rglob("*.py"))
]

_COUNTED = "messages?|replies|requests?|bytes|connections?|lines?|time|processes"
_EACH = "second|minute|message|reply|request|connection|round|core|turn|case|pair"

STUMBLES = {
    r"\b(patience|fate|whistle)\b": "no persons that are none: say what happens",
    r"\b(is|are|was|were|be) honou?red\b": "say what is done",
    r"\bport rests\b": "accepting pauses",
    r"(?<!`)\b(owe|owes|owed)\b(?!\))": "pending",
    r"\b(somebody|anybody|nobody|everybody|whoever|whom|whomever)\b": "name who that is",
    r"\bfor want of\b": "without, out of",
    r"\bfor so (long|many|much)\b": "for this long: name the value",
    r"\bso (many|much) (bytes|seconds|messages|connections|clients|times)\b": "name the value",
    rf"\b({_COUNTED}) an? ({_EACH})\b": "per",
    r"\bheld back\b": "the server stops reading from it",
    r"\bwithout memory\b": "exponentially distributed",
    r"\bwhere the world is\b": "environment errors",
    r"\bunless it is so\b": "unless this holds",
    r"\breached and not\b": "a sentence has a verb",
    r"\bput together without rounding\b": "merged exactly",
    r"\bby its own fault\b": "the load generator fell behind",
    r"\btells? of\b": "is about, describes",
    r"\bbe it\b": "whether",
}
"""Each pattern, and what to write in its place."""


def texts_of(source: str) -> Iterator[tuple[int, str]]:
    """Give what people read of a module: its strings and comments, with the lines they begin on."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.lineno, node.value
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def stumbles_in(text: str) -> Iterator[str]:
    """Give what a reader stumbles over, each with what to write in its place."""
    words = " ".join(text.split())
    for pattern, plain in STUMBLES.items():
        for found in re.finditer(pattern, words, re.IGNORECASE):
            around = words[max(0, found.start() - 20) : found.end() + 20]
            yield f"{found[0]!r} in “{around}”: {plain}"


class WordsTests(TestCase):
    """Nothing has to be read twice."""

    def test_pages_are_plain(self) -> None:
        """All that is written for readers, code blocks too."""
        found = [
            f"{page.relative_to(ROOT)}: {stumble}"
            for page in PAGES
            for stumble in stumbles_in(page.read_text(encoding="utf-8"))
        ]
        assert found == []

    def test_code_is_plain(self) -> None:
        """Docstrings, comments, help and messages."""
        found = [
            f"{path.relative_to(ROOT)}:{line}: {stumble}"
            for path in CODE
            for line, text in texts_of(path.read_text(encoding="utf-8"))
            for stumble in stumbles_in(text)
        ]
        assert found == []

    def test_a_stumble_is_found(self) -> None:
        """Over the end of a line, in a docstring and in a comment."""
        source = '"""One line a\nreply."""\n# What is owed.\nname = "owed"\n'
        found = [stumble for _, text in texts_of(source) for stumble in stumbles_in(text)]
        assert len(found) == 2
        assert all(
            plain in stumble for plain, stumble in zip(("per", "pending"), found, strict=True)
        )
