"""The line that says in words where ``twist echo`` listens, also where the log is JSON."""

import io
import json
import subprocess
import sys
import unittest
from unittest import mock

from twistecho.service.process.first_line import HINT, FirstLine, first_line_for


class Terminal(io.StringIO):
    """A file that is a terminal."""

    def isatty(self) -> bool:
        """Return that it is one."""
        return True


class FirstLineTests(unittest.TestCase):
    """What is written beside the log."""

    def test_how_to_have_words_is_said_once(self) -> None:
        """After the first of several ports."""
        written = io.StringIO()
        line = FirstLine(written)
        line.write("Listening on a")
        line.write("Listening on b")
        first, how, second = written.getvalue().splitlines()
        assert (first, second) == ("Listening on a" + HINT, "Listening on b" + HINT)
        assert "--log-format=text" in how

    def test_nothing_is_written_beside_a_log_of_words(self) -> None:
        """The log has the line itself."""
        FirstLine().write("Listening on a")

    def test_a_closed_stream_does_not_stop_the_service(self) -> None:
        """Standard error may be closed, or a pipe that nobody reads."""
        closed = io.StringIO()
        closed.close()
        FirstLine(closed).write("a")
        broken = mock.Mock(**{"write.side_effect": BrokenPipeError})
        line = FirstLine(broken)
        line.write("a")
        line.write("b")
        broken.write.assert_called_once()


class FirstLineForTests(unittest.TestCase):
    """What is chosen by the options of ``twist``."""

    def test_a_json_log_has_it_on_standard_error(self) -> None:
        """With how to stop; the log's own line has no hint."""
        stderr = io.StringIO()
        line = first_line_for({"logFormat": "json", "logFile": io.StringIO()}, stderr)
        line.write("Listening on a")
        assert (line.hint, stderr.getvalue().splitlines()[0]) == ("", "Listening on a" + HINT)

    def test_a_log_of_words_has_the_hint_on_a_terminal_alone(self) -> None:
        """A service manager's journal, and twistd, need none."""
        stderr = io.StringIO()
        for twist, hint in (
            ({"logFormat": "text", "logFile": Terminal()}, HINT),
            ({"logFormat": "text", "logFile": io.StringIO()}, ""),
            ({}, ""),
        ):
            line = first_line_for(twist, stderr)
            line.write("a")
            assert line.hint == hint
        assert stderr.getvalue() == ""


class RedirectedTests(unittest.TestCase):
    """``twist echo`` with its log in a pipe."""

    def test_it_says_where_it_listens(self) -> None:
        """On standard error, in words; the log stays JSON."""
        command = [sys.executable, "-m", "twisted", "echo", "--port=0"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as service:
            try:
                assert service.stderr is not None
                assert service.stdout is not None
                line = service.stderr.readline()
                logged = service.stdout.readline()
            finally:
                service.terminate()
                service.communicate(timeout=60)
        port = json.loads(logged.lstrip("\x1e"))["port"]
        assert line.startswith(f"Listening on 127.0.0.1:{port}: ")
        assert line.endswith(HINT + "\n")
