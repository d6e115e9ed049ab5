"""Collects the messages received by all workers in one record, in the order of arrival.

A worker keeps each message with the monotonic time of its arrival, the same clock for all processes
of a machine, until it is fetched. Each fetch takes all messages that arrived until one moment.
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
"""About the most bytes of messages that a worker hands over at a time; at least one message."""

_OVERHEAD = 32  # bytes that a message counts for in addition to its own


class TimedReceived(Received):
    """The record of one worker, with the time of each message, to be handed over in batches."""

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
        """Forget all messages."""
        self._times.clear()
        self._handed_over = 0
        super().clear()

    def hand_over(self, until: float, most: int = BATCH) -> Collected:
        """Remove and return the messages that arrived until a time, up to about ``most`` bytes."""
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
    """Fetches the messages that workers have received into the record of ``factory``."""

    def __init__(
        self, factory: EchoFactory, links: Links, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._factory = factory
        self._links = links
        self._monotonic = monotonic
        self._era = 0  # how many times the record was cleared
        self._waiting = 0
        self._came: list[tuple[float, int, int, bytes]] = []
        self._dropped = 0
        self.fetch = Shared(lambda: Deferred.fromCoroutine(self._fetch()))
        links.more = self._more

    @contextmanager
    def awaited(self, waiting: bool) -> Iterator[None]:
        """Keep fetching new messages during a block, if ``waiting``."""
        self._waiting += waiting
        try:
            yield
        finally:
            self._waiting -= waiting

    def _more(self) -> None:
        """Fetch new messages, if a request still waits for them."""
        if self._waiting:
            self.fetch()

    async def _fetch(self) -> Replies:
        """Fetch all messages that arrived until now; return the workers that did not answer."""
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
        """Take the messages that a worker hands over, unless the record was cleared since."""
        if isinstance(answer, Collected) and era == self._era:
            self._came += answer.messages
            self._dropped += answer.dropped

    def _put_in_order(self) -> None:
        """Record the messages in the order of arrival, after the dropped ones."""
        record = self._factory.received
        came, self._came = sorted(self._came), []
        dropped, self._dropped = self._dropped, 0
        record.total += dropped
        for _, connection, number, data in came:
            record.add(connection, number, data)

    def forget(self) -> None:
        """Forget messages that are being handed over; the record itself ends any waiting."""
        self._era += 1
        self._came, self._dropped = [], 0


def _with_more(replies: Replies) -> list[str]:
    return [
        name
        for name, answer in replies.answers.items()
        if isinstance(answer, Collected) and answer.more
    ]
