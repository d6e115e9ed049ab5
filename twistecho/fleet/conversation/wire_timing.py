"""The time that a message and its reply are on the wire: of a sample of a client's messages.

From the system call that sent the message to when the kernel had received its reply: what is before
and after that is the fleet's own. An engine that can tell both gives its conversation a
`WireTiming`, which calls it when a message is to be timed and when that is over. Only messages that
find no other one in flight are timed: the next reply is theirs.
"""

from collections.abc import Callable

_EACH_SECOND = 2500
"""Samples that all clients of a run aim at: they cost a processor some 2 % (8 us each)."""

_LONGEST_STRIDE = 64


class WireTiming:
    """Chooses one client's messages, one in `stride`, and times one at a time.

    The engine sets ``sent``, the time before the system call, and ``arrived``, in seconds from the
    start of the run, while it is ``running``. ``next`` is the number of the message that is timed
    next. The stride follows the pace: a client of few messages has them all timed.
    """

    __slots__ = ("_begin", "_counted", "_end", "_ended", "_interval", "arrived", "next", "running",
                 "sent", "stands_for", "stride")  # fmt: skip

    def __init__(
        self, clients: int, begin: Callable[[], object], end: Callable[[], object]
    ) -> None:
        self._begin, self._end = begin, end
        self._interval = clients / _EACH_SECOND
        self._ended = 0.0
        self.running = False
        self.sent: float | None = None
        self.arrived: float | None = None
        self.next = 0
        self.stride = 1
        self.stands_for = self._counted = 0

    def begin(self, number: int) -> None:
        """Have the engine time the message of this number, which is handed over now.

        It ``stands_for`` itself and those before it that were not timed.
        """
        self.running = True
        self.stands_for, self._counted = number + 1 - self._counted, number + 1
        self.sent = self.arrived = None
        self._begin()

    def end(self, handed: int, now: float) -> float | None:
        """Give what the message took, where both times are known; choose the next one.

        ``handed`` messages were handed over until now.
        """
        self.running = False
        self._end()
        passed, self._ended = now - self._ended, now
        if passed < self._interval:
            self.stride = min(_LONGEST_STRIDE, 2 * self.stride)
        elif passed > 2 * self._interval and self.stride > 1:
            self.stride //= 2
        self.next = handed + self.stride - 1
        sent, arrived = self.sent, self.arrived
        # A clock that steps meanwhile shows as a reply from before its message, or from now on.
        if sent is None or arrived is None or not sent <= arrived <= now:
            return None
        return arrived - sent
