"""One plan after the other over the same connections; each plan is chosen after the previous run.

Only the engine in use is imported, and signals are handled, as in `run`.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twistecho.base.processes import ended_at_once, raise_open_files
from twistecho.eagerreactor import install_fastest
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.target import Target
from twistecho.fleet.reports.report import Report

from .engine import Engine
from .run import Shown, Together, interruptible, watch_of

NextPlan = Callable[[Report | None], Plan | None]
"""Returns the next plan, given the report on the previous one; None if there is no other.

It may block: it is called in another thread, or while nothing else needs this one.
"""

ShownEach = Callable[[Plan], Shown]
"""Returns the display for the run of a plan."""


@dataclass(frozen=True)
class _Steps:
    """The arguments of `run_steps`."""

    target: Target
    next_plan: NextPlan
    display: ShownEach
    together: Together

    def following(self, report: Report) -> Plan | None:
        """Pass a report on; return the next plan, None if there is none or it was interrupted."""
        plan = self.next_plan(report)
        return None if report.interrupted else plan


def run_steps(
    engine: Engine,
    target: Target,
    next_plan: NextPlan,
    display: ShownEach,
    *,
    together: Together | None = None,
) -> None:
    """Carry out plans, one after the other; clients with the same numbers stay connected.

    The report of an interrupted plan is passed on, and no plan follows. For ``together`` see
    `run.run_engine`. Raises KeyboardInterrupt if it was interrupted twice, and ValueError for a
    target that the engine cannot connect to.
    """
    raise_open_files()
    steps = _Steps(target, next_plan, display, together or (lambda: None))
    with ended_at_once():
        run = _run_threads if engine == "threads" else _run_reactor
    run(steps)


class _Stopping:
    """Passes a request to end early on to the running fleet, or to the next one."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal handler may run while the same thread holds it
        self._fleet: Any = None
        self._asked = False

    def __call__(self) -> None:
        """End early."""
        with self._lock:
            self._asked = True
            self._pass_on()

    def follow(self, fleet: Any) -> None:
        """Note which fleet is about to run."""
        with self._lock:
            self._fleet = fleet
            self._pass_on()

    def _pass_on(self) -> None:
        if self._asked and self._fleet is not None:
            self._fleet.stop()


def _run_threads(steps: _Steps) -> None:
    from twistecho.fleet.thread_engine.fleet import ThreadedFleet  # noqa: PLC0415 - only if used
    from twistecho.fleet.thread_engine.kept import Kept  # noqa: PLC0415 - likewise

    kept, stopping = Kept(), _Stopping()
    with interruptible(stopping, _interrupt):
        try:
            plan = steps.next_plan(None)
            while plan is not None:
                fleet = ThreadedFleet(steps.target, plan, together=steps.together, kept=kept)
                stopping.follow(fleet)
                with steps.display(plan)(watch_of(fleet)):
                    report = fleet.run()
                plan = steps.following(report)
        finally:
            kept.close()


def _interrupt() -> None:
    raise KeyboardInterrupt


def _run_reactor(steps: _Steps) -> None:
    install_fastest()
    from twisted.internet import reactor  # noqa: PLC0415 - importing it installs it
    from twisted.internet.defer import Deferred  # noqa: PLC0415 - the other engine has no Twisted

    loop: Any = reactor
    stopping = _Stopping()
    ended: list[Any] = []

    def begin() -> None:
        Deferred.fromCoroutine(_take_steps(loop, steps, stopping)).addBoth(end)

    def end(result: object) -> None:
        ended.append(result)
        loop.stop()

    def stop() -> None:
        loop.callFromThread(stopping)

    loop.callWhenRunning(begin)
    with interruptible(stop, lambda: loop.callFromThread(loop.stop)):
        loop.run(installSignalHandlers=False)
    if not ended:
        raise KeyboardInterrupt  # the reactor was stopped before the fleet had ended
    if ended[0] is not None:
        ended[0].raiseException()


async def _take_steps(loop: Any, steps: _Steps, stopping: _Stopping) -> None:
    from twisted.internet.threads import deferToThreadPool  # noqa: PLC0415 - see the docstring

    from twistecho.fleet.reactor_engine.fleet import Fleet  # noqa: PLC0415 - likewise
    from twistecho.fleet.reactor_engine.kept import Kept  # noqa: PLC0415 - likewise

    def in_thread(call: Callable[..., Any], *arguments: Any) -> Any:
        return deferToThreadPool(loop, loop.getThreadPool(), call, *arguments)

    def together() -> Any:
        return in_thread(steps.together)

    kept = Kept(loop)
    try:
        plan = await in_thread(steps.next_plan, None)
        while plan is not None:
            fleet = Fleet(loop, steps.target, plan, together=together, kept=kept)
            stopping.follow(fleet)
            with steps.display(plan)(watch_of(fleet)):
                report = await fleet.run()
            plan = await in_thread(steps.following, report)
    finally:
        await kept.close()
