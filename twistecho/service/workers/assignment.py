"""The assignment that a worker gets from the process that started it: all options as values.

Workers do not read the command line again: a file that it names may have changed since, and a
random seed would be drawn again.
"""

import pickle
from dataclasses import dataclass
from typing import IO, Any

from twistecho.service.echo.limits import Limits

BOARD = 3
"""The descriptor of the board in a worker."""

LIFE = 4
"""The descriptor of the pipe for its heartbeats."""

ORDERS = 5
"""The descriptor of the pipe for its orders, with a control port."""

ANSWERS = 6
"""The descriptor of the pipe for its answers."""

FIRST_SOCKET = 7
"""The descriptor of the first listening socket; the others follow, in the order of ports."""

ASKED = b"ASSIGNMENT\n"
"""The first line that a worker sends on `LIFE`, to request its assignment."""


@dataclass(frozen=True)
class Assignment:
    """The assignment of all workers, with the ``number`` of one.

    ``options`` are those of ``twist echo``; ``endpoints`` the descriptions of the sockets passed to
    it; ``shares`` the limits of every worker; ``reactor`` and ``log_level`` are names; ``counted``
    is whether metrics are served, ``steered`` whether there is a control port. ``slots`` are the
    shared counts of its scenario's limits (see `shared_counts`). Connection ``first`` on the board
    has number 0.
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
        """Write it in the form that `read_assignment` reads."""
        return pickle.dumps(self)


def read_assignment(stream: IO[bytes]) -> Assignment:
    """Read an assignment, written by the process that started this one."""
    assignment: Assignment = pickle.load(stream)  # noqa: S301 - from our own parent
    return assignment
