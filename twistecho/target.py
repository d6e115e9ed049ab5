"""Whom the clients talk to: read from the command line, connected to elsewhere."""

import re
from dataclasses import dataclass

_HOST_PORT = re.compile(r"(?:tcp:)?(?:\[(?P<literal>[^\]]+)\]|(?P<host>[^:\[\]]+)):(?P<port>\d+)")
_UNIX = re.compile(r"unix:(?:path=)?(?P<path>[^:=]+)")


@dataclass(frozen=True)
class Target:
    """A service to talk to: ``host`` and ``port``, or a Unix socket's ``path``, or neither.

    Where it is neither, ``text`` is a Twisted client endpoint description, which only the reactor
    engine understands.
    """

    text: str
    host: str | None = None
    port: int | None = None
    path: str | None = None

    def __str__(self) -> str:
        """Give the target as it was asked for."""
        return self.text


def parse_target(text: str) -> Target:
    """Read ``port``, ``host:port``, ``[ipv6]:port``, ``unix:path`` or an endpoint description.

    A bare port is one of 127.0.0.1. Raises ValueError for what is none of these.
    """
    if text.isdecimal():
        text = f"127.0.0.1:{text}"
    if match := _UNIX.fullmatch(text):
        return Target(text, path=match["path"])
    if match := _HOST_PORT.fullmatch(text):
        port = int(match["port"])
        if not 0 < port <= 65535:
            raise ValueError(f"{port} is not a port, 1 to 65535")
        return Target(text, host=match["literal"] or match["host"], port=port)
    if ":" not in text:
        raise ValueError(f"{text!r} is neither a port, host:port nor an endpoint description")
    return Target(text)
