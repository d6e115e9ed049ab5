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


def count_monotonic(reactor: IReactorTime) -> None:
    """Have a reactor that counts wall-clock time count monotonic time from now on.

    Its timers would otherwise stall for as long as the wall clock is set back. Only the edge of a
    process may do this, before anything was scheduled; a reactor with timers is left as it is.
    """
    counts_wall_clock = abs(reactor.seconds() - time.time()) < 60
    if counts_wall_clock and not reactor.getDelayedCalls():
        reactor.seconds = time.monotonic  # type: ignore[method-assign]
