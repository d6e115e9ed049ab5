"""What the first process orders a worker to do while it runs, and what the worker answers.

Each is a frame of its length, four bytes, and MessagePack. A worker carries out one order after the
other, in the order in which they come, and answers each.
"""

import struct
from collections.abc import Iterator
from typing import Any, TypeAlias

import msgspec

from twistecho.service.control.steering import OpenConnection

_LENGTH = struct.Struct("!I")

LARGEST = 2**28
"""The most bytes of a frame: what has more is none."""


class Steer(msgspec.Struct, frozen=True, tag=True):
    """Put a scenario in force: pickled, with the numbers of its counts (see `shared_counts`)."""

    scenario: bytes
    slots: tuple[int, ...]


class Clear(msgspec.Struct, frozen=True, tag=True):
    """Reset all connections, also of whoever waits to be accepted: the first half of a reset.

    After ``until``, a monotonic time, nobody waits for it any more: who waits then came later.
    """

    until: float


class Restart(msgspec.Struct, frozen=True, tag=True):
    """Begin anew: with no connection and nothing received.

    Numbers of connections count from the ``first`` one that is accepted from now on.
    """

    scenario: bytes
    slots: tuple[int, ...]
    first: int


class Collect(msgspec.Struct, frozen=True, tag=True):
    """Hand over what was received ``until`` a monotonic time; ``tell`` once there is more."""

    until: float
    tell: bool


class Forget(msgspec.Struct, frozen=True, tag=True):
    """Forget what was received."""


class List(msgspec.Struct, frozen=True, tag=True):
    """List the open connections."""


class Abort(msgspec.Struct, frozen=True, tag=True):
    """Reset a connection, or all of them."""

    number: int | None = None


class Count(msgspec.Struct, frozen=True, tag=True):
    """Say how many connections and messages there are."""


Order: TypeAlias = Steer | Clear | Restart | Collect | Forget | List | Abort | Count


class Done(msgspec.Struct, frozen=True, tag=True):
    """It is done; or ``found`` nothing to do it to."""

    found: bool = True


class Failed(msgspec.Struct, frozen=True, tag=True):
    """It cannot be done: the worker's log says why."""


class Collected(msgspec.Struct, frozen=True, tag=True):
    """Messages: when each came, its connection, its number there, what it says.

    ``dropped`` is how many before them there was no room for. There is ``more`` to be handed over
    at once.
    """

    messages: list[tuple[float, int, int, bytes]]
    dropped: int
    more: bool


class Listed(msgspec.Struct, frozen=True, tag=True):
    """The open connections."""

    connections: list[OpenConnection]


class Counted(msgspec.Struct, frozen=True, tag=True):
    """How many connections are open in a process, and how many messages it has received."""

    pid: int
    connections: int
    messages: int


Answer: TypeAlias = Done | Failed | Collected | Listed | Counted


class More(msgspec.Struct, frozen=True, tag=True):
    """No answer: messages have come, as was to be told."""


def frame_of(said: Order | Answer | More) -> bytes:
    """Write an order or an answer."""
    body = msgspec.msgpack.encode(said)
    return _LENGTH.pack(len(body)) + body


class Frames:
    """Reads frames of ``kind``, a type, from a stream that is cut anyhow."""

    def __init__(self, kind: Any) -> None:
        self._decoder = msgspec.msgpack.Decoder(kind)
        self._came = bytearray()

    def feed(self, data: bytes) -> Iterator[Any]:
        """Give what the data completes. Raises ValueError for what is no frame."""
        self._came += data
        while len(self._came) >= _LENGTH.size:
            (size,) = _LENGTH.unpack_from(self._came)
            if size > LARGEST:
                raise ValueError(f"{size} bytes are too many")
            end = _LENGTH.size + size
            if len(self._came) < end:
                return
            body = bytes(self._came[_LENGTH.size : end])
            del self._came[:end]
            yield self._decoder.decode(body)
