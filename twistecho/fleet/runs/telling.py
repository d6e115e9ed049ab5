"""The child's side of a `fleet_process`: it reads a request, runs clients, and writes lines."""

import json
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TextIO

from twistecho.base.processes import INTERRUPTED
from twistecho.fleet.reports.progress import Watch

from .run import Shown

_PROGRESS_EVERY = 0.5


class Line:
    """The connection to the parent; any thread may write."""

    def __init__(self, out: TextIO) -> None:
        self._lock = threading.Lock()
        self._out = out

    def say(self, kind: str, value: Any) -> None:
        """Send one line."""
        text = json.dumps({kind: value}, separators=(",", ":"))
        with self._lock:
            self._out.write(text + "\n")
            self._out.flush()

    def await_others(self) -> None:
        """Report that all clients here have connected; wait until the parent lets them continue."""
        self.say("together", True)
        sys.stdin.readline()


@contextmanager
def _telling(line: Line, watch: Watch, *, seconds: bool) -> Iterator[None]:
    """Report progress to the parent, in a thread, while the block runs; see `run.Shown`."""
    over, told = threading.Event(), -1

    def tell(*, at_end: bool = False) -> None:
        nonlocal told
        for second in watch.seconds(told, over=at_end) if seconds else ():
            line.say("second", second.to_dict())
            told = second.number
        line.say("progress", watch().to_dict())

    def tell_all() -> None:
        while not over.wait(_PROGRESS_EVERY):
            tell()
        tell(at_end=True)

    thread = threading.Thread(target=tell_all, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


Said = Iterable[tuple[str, Any]]
"""The final lines: the kind of each, and its JSON data."""


def tell_parent(out: TextIO, run: Callable[[Any, Line, Shown], Said]) -> None:
    """Carry out the request in the first line of standard input with ``run``, and report it.

    ``run`` gets the request as JSON data, the connection to the parent, and the display of
    progress. It returns the final lines, or raises ValueError, which is reported instead.
    """
    line, begun = Line(out), threading.Event()

    def interrupted(_signal: int, _frame: object) -> None:
        """Exit before the clients have begun; after they have ended, still report."""
        if not begun.is_set():
            sys.exit(INTERRUPTED)

    def display(watch: Watch) -> AbstractContextManager[object]:
        """Return the display of progress; from here on the engine handles SIGINT."""
        begun.set()
        return _telling(line, watch, seconds=wanted["seconds"])

    signal.signal(signal.SIGINT, interrupted)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    asked = sys.stdin.readline()
    if not asked:
        return  # the parent has ended without a request
    wanted = json.loads(asked)
    try:
        found = run(wanted, line, display)
    except ValueError as error:
        found = [("error", str(error))]
    # At exit Python restores the default action: a signal would kill it while it still reports.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for kind, value in found:
        line.say(kind, value)
