"""The cases: a server as its users would write it, a request, and the right reply."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.util import find_spec

from twisted.protocols.amp import AmpBox

REFERENCE, OURS = "epoll", "eager"
_ON_UVLOOP = "uvloop"

CONNECTIONS = 50
_LINE = b"x" * 62 + b"\r\n"


@dataclass(frozen=True)
class Case:
    """A server of `bench.peers` that has this name in `bench.programs`.

    All replies to the request match ``reply`` and have one length.
    """

    name: str
    title: str
    request: bytes
    reply: re.Pattern[bytes]
    tls: bool = False


def _is(reply: bytes) -> re.Pattern[bytes]:
    return re.compile(re.escape(reply), re.DOTALL)


CASES = (
    Case(
        "web", "twisted.web, a resource that says hello, keep-alive",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        re.compile(rb"HTTP/1\.1 200 OK\r\n(?:[^\r\n]+\r\n)+\r\nhello"),
    ),
    Case(
        "amp", "AMP, a command with an argument and a response",
        AmpBox(_ask=b"1", _command=b"Hello", name=b"world").serialize(),
        _is(AmpBox(_answer=b"1", greeting=b"hello world").serialize()),
    ),
    Case("lines", "LineReceiver, an echo of lines of 64 bytes", _LINE, _is(_LINE)),
    Case("tls", "wire.Echo over TLS, 64 bytes", _LINE, _is(_LINE), tls=True),
)  # fmt: skip


def chosen(patterns: Sequence[str]) -> tuple[Case, ...]:
    """Return the cases whose names match; all cases without patterns.

    Raises ValueError for a pattern that matches nothing.
    """
    for pattern in patterns:
        if not any(fnmatchcase(case.name, pattern) for case in CASES):
            names = ", ".join(case.name for case in CASES)
            raise ValueError(f"no case is named {pattern!r}; they are {names}")
    return tuple(
        case
        for case in CASES
        if not patterns or any(fnmatchcase(case.name, pattern) for pattern in patterns)
    )


def compared() -> tuple[str, ...]:
    """Return the names of this machine's reactors to compare with epoll, ours first."""
    return (OURS, _ON_UVLOOP) if find_spec(_ON_UVLOOP) else (OURS,)
