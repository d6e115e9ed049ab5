"""One of the processes that carry out a plan together, as its parent's child.

``python -m twistecho.fleet.runs.fleet_process`` reads one line of JSON from its standard input,

    {"engine": ..., "target": ..., "plan": {...}}

and writes lines of JSON to its standard output: how far it is now and then, that its clients have
all connected where the plan has a barrier, and at last what it found, or what was wrong:

    {"standing": {...}}   {"together": true}   {"report": {...}}   {"error": "..."}

At a barrier it goes on once it is sent a second line. SIGINT has it report what it has found until
then.
"""

import json
import sys
import threading
from typing import Any

from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.target import parse_target
from twistecho.fleet.reports.progress import Progress

from .run import Engine, engine_named, run_engine

_PROGRESS_EVERY = 0.5


class Line:
    """The line to the parent; any thread may speak."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def say(self, kind: str, value: Any) -> None:
        """Send one line."""
        text = json.dumps({kind: value}, separators=(",", ":"))
        with self._lock:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()

    def await_others(self) -> None:
        """Say that all clients here have connected; wait until the parent says that all have."""
        self.say("together", True)
        sys.stdin.readline()


class Telling:
    """Tells the parent how far the run is, as a context manager; see `run.Shown`."""

    def __init__(self, line: Line, progress: Any) -> None:
        self._line = line
        self._progress = progress
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._tell, daemon=True)

    def _tell(self) -> None:
        while not self._over.wait(_PROGRESS_EVERY):
            progress: Progress = self._progress()
            self._line.say("standing", progress.to_dict())

    def __enter__(self) -> None:
        """Begin to tell."""
        self._thread.start()

    def __exit__(self, *_error: object) -> None:
        """Say no more."""
        self._over.set()
        self._thread.join()


def main() -> None:
    """Carry out what the first line of standard input asks for."""
    wanted = json.loads(sys.stdin.readline())
    line = Line()
    engine: Engine = engine_named(wanted["engine"])
    try:
        report = run_engine(
            engine,
            Plan.from_dict(wanted["plan"]),
            parse_target(wanted["target"]),
            display=lambda progress: Telling(line, progress),
            together=line.await_others,
        )
    except ValueError as error:
        line.say("error", str(error))
    else:
        line.say("report", report.to_dict())


if __name__ == "__main__":
    main()
