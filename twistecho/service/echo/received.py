"""A record of the last messages received, for tests and for the control port."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from twisted.internet.defer import Deferred


@dataclass(frozen=True, slots=True)
class Message:
    """A message that has arrived: the ``index``-th of all, the ``number``-th of its ``connection``.

    All three count from 0; ``data`` is its bytes.
    """

    index: int
    connection: int
    number: int
    data: bytes


class Received:
    """The last messages: ``most`` at most, of ``most_bytes`` at most. Older ones are dropped."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self.most = most
        self.most_bytes = most_bytes
        self.total = 0  # including the dropped ones
        self._kept: deque[Message] = deque()
        self._bytes = 0
        self._waiting: list[tuple[int, Deferred[None]]] = []

    def add(self, connection: int, number: int, data: bytes) -> None:
        """Record a message that has arrived."""
        kept = self._kept
        kept.append(Message(self.total, connection, number, data))
        self.total += 1
        self._bytes += len(data)
        while len(kept) > self.most or self._bytes > self.most_bytes:
            self._bytes -= len(kept.popleft().data)
        if self._waiting:
            self._tell()

    def _tell(self) -> None:
        """Fire the Deferreds whose number of messages has been reached."""
        told = [waiting for total, waiting in self._waiting if total <= self.total]
        self._waiting = [each for each in self._waiting if each[0] > self.total]
        for waiting in told:
            waiting.callback(None)

    def __len__(self) -> int:
        """Count the kept messages."""
        return len(self._kept)

    def __iter__(self) -> Iterator[Message]:
        """Iterate over the kept messages, in the order of arrival."""
        return iter(self._kept)

    def since(self, index: int) -> list[Message]:
        """Return the kept messages from an index on, in time linear in their number."""
        skipped = max(0, index - (self.total - len(self._kept)))
        found = list(islice(reversed(self._kept), max(0, len(self._kept) - skipped)))
        found.reverse()
        return found

    def clear(self) -> None:
        """Forget all messages, and count from 0 again; fire all Deferreds of `reach`."""
        self._kept.clear()
        self.total = self._bytes = 0
        waiting, self._waiting = self._waiting, []
        for _, each in waiting:
            each.callback(None)

    def reach(self, total: int) -> Deferred[None]:
        """Return a Deferred that fires once ``total`` messages have arrived in all."""
        cancel: Callable[[Deferred[None]], None] = self._forget
        waiting: Deferred[None] = Deferred(cancel)
        if total <= self.total:
            waiting.callback(None)
        else:
            self._waiting.append((total, waiting))
        return waiting

    def _forget(self, waiting: Deferred[None]) -> None:
        self._waiting = [each for each in self._waiting if each[1] is not waiting]
