"""Steering several workers as one service: all are told, and what they have is put together.

A scenario is read here, once, and sent to all as a value; a worker that is started later is told
what is in force when it asks for its assignment. What workers have received is fetched when
somebody asks for it, put in order by the time of arrival and kept here, where a message gets its
index once and for all: what a worker that dies had received since it was last asked is lost.
"""

import pickle
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, TypeVar

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
    """What a worker has to know that is started now: see `orders.Restart`."""

    scenario: Scenario
    slots: tuple[int, ...]
    first: int


class WorkersSteering(Steering):
    """Steers all workers to which there are ``links``.

    ``factory`` is never given a connection: it holds the scenario in force, and what was received.
    ``next_number`` gives the number of the next connection that a worker accepts, as the board has
    it; ``monotonic`` the time as workers note it.
    """

    def __init__(
        self,
        clock: IReactorTime,
        factory: EchoFactory,
        links: Links,
        slots: Slots,
        *,
        next_number: Callable[[], int],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._factory = factory
        self._own = FactorySteering(clock, factory)
        self._links = links
        self._slots = slots
        self._next_number = next_number
        self._monotonic = monotonic
        self._first = 0
        self._messages = Gathering(factory, links, monotonic)
        self._list = Shared(lambda: links.ask(List()))
        self._count = Shared(lambda: links.ask(Count()))
        self._counted: dict[str, Counted] = {}  # what each said last
        self._counted_before = 0  # messages of workers that have ended

    @property
    def in_force(self) -> InForce:
        """What a worker has to know that is started now."""
        return InForce(self._factory.scenario, self._slots.all, self._first)

    def scenario(self) -> Document:
        """Give the whole scenario in force."""
        return self._own.scenario()

    def put(self, document: Document) -> Deferred[Document]:
        """Put a scenario in force everywhere; see `Steering`."""
        return self._steer(self._own.put(document))

    def restore(self) -> Deferred[Document]:
        """Put the initial scenario in force everywhere."""
        return self._steer(self._own.restore())

    def _steer(self, document: Document) -> Deferred[Document]:
        """Have the workers follow what is in force here."""
        dropped = self._slots.steer(self._factory.scenario)
        steer = Steer(pickle.dumps(self._factory.scenario), self._slots.all)
        return self._change(steer, document, partial(self._slots.free, dropped))

    def _change(
        self, order: Order, result: _Result, confirmed: Callable[[], None] = lambda: None
    ) -> Deferred[_Result]:
        """Have all workers do something; give the result once they have."""

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
        """Give messages that are kept; see `Steering`."""
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
        """Forget what was received."""
        self._messages.forget()
        self._own.clear_received()
        return self._change(Forget(), None)

    def connections(self) -> Deferred[Sequence[OpenConnection]]:
        """Give the open connections of all workers in the order of their numbers."""
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
        """Begin anew, with the initial scenario."""
        return Deferred.fromCoroutine(self._reset())

    async def _reset(self) -> None:
        """Have all be accepted that waits, before numbers count from the next connection on."""
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
        """Say how the workers are: the service is well as long as one runs, and all answer."""
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
