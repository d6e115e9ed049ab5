"""The command of the user's own server: read from ``NAME=COMMAND``, or given a name.

It is split into words as a shell does it, but it runs without a shell: only ``{port}`` is replaced.
"""

import os
import re
import shlex
import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from twistecho.base.notation import escaped

PORT = "{port}"
"""The token that is replaced by the port on which the server must listen."""

LONGEST_NAME = 20
"""The longest name, in characters, that fits into a table's column."""

_NAMED = re.compile(r"([^\W_][\w.+-]*)=(.*)", re.DOTALL)
_NOT_IN_A_NAME = re.compile(r"[^\w.+-]+")
_PROGRAM_FILE = re.compile(
    r"\.(py|pyz|js|mjs|cjs|ts|rb|pl|php|lua|go|jar|sh|exs|tcl|r|jl)", re.IGNORECASE
)


@dataclass(frozen=True)
class OwnCommand:
    """The user's own server: its name, empty until it is named, and the words of its command."""

    name: str
    words: tuple[str, ...]

    @property
    def text(self) -> str:
        """The command in one line, which a shell would split into these words."""
        return escaped(shlex.join(self.words))

    def at(self, port: int) -> list[str]:
        """Return the words with the port inserted; other braces stay as they are."""
        return [word.replace(PORT, str(port)) for word in self.words]


def parse_command(text: str) -> OwnCommand:
    """Parse ``COMMAND`` or ``NAME=COMMAND``. Raises ValueError if it cannot be run.

    A name contains no blank, so the first ``=`` of ``server --port={port}`` does not end a name.
    """
    match = _NAMED.fullmatch(text)
    name, command = match.groups() if match else ("", text)
    if len(name) > LONGEST_NAME:
        raise ValueError(f"the name {name[:40]!r} is longer than {LONGEST_NAME} characters")
    try:
        words = tuple(shlex.split(command))
    except ValueError as error:
        raise ValueError(f"{command[:80]!r}: {str(error)[:1].lower()}{str(error)[1:]}") from None
    if not words:
        raise ValueError("there is no command")
    if not any(PORT in word for word in words):
        raise ValueError(f"{command[:80]!r} has no {PORT}, which stands for the server's port")
    _check_program(words[0])
    return OwnCommand(name, words)


def _check_program(word: str) -> None:
    """Raise ValueError if the system finds no program of this name."""
    if shutil.which(word) is None:
        problem = "may not be executed" if os.access(word, os.F_OK) else "there is no such program"
        raise ValueError(f"{word[:80]!r}: {problem}")


def named(commands: Sequence[OwnCommand], taken: Collection[str]) -> list[OwnCommand]:
    """Name the commands without a name, each differently, avoiding the names in ``taken``.

    Raises ValueError if a name chosen by the user is in use already.
    """
    used = set(taken)
    for name in (command.name for command in commands if command.name):
        if name in used:
            owner = "a design" if name in taken else "another server"
            raise ValueError(f"{name!r} is the name of {owner}")
        used.add(name)
    found = []
    for command in commands:
        name = command.name or _unused(short_name(command.words), used)
        used.add(name)
        found.append(replace(command, name=name))
    return found


def short_name(words: Sequence[str]) -> str:
    """Return a name for a command: of its script or module, or else of its program."""
    program, *arguments = words
    scripts = [word for word in words if _PROGRAM_FILE.fullmatch(Path(word).suffix)]
    name = Path(scripts[0]).stem if scripts else Path(program).name
    if Path(program).name.startswith(("python", "pypy")) and "-m" in arguments[:-1]:
        name = arguments[arguments.index("-m") + 1]
    return _NOT_IN_A_NAME.sub("-", name)[:LONGEST_NAME].strip("-") or "server"


def _unused(name: str, used: Collection[str]) -> str:
    number = 1
    wanted = name
    while wanted in used:
        number += 1
        wanted = f"{name[: LONGEST_NAME - len(str(number)) - 1]}-{number}"
    return wanted
