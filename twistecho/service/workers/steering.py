"""Control of several workers as one service: orders go to all, and their answers are merged.

A scenario is read here, once, and sent to all workers as a value; a worker that is started later
gets the scenario in force with its assignment. Received messages are fetched from workers on
request, sorted by time of arrival and kept here, where each gets its final index. When a worker
dies, the messages that it received since the last fetch are lost.
"""

import pickle
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, TypeVar, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from twistecho.service.control.factory_steering import FactorySteering
from twistecho.service.control.steering import (
    Document,
    Health,
    OpenConnection,
    Received,
    Steering,
    UnconfirmedError,
    eventually,
)
from twistecho.service.echo.factory import EchoFactory
from twistecho.service.scenario.scenario import Scenario

from .gathering import Gathering
from .links import CONFIRM, Links, Replies, Shared
from .orders import (
    Abort,
    Clear,
    Count,
    Counted,
    Done,
    Forget,
    List,
    Listed,
    Order,
    Restart,
    Steer,
)
from .shared_counts import Slots

_Result = TypeVar("_Result")


class InForce(NamedTuple):
    """The current state for a worker that is being started: see `orders.Restart`."""

    scenario: Scenario
    slots: tuple[int, ...]
    first: int


class WorkersSteering(Steering):
    """Controls all workers over their ``links``.

    ``factory`` gets no connections: it holds the scenario in force, and the received messages.
    ``next_number`` returns the number of the next connection on the board; ``monotonic`` is the
    clock of all processes. ``check`` is that of `FactorySteering`.
    """

    def __init__(
        self,
        clock: IReactorTime,
        factory: EchoFactory,
        links: Links,
        slots: Slots,
        *,
        next_number: Callable[[], int],
        check: Callable[[Scenario], None] = lambda _scenario: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._factory = factory
        self._own = FactorySteering(clock, factory, check=check)
        self._links = links
        self._slots = slots
        self._next_number = next_number
        self._monotonic = monotonic
        self._first = 0
        self._messages = Gathering(factory, links, monotonic)
        self._list = Shared(lambda: links.ask(List()))
        self._count = Shared(lambda: links.ask(Count()))
        self._counted: dict[str, Counted] = {}  # the last answer of each worker
        self._counted_before = 0  # messages of workers that have ended

    @property
    def in_force(self) -> InForce:
        """The current state for a worker that is being started."""
        return InForce(self._factory.scenario, self._slots.all, self._first)

    def scenario(self) -> Document:
        """Return the whole scenario in force."""
        return self._own.scenario()

    def put(self, document: Document) -> Deferred[Document]:
        """Put a scenario in force in all workers; see `Steering`."""
        return self._steer(cast(Document, self._own.put(document)))

    def restore(self) -> Deferred[Document]:
        """Put the initial scenario in force in all workers."""
        return self._steer(cast(Document, self._own.restore()))

    def _steer(self, document: Document) -> Deferred[Document]:
        """Send the scenario in force to the workers."""
        dropped = self._slots.steer(self._factory.scenario)
        steer = Steer(pickle.dumps(self._factory.scenario), self._slots.all)
        return self._change(steer, document, partial(self._slots.free, dropped))

    def _change(
        self, order: Order, result: _Result, confirmed: Callable[[], None] = lambda: None
    ) -> Deferred[_Result]:
        """Send an order to all workers; fire with ``result`` once all have confirmed it."""

        def told(replies: Replies) -> _Result:
            _check(replies)
            confirmed()
            return result

        return self._links.ask(order).addCallback(told)

    def received(
        self,
        connection: int | None = None,
        since: int = 0,
        limit: int | None = None,
        wait: float = 0,
    ) -> Deferred[Received]:
        """Return recorded messages; see `Steering`."""
        return Deferred.fromCoroutine(self._received(connection, since, limit, wait))

    async def _received(
        self, connection: int | None, since: int, limit: int | None, wait: float
    ) -> Received:
        ends = self._clock.seconds() + wait
        with self._messages.awaited(wait > 0):
            _check(await self._messages.fetch())
            left = max(0.0, ends - self._clock.seconds())
            return await eventually(self._own.received, connection, since, limit, left)

    def clear_received(self) -> Deferred[None]:
        """Forget the received messages."""
        self._messages.forget()
        self._own.clear_received()
        return self._change(Forget(), None)

    def connections(self) -> Deferred[Sequence[OpenConnection]]:
        """Return the open connections of all workers in the order of their numbers."""
        return self._list().addCallback(_listed)

    def reset_connection(self, number: int) -> Deferred[None]:
        """Reset a connection, whichever worker has it. Fails with LookupError."""

        def told(replies: Replies) -> None:
            if not any(isinstance(each, Done) and each.found for each in replies.answers.values()):
                _check(replies)
                raise LookupError(f"no connection {number} is open")

        return self._links.ask(Abort(number)).addCallback(told)

    def reset_connections(self) -> Deferred[None]:
        """Reset all connections."""
        return self._change(Abort(), None)

    def reset(self) -> Deferred[None]:
        """Reset to the initial scenario; see `Steering`."""
        return Deferred.fromCoroutine(self._reset())

    async def _reset(self) -> None:
        """First have waiting connections accepted and reset; then the next one gets number 0."""
        cleared = await self._links.ask(Clear(self._monotonic() + CONFIRM))
        self._first = self._next_number()
        self._messages.forget()
        self._own.reset()
        scenario = self._factory.scenario
        dropped = self._slots.begin(scenario)
        restart = Restart(pickle.dumps(scenario), self._slots.all, self._first)
        _check(await self._links.ask(restart, given_up=cleared.missing))
        self._slots.free(dropped)

    def health(self) -> Deferred[Health]:
        """Return the health: the service is healthy if a worker runs and all answer."""
        return self._count().addCallback(self._health)

    def _health(self, replies: Replies) -> Health:
        for name, answer in replies.answers.items():
            if isinstance(answer, Counted):
                before = self._counted.get(name)
                if before is not None and before.pid != answer.pid:
                    self._counted_before += before.messages
                self._counted[name] = answer
        _check(replies)
        running = [each for each in replies.answers.values() if isinstance(each, Counted)]
        return Health(
            bool(running),
            sum(each.connections for each in running),
            self._counted_before + sum(each.messages for each in self._counted.values()),
            len(running),
        )


def _check(replies: Replies) -> None:
    """Raise UnconfirmedError where workers have not answered."""
    if replies.missing:
        raise UnconfirmedError(replies.missing)


def _listed(replies: Replies) -> list[OpenConnection]:
    _check(replies)
    lists = [each.connections for each in replies.answers.values() if isinstance(each, Listed)]
    return sorted((each for one in lists for each in one), key=lambda each: each.number)
