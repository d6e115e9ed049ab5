"""One plan carried out in a process of its own, which asks and answers in JSON.

``python -m twistecho.fleet.runs.runner ENGINE TARGET`` reads a plan from its standard input, says
that it begins in one line, and writes the report. A process a run: the global reactor runs once in
a process, no run inherits another one's garbage, and whoever measures the server meanwhile does not
share an interpreter with a thousand clients.
"""

import json
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module

from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.target import parse_target
from twistecho.fleet.reports.progress import Progress

from .run import Engine, run_engine

INTERRUPTED = 130
"""The exit code of a run that was ended before its clients began: there is nothing to report."""

BEGINS = "begins\n"
"""What it says when it begins."""

_NEEDED = {
    "reactor": ("twisted.internet.reactor", "twistecho.fleet.reactor_engine.fleet"),
    "threads": ("twistecho.fleet.thread_engine.fleet",),
}


class _Begun:
    """Whether the clients have begun: from then on SIGINT has what was found reported.

    The engine sees to that while it runs; before that the process is to end, and after that it is
    to report all the same.
    """

    def __init__(self) -> None:
        self._begun = False
        signal.signal(signal.SIGINT, self._interrupted)

    def __bool__(self) -> bool:
        """Tell whether they have."""
        return self._begun

    def _interrupted(self, _signal: int, _frame: object) -> None:
        if not self._begun:
            raise KeyboardInterrupt

    def display(self, _progress: Callable[[], Progress]) -> AbstractContextManager[object]:
        """Show nothing; the engine calls this once it sees to SIGINT itself."""
        self._begun = True
        return nullcontext()


def main(arguments: Sequence[str]) -> None:
    """Carry out the plan on standard input and write the report to standard output."""
    engine: Engine = "threads" if arguments[0] == "threads" else "reactor"
    plan = Plan.from_dict(json.loads(sys.stdin.readline()))
    for module in _NEEDED[engine]:
        import_module(module)
    begun = _Begun()
    try:
        sys.stdout.write(BEGINS)
        sys.stdout.flush()
        report = run_engine(engine, plan, parse_target(arguments[1]), display=begun.display)
    except KeyboardInterrupt:
        if begun:
            raise
        sys.exit(INTERRUPTED)
    # Python's own end would have the signal kill again, with the report written.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stdout.write(report.to_json())


if __name__ == "__main__":
    main(sys.argv[1:])
