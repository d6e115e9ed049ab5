"""The child's end of a `fleet_process`: it is asked, runs clients, and tells of them by lines."""

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
    """The line to the parent; any thread may speak."""

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
        """Say that all clients here have connected; wait until the parent says that all have."""
        self.say("together", True)
        sys.stdin.readline()


@contextmanager
def _telling(line: Line, watch: Watch, *, seconds: bool) -> Iterator[None]:
    """Tell the parent how far the run is, in a thread, while the block runs; see `run.Shown`."""
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
"""What is said at last, a line each: of what kind it is, and the JSON data."""


def tell_parent(out: TextIO, run: Callable[[Any, Line, Shown], Said]) -> None:
    """Carry out what the first line of standard input asks for, by ``run``, and tell of it.

    ``run`` is given what is wanted, as JSON data, the line to the parent, and what shows how far
    the clients are. It gives what they found, or raises ValueError, which is told instead.
    """
    line, begun = Line(out), threading.Event()

    def interrupted(_signal: int, _frame: object) -> None:
        """End before the clients have begun; after they have ended, report all the same."""
        if not begun.is_set():
            sys.exit(INTERRUPTED)

    def display(watch: Watch) -> AbstractContextManager[object]:
        """Tell how far the run is; from here on the engine sees to SIGINT."""
        begun.set()
        return _telling(line, watch, seconds=wanted["seconds"])

    signal.signal(signal.SIGINT, interrupted)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    asked = sys.stdin.readline()
    if not asked:
        return  # the parent has ended before it said anything
    wanted = json.loads(asked)
    try:
        found = run(wanted, line, display)
    except ValueError as error:
        found = [("error", str(error))]
    # Python's own end would have the signal kill again, with what was found on its way.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for kind, value in found:
        line.say(kind, value)
