"""A check whether the reactor runs, or can run, where a fleet is started."""

import asyncio

from twisted.internet.interfaces import IReactorCore
from twisted.python.threadable import isInIOThread

from twistecho.base.reactor_types import is_for_tests

_WHAT_TO_DO = (
    "an asyncio loop runs here (as in Jupyter), not Twisted's reactor: use "
    "report = await asyncio.to_thread(twistecho.run_threads, plan, target), or before anything "
    "imports the reactor twisted.internet.asyncioreactor.install(asyncio.get_running_loop()), "
    "then reactor.startRunning(installSignalHandlers=False) and "
    "report = await Fleet(reactor, target, plan).run().asFuture(asyncio.get_running_loop())"
)


def check_will_run(reactor: object) -> None:
    """Raise RuntimeError, with advice, where an asyncio loop runs instead of the reactor.

    A reactor cannot start while that loop runs, so the caller would wait for ever.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    if is_for_tests(reactor) or not IReactorCore.providedBy(reactor):
        return
    if not (getattr(reactor, "running", False) and isInIOThread()):
        raise RuntimeError(_WHAT_TO_DO)
