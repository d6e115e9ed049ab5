"""One plan carried out in a process of its own, which asks and answers in JSON.

``python -m twistecho.fleet.runs.runner ENGINE TARGET`` reads a plan from its standard input, says
that it begins in one line, and writes the report. A process a run: the global reactor runs once in
a process, no run inherits another one's garbage, and whoever measures the server meanwhile does not
share an interpreter with a thousand clients.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING

from twistecho.base.processes import command
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.target import Target, parse_target
from twistecho.fleet.reports.progress import Progress
from twistecho.fleet.reports.report import Report

from .run import Engine, run_engine

if TYPE_CHECKING:
    from typing_extensions import Self

INTERRUPTED = 130
"""The exit code of a run that was ended before its clients began: there is nothing to report."""

_BEGINS = "begins\n"
_NEEDED = {
    "reactor": ("twisted.internet.reactor", "twistecho.fleet.reactor_engine.fleet"),
    "threads": ("twistecho.fleet.thread_engine.fleet",),
}


class RunError(RuntimeError):
    """A run gave no report; the message is what it said."""


class Running:
    """A run in a process of its own, as a context manager; it is killed if the block is left."""

    def __init__(self, engine: Engine, target: Target, plan: Plan) -> None:
        self._command = command(__spec__.name, engine, str(target))
        self._plan = plan

    def __enter__(self) -> "Self":
        """Start the process."""
        self._process = subprocess.Popen(  # noqa: S603 - our own command, no shell
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        return self

    def report(self, interlude: Callable[[], object], after: float | None) -> Report:
        """Wait for the report; call ``interlude`` in between, so many seconds after the begin.

        Raises RunError where the process gives no report.
        """
        self._begin()
        try:
            said, wrong = self._process.communicate(timeout=after)
        except subprocess.TimeoutExpired:
            interlude()
            said, wrong = self._process.communicate()
        if self._process.returncode:
            raise RunError(wrong.strip().rpartition("\n")[2] or "the clients' process was killed")
        return Report.from_json(said)

    def _begin(self) -> None:
        process = self._process
        if process.stdin is None or process.stdout is None:
            raise RunError("no pipes")
        with suppress(BrokenPipeError):  # it has died; its exit code tells
            process.stdin.write(json.dumps(self._plan.to_dict()) + "\n")
            process.stdin.flush()
        # Not readline: what it would read ahead of a quick run is lost to communicate().
        os.read(process.stdout.fileno(), len(_BEGINS))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Make sure that the process is gone."""
        process = self._process
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


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
        sys.stdout.write(_BEGINS)
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
