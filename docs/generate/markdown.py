"""Markdown: what the pages of the reference are put together from."""

import re
from collections.abc import Iterable, Sequence

_CODE = re.compile(r"``.+?``|`[^`]+`", re.DOTALL)
_OPTION = re.compile(r"(?<![\w`/-])--[a-z][a-z-]*[a-z]")
_SPECIAL = re.compile(r"([\\*_<>\[\]])")


def prose(text: str) -> str:
    """Write plain text, such as a help, on one line: names of options become code.

    What stands between backticks is code already, and stays as it is.
    """
    flat, made, at = " ".join(text.split()), "", 0
    for code in _CODE.finditer(flat):
        made += _plain(flat[at : code.start()]) + code[0]
        at = code.end()
    return made + _plain(flat[at:])


def _plain(text: str) -> str:
    made, at = "", 0
    for option in _OPTION.finditer(text):
        made += _SPECIAL.sub(r"\\\1", text[at : option.start()]) + f"`{option[0]}`"
        at = option.end()
    return made + _SPECIAL.sub(r"\\\1", text[at:])


def code(text: str) -> str:
    """Write a text as code, with as many backticks as that takes."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    space = " " * (longest > 0)
    return f"{fence}{space}{text}{space}{fence}"


def paragraphs(text: str) -> list[str]:
    """Cut a text at its empty lines."""
    return [part.strip() for part in re.split(r"\n\s*\n", text.strip())]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table; cells are Markdown, in which a bar is escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")


def block(language: str, text: str) -> str:
    """Write a block of code."""
    return f"```{language}\n{text.rstrip()}\n```"


def directive(name: str, argument: str, body: str = "") -> str:
    """Write a directive of Sphinx, whose body is Markdown."""
    return f":::{{{name}}} {argument}\n{body}\n:::"


def page(title: str, *parts: str, label: str = "") -> str:
    """Put a page together; parts that are empty are left out. ``label`` is a target of links."""
    above = [f"({label})="] if label else []
    return "\n\n".join([*above, f"# {title}", *filter(None, parts)]) + "\n"
