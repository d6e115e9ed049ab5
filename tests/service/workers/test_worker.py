"""A worker's own part: what it logs. The rest is seen from outside, in `test_pool`."""

import io
import unittest
from pathlib import Path
from unittest import mock

import pytest
from twisted.logger import LogEvent, Logger, eventAsJSON, eventFromJSON, formatEvent

from twistecho.service.workers.worker import _assignment, with_text


class LogTests(unittest.TestCase):
    """Events, on their way through JSON."""

    def through(self, event: LogEvent) -> LogEvent:
        """Give what the process that started the worker reads."""
        return eventFromJSON(eventAsJSON(with_text(event)))

    def logged(self) -> list[LogEvent]:
        """Log one line and one failure."""
        events: list[LogEvent] = []
        ours = Logger(observer=events.append)  # type: ignore[arg-type]  # a plain callable
        ours.warn("{peer} has gone", peer="127.0.0.1:5")
        try:
            Path("/nonexistent").stat()
        except OSError:
            ours.failure("The connection of {peer} failed", peer="127.0.0.1:5")
        return events

    def test_a_line_stays_as_it_is(self) -> None:
        """Its level and its fields too."""
        line, _ = self.logged()
        read = self.through(line)
        assert formatEvent(read) == "127.0.0.1:5 has gone"
        assert (read["peer"], read["log_level"]) == ("127.0.0.1:5", line["log_level"])

    def test_a_failure_keeps_what_it_said(self) -> None:
        """Where it was raised, and why."""
        _, failure = self.logged()
        text = str(formatEvent(self.through(failure)))
        assert text.startswith("The connection of 127.0.0.1:5 failed\nTraceback")
        assert text.endswith("No such file or directory: '/nonexistent'")


class AssignmentTests(unittest.TestCase):
    """What it is to do, from the process that started it."""

    def test_a_parent_that_has_ended_ends_it(self) -> None:
        """Without a traceback, whether it says nothing or half of it."""
        for said in (b"", b"\x80\x04\x95\x10"):
            with (
                self.subTest(said=said),
                mock.patch("os.write"),
                mock.patch("sys.stdin", mock.Mock(buffer=io.BytesIO(said))),
                pytest.raises(SystemExit) as ended,
            ):
                _assignment()
            assert ended.value.code == 1
