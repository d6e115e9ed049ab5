"""The orders of the main process to a running worker, and the worker's answers.

Each is a frame: a length of four bytes, then MessagePack. A worker carries out its orders one after
the other, in the order of arrival, and answers each.
"""

import struct
from collections.abc import Iterator
from typing import Any, TypeAlias

import msgspec

from twistecho.service.control.steering import OpenConnection

_LENGTH = struct.Struct("!I")

LARGEST = 2**28
"""The longest frame, in bytes; a longer one is an error."""


class Steer(msgspec.Struct, frozen=True, tag=True):
    """Put a scenario in force: pickled, with its slots (see `shared_counts`)."""

    scenario: bytes
    slots: tuple[int, ...]


class Clear(msgspec.Struct, frozen=True, tag=True):
    """Reset all connections, including those waiting to be accepted: the first half of a reset.

    After ``until``, a monotonic time, waiting connections are not reset: the main process no longer
    waits for this order, so they may have arrived after it.
    """

    until: float


class Restart(msgspec.Struct, frozen=True, tag=True):
    """Reset: no connections, and an empty record of messages; the second half of a reset.

    Connection ``first`` on the board, the next one that is accepted, has number 0.
    """

    scenario: bytes
    slots: tuple[int, ...]
    first: int


class Collect(msgspec.Struct, frozen=True, tag=True):
    """Hand over the messages received ``until`` a monotonic time; then ``tell`` of the next one."""

    until: float
    tell: bool


class Forget(msgspec.Struct, frozen=True, tag=True):
    """Forget the received messages."""


class List(msgspec.Struct, frozen=True, tag=True):
    """List the open connections."""


class Abort(msgspec.Struct, frozen=True, tag=True):
    """Reset a connection, or all of them."""

    number: int | None = None


class Count(msgspec.Struct, frozen=True, tag=True):
    """Count the open connections and the received messages."""


Order: TypeAlias = Steer | Clear | Restart | Collect | Forget | List | Abort | Count


class Done(msgspec.Struct, frozen=True, tag=True):
    """The order is carried out; ``found`` is whether its connection was open."""

    found: bool = True


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The order failed: see the worker's log."""


class Collected(msgspec.Struct, frozen=True, tag=True):
    """Messages: the arrival time, connection, number on it, and bytes of each.

    ``dropped`` is how many earlier messages were dropped for lack of room; ``more`` is whether
    further messages can be fetched at once.
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
    """Not an answer: new messages have arrived, see `Collect`."""


def frame_of(said: Order | Answer | More) -> bytes:
    """Write an order or an answer."""
    body = msgspec.msgpack.encode(said)
    return _LENGTH.pack(len(body)) + body


class Frames:
    """Reads frames of ``kind``, a type, from a stream that arrives in arbitrary pieces."""

    def __init__(self, kind: Any) -> None:
        self._decoder = msgspec.msgpack.Decoder(kind)
        self._came = bytearray()

    def feed(self, data: bytes) -> Iterator[Any]:
        """Yield the values that the data completes. Raises ValueError for an invalid frame."""
        self._came += data
        while len(self._came) >= _LENGTH.size:
            (size,) = _LENGTH.unpack_from(self._came)
            if size > LARGEST:
                raise ValueError(f"a frame of {size} bytes is too long")
            end = _LENGTH.size + size
            if len(self._came) < end:
                return
            body = bytes(self._came[_LENGTH.size : end])
            del self._came[:end]
            yield self._decoder.decode(body)
