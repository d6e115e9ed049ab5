"""The received messages, as a test sees them, and the errors if they are not as expected."""

import copy
import pickle
import re
from unittest import TestCase

from twistecho.testing.received import ReceivedMessage, Record, check_received

THREE = Record(
    3,
    [
        ReceivedMessage(0, 0, b"GET /a"),
        ReceivedMessage(1, 0, b"GET /b"),
        ReceivedMessage(0, 1, b"GET /a"),
    ],
)


class ReceivedMessageTests(TestCase):
    """A message is its bytes."""

    def test_it_is_compared_as_bytes(self) -> None:
        """Alone, and in a list; a difference is shown as bytes are."""
        assert list(THREE.messages) == [b"GET /a", b"GET /b", b"GET /a"]
        message = THREE.messages[1]
        assert message.startswith(b"GET")
        assert (message.connection, message.number, message.data) == (1, 0, b"GET /b")
        assert type(message.data) is bytes
        assert repr(message) == "b'GET /b'"

    def test_it_can_be_copied(self) -> None:
        """And sent to another process, as xdist's."""
        message = THREE.messages[1]
        for other in (copy.copy(message), pickle.loads(pickle.dumps(message))):  # noqa: S301 - our own
            assert (other, other.connection, other.number) == (b"GET /b", 1, 0)

    def test_what_came_on_a_connection_is_joined(self) -> None:
        """In the order of arrival."""
        assert THREE.data(0) == b"GET /aGET /a"
        assert THREE.data(7) == b""


class CheckTests(TestCase):
    """Messages that are as expected, and their number."""

    def check_fails(
        self,
        expected: bytes | str | re.Pattern[bytes],
        times: int | None = None,
        record: Record = THREE,
    ) -> list[str]:
        """Return the lines of a failure."""
        with self.assertRaises(AssertionError) as failed:
            check_received(record, expected, times)
        return str(failed.exception).splitlines()

    def test_what_was_received_passes(self) -> None:
        """The whole of a message, in bytes or text, or a pattern somewhere in it."""
        check_received(THREE, b"GET /a", None)
        check_received(THREE, "GET /b", 1)
        check_received(THREE, b"GET /a", 2)
        check_received(THREE, re.compile(rb"/[ab]$"), 3)
        check_received(THREE, b"GET", 0)

    def test_the_number_of_times_is_said(self) -> None:
        """With the received messages."""
        assert self.check_fails(b"GET /a", 3) == [
            "b'GET /a' was received 2 times, not 3 times",
            "received:",
            "  connection 0, message 0: b'GET /a'",
            "  connection 1, message 0: b'GET /b'",
            "  connection 0, message 1: b'GET /a'",
        ]
        assert self.check_fails(b"GET /b", 0)[0] == "b'GET /b' was received once, not never"
        assert self.check_fails(re.compile(b"q"))[0] == "re.compile(b'q') was received never"

    def test_the_difference_to_the_most_alike_is_shown(self) -> None:
        """From where it begins, also far behind."""
        assert self.check_fails(b"GET /bc")[1:5] == [
            "the most similar (connection 1, message 0) differs from byte 6 on:",
            "  - GET /bc",
            "  ?       -",
            "  + GET /b",
        ]
        long = b"\x00" * 5000
        record = Record(1, [ReceivedMessage(2, 3, long + b"a" + long)])
        lines = self.check_fails(long + b"b" + long, record=record)
        assert lines[1] == "the most similar (connection 2, message 3) differs from byte 5000 on:"
        assert sum(map(len, lines)) < 4000

    def test_nothing_alike_is_no_difference(self) -> None:
        """No messages at all have none either."""
        assert self.check_fails(b"\xff\xfe")[1] == "received:"
        assert self.check_fails(b"x", record=Record(0, []))[1:] == ["received:", "  nothing"]

    def test_what_is_not_kept_is_said(self) -> None:
        """The missing message may be among them."""
        forgetful = Record(1001, THREE.messages)
        assert "998 messages are no longer kept: see max_received" in self.check_fails(
            b"x", record=forgetful
        )

    def test_what_is_shown_is_bounded_and_escaped(self) -> None:
        """For any number of messages, with any bytes."""
        hostile = b"\x1b[2J\r\n\xff" * 10000
        record = Record(2000, [ReceivedMessage(0, at, hostile) for at in range(1000)])
        lines = record.lines()
        assert lines[0] == "1950 earlier messages are not shown"
        assert len(lines) == 51
        assert all(line.isascii() and line.isprintable() for line in lines)
        assert max(map(len, lines)) < 1000
        assert lines[-1].endswith(f"... ({len(hostile)} bytes)")

    def test_a_pattern_of_text_is_refused(self) -> None:
        """It cannot be searched for in bytes."""
        with self.assertRaisesRegex(TypeError, "messages are bytes"):
            check_received(THREE, re.compile("x"), None)  # type: ignore[arg-type]
