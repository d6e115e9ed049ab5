"""Links to workers, which carry orders and answers; a silent worker does not block the others.

A worker answers its orders in sequence, so an answer is to the oldest open order. A worker that
leaves too many orders open is killed by its supervisor, and replaced.
"""

from collections import deque
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from .orders import Answer, Failed, Frames, More, Order, frame_of

CONFIRM = 2.0
"""Seconds within which a worker has to answer."""

MOST_OPEN = 64
"""The most orders that may be open; a worker that leaves more unanswered is stuck."""

_Result = TypeVar("_Result")


class Replies(NamedTuple):
    """The answers of workers, by name, and the names of workers that failed or did not answer."""

    answers: Mapping[str, Answer]
    missing: tuple[str, ...]


def _ignore(_answer: Answer) -> None:
    """Do nothing."""


class Link:
    """A link to one worker; ``send`` writes to it."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self.send = send
        self.frames = Frames(Answer | More)
        self.open: deque[Callable[[Answer | None], None]] = deque()


class Links:
    """The links to all running workers, by name.

    ``more`` is called when a worker reports new messages; ``broken`` with the name of a worker that
    must be killed.
    """

    _log = Logger()

    def __init__(self, clock: IReactorTime, broken: Callable[[str], None]) -> None:
        self._clock = clock
        self._broken = broken
        self._links: dict[str, Link] = {}
        self.more: Callable[[], None] = lambda: None

    def __len__(self) -> int:
        """Count the workers with a link."""
        return len(self._links)

    def open(self, name: str, send: Callable[[bytes], None]) -> None:
        """Add a worker, whose assignment includes all changes until now."""
        self._links[name] = Link(send)

    def close(self, name: str) -> None:
        """Remove a worker that has ended, and stop waiting for its answers."""
        link = self._links.pop(name, None)
        while link is not None and link.open:
            link.open.popleft()(None)

    def heard(self, name: str, data: bytes) -> None:
        """Take bytes from a worker."""
        link = self._links.get(name)
        if link is None:
            return
        try:
            for answer in link.frames.feed(data):
                if isinstance(answer, More):
                    self.more()
                else:
                    link.open.popleft()(answer)
        except (ValueError, IndexError):
            self._give_up(name, "sent an invalid answer")

    def _give_up(self, name: str, why: str) -> None:
        self._log.error("Killing worker {worker}: it {why}", worker=name, why=why)
        self.close(name)
        self._broken(name)

    def ask(
        self,
        order: Order,
        names: Collection[str] | None = None,
        *,
        each: Callable[[Answer], None] = _ignore,
        given_up: Collection[str] = (),
    ) -> Deferred[Replies]:
        """Send an order to all workers, or to those in ``names``.

        Fires when all have answered or ended, or after `CONFIRM` seconds. ``each`` is called with
        every answer, including late ones. The workers in ``given_up`` get the order too, but their
        answers are not waited for: they count as missing at once.
        """
        asked = [name for name in self._links if names is None or name in names]
        asking = _Asking(self._clock, each, [name for name in asked if name not in given_up])
        asking.missing += [name for name in asked if name in given_up]
        data = frame_of(order)
        for name in asked:
            self._send(name, data, partial(asking.answered, name))
        asking.begin()
        return asking.done

    def _send(self, name: str, data: bytes, answered: Callable[[Answer | None], None]) -> None:
        link = self._links.get(name)
        if link is None:  # removed just now
            answered(None)
            return
        link.open.append(answered)
        if len(link.open) > MOST_OPEN:
            self._give_up(name, f"left {MOST_OPEN} orders unanswered")
        else:
            link.send(data)


class _Asking:
    """One order to several workers, until all have answered or time is over."""

    def __init__(
        self, clock: IReactorTime, each: Callable[[Answer], None], waiting: list[str]
    ) -> None:
        self._each = each
        self._waiting = waiting
        self._answers: dict[str, Answer] = {}
        self.missing: list[str] = []
        self.done: Deferred[Replies] = Deferred()
        self._timer = clock.callLater(CONFIRM, self._finish)

    def begin(self) -> None:
        """Finish if no answer is missing."""
        if not self._waiting:
            self._finish()

    def answered(self, name: str, answer: Answer | None) -> None:
        """Take an answer, or None from a worker that has ended."""
        if answer is not None and not isinstance(answer, Failed):
            self._each(answer)
        if name not in self._waiting:
            return  # too late
        self._waiting.remove(name)
        if isinstance(answer, Failed):
            self.missing.append(name)
        elif answer is not None:
            self._answers[name] = answer
        self.begin()

    def _finish(self) -> None:
        if self.done.called:
            return
        if self._timer.active():
            self._timer.cancel()
        self.missing += self._waiting
        self._waiting = []
        self.done.callback(Replies(self._answers, tuple(sorted(self.missing, key=int))))


class Shared(Generic[_Result]):
    """Shares one request among all callers: at most one is under way.

    Calls made meanwhile share the next request, so that no result is older than its call.
    """

    def __init__(self, ask: Callable[[], Deferred[_Result]]) -> None:
        self._ask = ask
        self._asking = False
        self._waiting: list[Deferred[_Result]] = []

    def __call__(self) -> Deferred[_Result]:
        """Return a Deferred of the result; it may be cancelled."""
        waiting: Deferred[_Result] = Deferred()
        self._waiting.append(waiting)
        if not self._asking:
            self._next()
        return waiting

    def _next(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._asking = True
        self._ask().addBoth(self._answered, waiting)

    def _answered(self, result: _Result | Failure, waiting: list[Deferred[Any]]) -> None:
        self._asking = False
        if self._waiting:
            self._next()
        for each in waiting:
            if isinstance(result, Failure):
                each.errback(result)
            else:
                each.callback(result)
