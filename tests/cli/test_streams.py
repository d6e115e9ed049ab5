"""Standard output that is closed, full, without a reader, or of ASCII alone."""

import errno
import os
import subprocess
import sys
import unittest

from tests.support.commands import echoing
from twistecho.cli.streams import OutputError, prepare_streams

TWISTECHO = f"{sys.executable} -m twistecho"
COMMANDS = (
    "--help",
    "check -c1",
    "fleet 1 -c1",
    "serve threaded -p0",
    "compare -D threaded -c1 -d0",
)


def shell(line: str, **env: str) -> "subprocess.CompletedProcess[str]":
    """Run a line of bash's; give its end."""
    return subprocess.run(
        ["/usr/bin/env", "bash", "-c", line],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **env},
    )


class UnwritableTests(unittest.TestCase):
    """Every command ends with one line and exit code 1."""

    def test_a_full_standard_output_is_one_line(self) -> None:
        """Without a traceback, of Python's own end either."""
        for command in COMMANDS:
            with self.subTest(command=command):
                ended = shell(f"exec {TWISTECHO} {command} >/dev/full")
                assert ended.stderr == "Error: standard output: No space left on device\n"
                assert ended.returncode == 1

    def test_a_closed_standard_output_is_one_line(self) -> None:
        """And no connection gets its descriptor; those that start services do so like `serve`."""
        for command in ("--help", "fleet 1 -c1", "serve threaded -p0"):
            with self.subTest(command=command):
                ended = shell(f"exec {TWISTECHO} {command} >&-")
                assert ended.stderr == "Error: standard output: Bad file descriptor\n"
                assert ended.returncode == 1

    def test_a_file_that_is_full_too_has_its_own_line(self) -> None:
        """None of the faults hides the other."""
        ended = shell(f"exec {TWISTECHO} fleet 1 -q -c1 --json /dev/full >/dev/full")
        assert ended.stderr == (
            "Error: --json /dev/full: No space left on device\n"
            "Error: standard output: No space left on device\n"
        )
        assert ended.returncode == 1

    def test_a_run_whose_reader_has_gone_ends_in_silence(self) -> None:
        """With exit code 1, on both engines, and nobody is said to have failed."""
        with echoing(reply="raw") as target:
            for engine in ("reactor", "threads"):
                plan = f"-rraw -c50 -n200 -qv -e {engine} --json /dev/fd/3"
                fleet = f"{TWISTECHO} fleet {target} {plan}"
                ended = shell(f"set -o pipefail; {{ {fleet} | head -1 >/dev/null; }} 3>&1")
                assert (ended.returncode, ended.stderr) == (1, "")
                assert '"failures": {},' in ended.stdout


class StreamTests(unittest.TestCase):
    """What is said and shown."""

    def test_what_is_wrong_is_one_line_and_nothing_where_the_reader_has_gone(self) -> None:
        """Who has gone knows."""
        assert str(OutputError(errno.ENOSPC, "full")) == "standard output: full"
        assert str(OutputError(errno.EPIPE, "Broken pipe")) == ""

    def test_characters_that_a_terminal_does_not_know_are_escaped(self) -> None:
        """And an ellipsis keeps its width."""
        prepare_streams()
        assert "a\N{HORIZONTAL ELLIPSIS}b\xe9".encode("ascii", "twistecho-plain") == b"a.b\\xe9"
