"""Ctrl-C while modules are imported."""

import signal
import subprocess
import sys
import unittest

from twistecho.base.processes import ended_at_once

SWALLOWING = """
import signal
from twistecho.base.processes import ended_at_once
with ended_at_once():
    try:
        signal.raise_signal(signal.SIGINT)
    except BaseException:
        pass
print("still here")
"""


class EndedAtOnceTests(unittest.TestCase):
    """A process, and what is left of its handler."""

    def test_the_process_ends_with_one_line_whoever_swallows_exceptions(self) -> None:
        """Exit code 130."""
        ended = subprocess.run(
            [sys.executable, "-c", SWALLOWING], capture_output=True, text=True, check=False
        )
        assert (ended.returncode, ended.stdout) == (130, "")
        assert ended.stderr == "Error: interrupted\n"

    def test_a_handler_stays(self) -> None:
        """Python's own comes back, and another one is left alone."""
        before = signal.getsignal(signal.SIGINT)
        self.addCleanup(signal.signal, signal.SIGINT, before)
        for handler in (signal.default_int_handler, signal.SIG_IGN):
            signal.signal(signal.SIGINT, handler)
            with ended_at_once():
                changed = signal.getsignal(signal.SIGINT) is not handler
            assert changed == (handler is signal.default_int_handler)
            assert signal.getsignal(signal.SIGINT) is handler
