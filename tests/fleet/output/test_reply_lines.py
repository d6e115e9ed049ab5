"""Lines a reply: written by a thread of their own, whose faults nobody else meets."""

import errno
import threading
import unittest

from twistecho.fleet.output.reply_lines import ReplyLines


class ReplyLinesTests(unittest.TestCase):
    """What is written, and what happens where nothing can be."""

    def test_all_is_written_in_order_by_another_thread(self) -> None:
        """Before the block is left."""
        written: list[tuple[int, bytes, bool]] = []
        here = threading.current_thread()

        def write(client: int, reply: bytes) -> None:
            written.append((client, reply, threading.current_thread() is here))

        with ReplyLines(write) as lines:
            for client in range(100):
                lines(client, b"reply")
        assert written == [(client, b"reply", False) for client in range(100)]

    def test_an_error_is_told_once_and_meets_nobody_who_adds_a_line(self) -> None:
        """However many more come than may wait."""
        told: list[str] = []
        tried: list[int] = []

        def write(client: int, _reply: bytes) -> None:
            tried.append(client)
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

        with ReplyLines(write) as lines:
            lines.on_error(lambda: told.append("first"))
            for client in range(30_000):
                lines(client, b"reply")
        assert (tried, told) == ([0], ["first"])
        lines.on_error(lambda: told.append("later"))
        assert told == ["first", "later"]
