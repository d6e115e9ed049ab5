"""What workers have received becomes one record, in the order of arrival.

A worker keeps its messages with the monotonic time at which each came, which is one for all
processes of a machine, until they are fetched. All that came until one moment is fetched at a time.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from twisted.internet.defer import Deferred

from twistecho.service.echo.factory import EchoFactory
from twistecho.service.echo.received import Received

from .links import Links, Replies, Shared
from .orders import Answer, Collect, Collected

BATCH = 2**18
"""Bytes of messages that a worker hands over at a time, or one message."""

_OVERHEAD = 32  # bytes that a message counts for besides its own


class TimedReceived(Received):
    """Messages of one worker, which are handed over by and by; notes when each came."""

    def __init__(
        self, most: int, most_bytes: int, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(most, most_bytes)
        self._monotonic = monotonic
        self._times: deque[float] = deque()
        self._handed_over = 0

    def add(self, connection: int, number: int, data: bytes) -> None:
        """Record a message that has arrived."""
        self._times.append(self._monotonic())
        super().add(connection, number, data)
        while len(self._times) > len(self._kept):
            self._times.popleft()

    def clear(self) -> None:
        """Forget all."""
        self._times.clear()
        self._handed_over = 0
        super().clear()

    def hand_over(self, until: float, most: int = BATCH) -> Collected:
        """Give what came until a time, the first ``most`` bytes of it, and keep it no longer."""
        first = self._kept[0].index if self._kept else self.total
        dropped, self._handed_over = first - self._handed_over, first
        messages: list[tuple[float, int, int, bytes]] = []
        while self._times and self._times[0] <= until and most > 0:
            message = self._kept.popleft()
            self._bytes -= len(message.data)
            most -= len(message.data) + _OVERHEAD
            self._handed_over += 1
            each = self._times.popleft(), message.connection, message.number, message.data
            messages.append(each)
        more = bool(self._times) and self._times[0] <= until
        return Collected(messages, dropped, more)


class Gathering:
    """Fetches what workers have received into the record of ``factory``."""

    def __init__(
        self, factory: EchoFactory, links: Links, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._factory = factory
        self._links = links
        self._monotonic = monotonic
        self._era = 0  # how often all was forgotten
        self._waiting = 0
        self._came: list[tuple[float, int, int, bytes]] = []
        self._dropped = 0
        self.fetch = Shared(lambda: Deferred.fromCoroutine(self._fetch()))
        links.more = self._more

    @contextmanager
    def awaited(self, waiting: bool) -> Iterator[None]:
        """Go on fetching what comes, for the block's time."""
        self._waiting += waiting
        try:
            yield
        finally:
            self._waiting -= waiting

    def _more(self) -> None:
        """Fetch what has come, if anybody still waits for it."""
        if self._waiting:
            self.fetch()

    async def _fetch(self) -> Replies:
        """Fetch all that has come until now; say who did not answer."""
        until, keep = self._monotonic(), partial(self._keep, self._era)
        tell = self._waiting > 0
        replies = await self._links.ask(Collect(until, tell), each=keep)
        missing, left = list(replies.missing), _with_more(replies)
        while left:
            replies = await self._links.ask(Collect(until, tell), left, each=keep)
            missing += replies.missing
            left = _with_more(replies)
        self._put_in_order()
        return Replies({}, tuple(missing))

    def _keep(self, era: int, answer: Answer) -> None:
        """Take what a worker hands over, unless it is to be forgotten."""
        if isinstance(answer, Collected) and era == self._era:
            self._came += answer.messages
            self._dropped += answer.dropped

    def _put_in_order(self) -> None:
        """Record what was handed over; what was dropped came before it."""
        record = self._factory.received
        came, self._came = sorted(self._came), []
        dropped, self._dropped = self._dropped, 0
        record.total += dropped
        for _, connection, number, data in came:
            record.add(connection, number, data)

    def forget(self) -> None:
        """Forget what is being handed over: who waits is told by the record."""
        self._era += 1
        self._came, self._dropped = [], 0


def _with_more(replies: Replies) -> list[str]:
    return [
        name
        for name, answer in replies.answers.items()
        if isinstance(answer, Collected) and answer.more
    ]
