"""Which time to go by: one that no step of the wall clock can move."""

import time
from collections.abc import Callable

from twisted.internet.interfaces import IReactorCore, IReactorTime


def monotonic_for(clock: IReactorTime) -> Callable[[], float]:
    """Choose how to tell the time, in seconds, beside this clock.

    A reactor's own `seconds` is the wall clock, which can step; a test's clock is its own time.
    """
    if IReactorCore.providedBy(clock):
        return time.monotonic
    return clock.seconds
