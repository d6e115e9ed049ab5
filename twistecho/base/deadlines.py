"""Many timeouts of equal length, one timer.

All deadlines are the same time after their renewal, so the order of renewal is the order of
expiry: renewing moves to the end of one queue, and only the head needs a timer.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from twisted.internet.interfaces import IDelayedCall, IReactorTime

Item = TypeVar("Item")


class Deadlines(Generic[Item]):
    """Calls ``expired(item)`` once an item has not been renewed for ``timeout`` seconds."""

    def __init__(
        self,
        clock: IReactorTime,
        now: Callable[[], float],
        timeout: float,
        expired: Callable[[Item], object],
    ) -> None:
        self._clock = clock
        self._now = now
        self._timeout = timeout
        self._expired = expired
        self._due: OrderedDict[Item, float] = OrderedDict()
        self._timer: IDelayedCall | None = None

    def renew(self, item: Item, now: float) -> None:
        """Give an item, known or new, the whole timeout from ``now``."""
        self._due[item] = now + self._timeout
        self._due.move_to_end(item)
        if self._timer is None:
            self._timer = self._clock.callLater(self._timeout, self._check)

    def discard(self, item: Item) -> None:
        """Forget an item; the timer goes with the last one."""
        self._due.pop(item, None)
        if not self._due and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check(self) -> None:
        self._timer = None
        now = self._now()
        while self._due:
            item, due = next(iter(self._due.items()))
            if due > now:
                self._timer = self._clock.callLater(due - now, self._check)
                return
            del self._due[item]
            self._expired(item)
