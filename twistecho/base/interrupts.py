"""Ctrl-C while modules are imported: no moment for exceptions, which libraries may swallow."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

INTERRUPTED = 130
"""The exit code after Ctrl-C or SIGTERM."""


@contextmanager
def ended_at_once() -> Iterator[None]:
    """Have Ctrl-C end the process at once, with one line, while the block runs.

    Nothing is cleaned up. Somebody's own handler of SIGINT stays, and so it does in other threads.
    """
    mine = threading.current_thread() is threading.main_thread()
    if not mine or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(_signal: int, _frame: object) -> None:
    try:
        os.write(2, b"Error: interrupted\n")
    finally:
        os._exit(INTERRUPTED)
