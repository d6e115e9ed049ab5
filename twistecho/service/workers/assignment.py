"""What a worker is told by the process that started it: all options as values, read once for all.

The command line is not read again: a file that it names may have changed since, and a seed that was
drawn would be drawn anew.
"""

import pickle
from dataclasses import dataclass
from typing import IO, Any

from twistecho.service.echo.limits import Limits

BOARD = 3
"""The descriptor of the board in a worker."""

LIFE = 4
"""That of the pipe for its signs of life."""

ORDERS = 5
"""That of the pipe from which it is told what to do while it runs, where it is steered."""

ANSWERS = 6
"""That of the pipe by which it answers."""

FIRST_SOCKET = 7
"""That of the first listening socket; the others follow, in the order of ports."""

ASKED = b"ASSIGNMENT\n"
"""Is said by a worker, as its first sign of life, when it reads its assignment."""


@dataclass(frozen=True)
class Assignment:
    """What all workers are told, and which of them one is.

    ``options`` are those of ``twist echo``; ``endpoints`` the descriptions of the sockets that it
    is given; ``shares`` the limits of every worker; ``reactor`` and ``log_level`` are names;
    ``counted`` says whether its metrics are served, ``steered`` whether it is given orders; in
    ``slots`` is counted what has a limit in its scenario (see `shared_counts`), and connections
    count from the ``first``.
    """

    options: dict[str, Any]
    endpoints: tuple[str, ...]
    shares: tuple[Limits, ...]
    reactor: str
    log_level: str
    number: int = 0
    counted: bool = False
    steered: bool = False
    slots: tuple[int, ...] = ()
    first: int = 0

    @property
    def limits(self) -> Limits:
        """The limits of this worker."""
        return self.shares[self.number]

    def to_bytes(self) -> bytes:
        """Give it as `read_assignment` reads it."""
        return pickle.dumps(self)


def read_assignment(stream: IO[bytes]) -> Assignment:
    """Read what the process that started this one has written."""
    assignment: Assignment = pickle.load(stream)  # noqa: S301 - from our own parent
    return assignment
