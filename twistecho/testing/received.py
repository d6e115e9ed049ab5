"""The messages that a test's server has received, and the error if a test expected others."""

import re
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher, ndiff
from typing import Any, Self, TypeAlias

MOST_LINES = 50
"""The most messages that are shown: the last ones."""

MOST_BYTES = 200
"""The most bytes of a message that are shown."""


class ReceivedMessage(bytes):
    """The bytes of a message, with its ``number`` on its ``connection``, both counted from 0."""

    connection: int
    number: int

    def __new__(cls, connection: int, number: int, data: bytes) -> Self:
        """Make a message from its bytes."""
        made = super().__new__(cls, data)
        made.connection, made.number = connection, number
        return made

    def __getnewargs__(self) -> tuple[int, int, bytes]:  # type: ignore[override]
        """Return the arguments from which it is copied and pickled."""
        return self.connection, self.number, self.data

    @property
    def data(self) -> bytes:
        """The bytes alone."""
        return bytes(self)


@dataclass(frozen=True)
class Record:
    """The messages that are kept: the last of ``total`` that have arrived."""

    total: int
    messages: Sequence[ReceivedMessage]

    def data(self, connection: int) -> bytes:
        """Join the messages of a connection."""
        return b"".join(each for each in self.messages if each.connection == connection)

    def lines(self) -> list[str]:
        """Return the last messages as lines of printable ASCII."""
        shown = self.messages[-MOST_LINES:]
        left_out = self.total - len(shown)
        before = [f"{left_out} earlier messages are not shown"] if left_out else []
        return [*before, *map(shown_message, shown)] or ["nothing"]


def read_record(data: dict[str, Any]) -> Record:
    """Read the result of `requests.Requests.received`."""
    messages = [
        ReceivedMessage(connection, number, b64decode(text))
        for connection, number, text in data["messages"]
    ]
    return Record(data["total"], messages)


def shown(data: bytes) -> str:
    """Return the first `MOST_BYTES` of the bytes as text, escaped."""
    if len(data) <= MOST_BYTES:
        return repr(bytes(data))
    return f"{bytes(data[:MOST_BYTES])!r}... ({len(data)} bytes)"


def shown_message(message: ReceivedMessage) -> str:
    """Return a message as text, with its connection and number."""
    return f"connection {message.connection}, message {message.number}: {shown(message)}"


Expected: TypeAlias = bytes | str | re.Pattern[bytes]
"""A whole message (text stands for its UTF-8 bytes), or a pattern to search for in messages."""


def check_received(record: Record, expected: Expected, times: int | None) -> None:
    """Raise AssertionError unless a message, or exactly ``times`` of them, are as expected."""
    __tracebackhide__ = True  # pytest shows the line of the test
    wanted = expected.encode() if isinstance(expected, str) else expected
    if not isinstance(wanted, re.Pattern):
        wanted = bytes(wanted)
    elif not isinstance(wanted.pattern, bytes):
        raise TypeError("messages are bytes, so a pattern must be bytes too: re.compile(rb'...')")
    met = sum(_is(message, wanted) for message in record.messages)
    if met == times or (times is None and met):
        return
    raise AssertionError("\n".join(_problem(record, wanted, times, met)))


def _is(message: bytes, wanted: bytes | re.Pattern[bytes]) -> bool:
    if isinstance(wanted, re.Pattern):
        return wanted.search(message) is not None
    return message == wanted


def _problem(
    record: Record, wanted: bytes | re.Pattern[bytes], times: int | None, met: int
) -> list[str]:
    what = repr(wanted) if isinstance(wanted, re.Pattern) else shown(wanted)
    asked = "" if times is None else f", not {_times(times)}"
    lines = [f"{what} was received {_times(met)}{asked}"]
    forgotten = record.total - len(record.messages)
    if forgotten:
        lines += [f"{forgotten} messages are no longer kept: see max_received"]
    if not met and times != 0 and isinstance(wanted, bytes):
        lines += _difference(record, wanted)
    return [*lines, "received:", *(f"  {line}" for line in record.lines())]


def _times(count: int) -> str:
    return {0: "never", 1: "once"}.get(count, f"{count} times")


def _difference(record: Record, wanted: bytes) -> list[str]:
    """Return lines that show how the most similar message differs."""
    alike = SequenceMatcher(b=_text(wanted), autojunk=False)
    best, nearest = 0.0, None
    for message in record.messages[-MOST_LINES:]:
        alike.set_seq1(_text(message))
        if alike.quick_ratio() > best and (ratio := alike.ratio()) > best:
            best, nearest = ratio, message
    if nearest is None or best < 0.5:
        return []
    at = _first_difference(wanted, nearest)
    begin = max(0, at - MOST_BYTES // 4)
    end = begin + MOST_BYTES
    pair = [repr(wanted[begin:end])[2:-1]], [repr(nearest.data[begin:end])[2:-1]]
    where = f"connection {nearest.connection}, message {nearest.number}"
    return [
        f"the most similar ({where}) differs from byte {at} on:",
        *(f"  {line.rstrip()}" for line in ndiff(*pair)),
    ]


def _text(data: bytes) -> str:
    return data[:MOST_BYTES].decode("latin-1")


def _first_difference(one: bytes, other: bytes) -> int:
    pairs = zip(one, other, strict=False)
    shorter = min(len(one), len(other))
    return next((at for at, (left, right) in enumerate(pairs) if left != right), shorter)
