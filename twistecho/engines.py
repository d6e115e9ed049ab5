"""Running a plan with the engine that was chosen, from a command: with progress and Ctrl-C.

Only the engine that is used is imported; the reactor's engine takes the global reactor, which can
run once in a process.
"""

import sys
from collections.abc import Callable
from typing import Any, Literal, cast

from .conversation import ReplyObserver
from .openfiles import raise_open_files
from .plan import Plan
from .reactors import install_fastest
from .render import Progress
from .report import Report
from .target import Target

Engine = Literal["reactor", "threads"]
"""Who drives the clients."""

ENGINES: tuple[Engine, ...] = ("reactor", "threads")
"""The names of the engines, as on the command line."""


def run_engine(
    engine: Engine, plan: Plan, target: Target, on_reply: ReplyObserver | None = None
) -> Report:
    """Carry out a plan and return the report. Raises KeyboardInterrupt, and ValueError for a target
    that the engine cannot connect to.
    """  # noqa: D205 - one sentence
    raise_open_files()
    run: Callable[..., Report] = _run_threads if engine == "threads" else _run_reactor
    return run(plan, target, on_reply)


def _run_threads(plan: Plan, target: Target, on_reply: ReplyObserver | None) -> Report:
    from .threads import ThreadedFleet  # noqa: PLC0415 - see the module's docstring

    fleet = ThreadedFleet(target, plan, on_reply=on_reply)
    with _progress(fleet, plan):
        return fleet.run()


def _run_reactor(plan: Plan, target: Target, on_reply: ReplyObserver | None) -> Report:
    install_fastest()
    from twisted.internet import reactor  # noqa: PLC0415 - see the module's docstring

    from .fleet import Fleet  # noqa: PLC0415 - see the module's docstring

    loop: Any = reactor
    fleet = Fleet(loop, target, plan, on_reply=on_reply)
    ended: list[Any] = []

    def end(result: object) -> None:
        if not ended:
            ended.append(result)
            loop.stop()

    def start() -> None:
        # Clients that the end of the reactor takes along have found nothing.
        loop.addSystemEventTrigger("before", "shutdown", ended.append, None)
        fleet.run().addBoth(end)

    loop.callWhenRunning(start)
    with _progress(fleet, plan):
        loop.run()
    if ended[0] is None:
        raise KeyboardInterrupt  # the reactor turned SIGINT into its own end
    if not isinstance(ended[0], Report):
        ended[0].raiseException()
    return cast(Report, ended[0])


def _progress(fleet: Any, plan: Plan) -> Progress:
    return Progress(sys.stderr, plan, fleet.outcomes, lambda: fleet.answered)
