"""Running a plan with the engine that was chosen, from a command: with a display and Ctrl-C.

Only the engine that is used is imported; the reactor's engine takes the global reactor, which can
run once in a process.

SIGINT and SIGTERM end the clients early, and the report of what was found until then follows. A
second one ends everything at once.
"""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal, cast

from .conversation import ReplyObserver
from .live import Display
from .openfiles import raise_open_files
from .plan import Plan
from .reactors import install_fastest
from .report import Report
from .standing import Watch
from .target import Target

Engine = Literal["reactor", "threads"]
"""Who drives the clients."""

ENGINES: tuple[Engine, ...] = ("reactor", "threads")
"""The names of the engines, as on the command line."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run_engine(
    engine: Engine,
    plan: Plan,
    target: Target,
    on_reply: ReplyObserver | None = None,
    *,
    quiet: bool = False,
) -> Report:
    """Carry out a plan and return the report, which says so if it was interrupted.

    How far it is is shown meanwhile, unless ``quiet``. Raises KeyboardInterrupt if it was
    interrupted twice, and ValueError for a target that the engine cannot connect to.
    """
    raise_open_files()
    run: Callable[..., Report] = _run_threads if engine == "threads" else _run_reactor
    began = time.time()
    report = run(plan, target, on_reply, quiet=quiet)
    return report if report.began else replace(report, began=began)


def _run_threads(
    plan: Plan, target: Target, on_reply: ReplyObserver | None, *, quiet: bool
) -> Report:
    from .threads import ThreadedFleet  # noqa: PLC0415 - see the module's docstring

    fleet = ThreadedFleet(target, plan, on_reply=on_reply)
    with _interruptible(fleet.stop, _interrupt), _display(fleet, plan, quiet=quiet):
        return fleet.run()


def _run_reactor(
    plan: Plan, target: Target, on_reply: ReplyObserver | None, *, quiet: bool
) -> Report:
    install_fastest()
    from twisted.internet import reactor  # noqa: PLC0415 - see the module's docstring

    from .fleet import Fleet  # noqa: PLC0415 - see the module's docstring

    loop: Any = reactor
    fleet = Fleet(loop, target, plan, on_reply=on_reply)
    ended: list[Any] = []

    def end(result: object) -> None:
        ended.append(result)
        loop.stop()

    loop.callWhenRunning(lambda: fleet.run().addBoth(end))
    with (
        _interruptible(
            lambda: loop.callFromThread(fleet.stop), lambda: loop.callFromThread(loop.stop)
        ),
        _display(fleet, plan, quiet=quiet),
    ):
        loop.run(installSignalHandlers=False)
    if not ended:
        raise KeyboardInterrupt  # the reactor was stopped before the fleet had ended
    if not isinstance(ended[0], Report):
        ended[0].raiseException()
    return cast(Report, ended[0])


@contextmanager
def _interruptible(stop: Callable[[], None], abandon: Callable[[], None]) -> Iterator[None]:
    """Have the first signal call ``stop``, and those after it ``abandon``, from their handler.

    Only the main thread gets signals; anywhere else nothing happens.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    calls = iter([stop])

    def interrupted(_signal: int, _frame: object) -> None:
        next(calls, abandon)()

    before = {number: signal.signal(number, interrupted) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt() -> None:
    raise KeyboardInterrupt


def _display(fleet: Any, plan: Plan, *, quiet: bool) -> Display:
    return Display(
        sys.stderr, plan, Watch(fleet.outcomes, fleet.recordings, fleet.now), quiet=quiet
    )
