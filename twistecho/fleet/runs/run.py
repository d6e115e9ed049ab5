"""Running a plan with the chosen engine, from a command: with Ctrl-C, and with a display.

Only the engine in use is imported. The reactor engine uses the global reactor, which can run only
once per process.

SIGINT and SIGTERM end the clients early, and the report follows. A second signal ends everything at
once.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from twistecho.base.processes import ended_at_once, raise_open_files
from twistecho.eagerreactor import install_fastest
from twistecho.fleet.conversation.in_flight import ReplyObserver
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.target import Target
from twistecho.fleet.reports.progress import ProgressWatch, Watch
from twistecho.fleet.reports.report import Report

from .engine import Engine

if TYPE_CHECKING:
    from twistecho.fleet.reactor_engine.fleet import Fleet
    from twistecho.fleet.thread_engine.fleet import ThreadedFleet

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


Shown = Callable[[Watch], AbstractContextManager[object]]
"""Returns a context manager that shows the progress of a watched run."""

Together = Callable[[], object]
"""Called, in a thread, once all clients have connected; they begin when it returns."""

Stoppable = Callable[[Callable[[], None]], object]
"""Called before a run begins with a function that ends it early, like Ctrl-C, from any thread."""


def show_nothing(_watch: Watch) -> AbstractContextManager[object]:
    """Show nothing of a run; see `Shown`."""
    return nullcontext()


def run_engine(
    engine: Engine,
    plan: Plan,
    target: Target,
    on_reply: ReplyObserver | None = None,
    *,
    display: Shown = show_nothing,
    together: Together | None = None,
    stoppable: Stoppable = bool,
) -> Report:
    """Carry out a plan and return the report; its ``interrupted`` is set if the run was.

    Raises KeyboardInterrupt if it was interrupted twice, and ValueError for a target that the
    engine cannot connect to.
    """
    raise_open_files()
    with ended_at_once():
        run = import_engine(engine)
    together = together or (lambda: None)
    return run(
        plan,
        target,
        on_reply=on_reply,
        display=display,
        together=together,
        stoppable=stoppable,
    )


def import_engine(engine: Engine) -> Callable[..., Report]:
    """Import an engine, which takes a moment; return the function that carries out a plan."""
    if engine == "threads":
        from twistecho.fleet.thread_engine.fleet import ThreadedFleet  # noqa: PLC0415 - see the module's docstring

        return partial(_run_threads, ThreadedFleet)
    install_fastest()
    from twisted.internet import reactor  # noqa: PLC0415 - see the module's docstring

    from twistecho.fleet.reactor_engine.fleet import Fleet  # noqa: PLC0415 - likewise

    return partial(_run_reactor, Fleet, reactor)


def check_target(engine: Engine, target: Target) -> None:
    """Raise ValueError for a target whose text shows that an engine cannot connect to it."""
    if target.host is not None or target.path is not None:
        return
    if engine == "threads":
        raise ValueError(f"the threads engine cannot connect to {target}")
    install_fastest()
    from twisted.internet import reactor  # noqa: PLC0415 - see the module's docstring

    from twistecho.fleet.reactor_engine.dial import endpoint_of  # noqa: PLC0415 - likewise

    endpoint_of(reactor, target)


def _run_threads(
    fleet_class: "type[ThreadedFleet]",
    plan: Plan,
    target: Target,
    *,
    on_reply: ReplyObserver | None,
    display: Shown,
    together: Together,
    stoppable: Stoppable,
) -> Report:
    fleet = fleet_class(target, plan, on_reply=on_reply, together=together)
    stoppable(fleet.stop)
    with interruptible(fleet.stop, _interrupt), display(watch_of(fleet)):
        return fleet.run()


def _run_reactor(
    fleet_class: "type[Fleet]",
    loop: Any,
    plan: Plan,
    target: Target,
    *,
    on_reply: ReplyObserver | None,
    display: Shown,
    together: Together,
    stoppable: Stoppable,
) -> Report:
    from twisted.internet.threads import deferToThreadPool  # noqa: PLC0415 - see the module's docstring

    def all_together() -> Any:
        return deferToThreadPool(loop, loop.getThreadPool(), together)

    fleet = fleet_class(loop, target, plan, on_reply=on_reply, together=all_together)
    ended: list[Any] = []

    def end(result: object) -> None:
        ended.append(result)
        loop.stop()

    def stop() -> None:
        loop.callFromThread(fleet.stop)

    loop.callWhenRunning(lambda: fleet.run().addBoth(end))
    stoppable(stop)
    with (
        interruptible(stop, lambda: loop.callFromThread(loop.stop)),
        display(watch_of(fleet)),
    ):
        loop.run(installSignalHandlers=False)
    if not ended:
        raise KeyboardInterrupt  # the reactor was stopped before the fleet had ended
    if not isinstance(ended[0], Report):
        ended[0].raiseException()
    return cast(Report, ended[0])


def watch_of(fleet: Any) -> ProgressWatch:
    """Return the watch of a fleet of either engine."""
    return ProgressWatch(fleet.outcomes, fleet.recordings, fleet.now)


@contextmanager
def interruptible(stop: Callable[[], None], abandon: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` at the first signal, and ``abandon`` at later ones, in the signal handler.

    Only the main thread gets signals; in other threads this does nothing.
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
