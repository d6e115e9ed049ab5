"""Control of one factory, in the same process."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from twistecho.base.log_lines import where
from twistecho.service.echo.factory import EchoFactory
from twistecho.service.echo.open_connections import OpenConnection as Connection
from twistecho.service.scenario.delay import Delay
from twistecho.service.scenario.document import read_scenario, text_of_delay, written
from twistecho.service.scenario.parsing import LinesOf, no_files
from twistecho.service.scenario.scenario import Scenario

from .bounds import check_size
from .steering import (
    Document,
    Eventually,
    Health,
    OpenConnection,
    Received,
    ReceivedMessage,
    Steering,
)

_Result = TypeVar("_Result")


class FactorySteering(Steering):
    """Controls a factory, whose messages are recorded from now on.

    Its current scenario is the initial one. ``accept_waiting`` accepts all clients that have
    connected already, so that a reset includes them. ``lines_of`` reads the trace files that
    documents name; by default none may be read. ``check`` raises FieldError for a scenario that the
    service's ports do not support; ``follow`` fires once the ports have applied it.
    """

    def __init__(
        self,
        clock: IReactorTime,
        factory: EchoFactory,
        accept_waiting: Callable[[], None] = lambda: None,
        lines_of: LinesOf = no_files,
        *,
        check: Callable[[Scenario], None] = lambda _scenario: None,
        follow: Callable[[], Deferred[Any]] | None = None,
    ) -> None:
        self._clock = clock
        self._factory = factory
        self._accept_waiting = accept_waiting
        self._lines_of = lines_of
        self._check = check
        self._follow = follow
        self._initial = factory.scenario
        factory.connections.record()

    def scenario(self) -> Document:
        """Return the whole scenario in force."""
        return written(self._factory.scenario)

    def put(self, document: Document) -> Eventually[Document]:
        """Put a scenario in force; without a seed it keeps the current one. Raises FieldError."""
        check_size(document, known=(written(self._initial), self.scenario()))
        self._factory.scenario = self._read(document)
        return self._followed(self.scenario)

    def _followed(self, result: Callable[[], _Result]) -> Eventually[_Result]:
        """Return a result once the service's ports have applied the scenario."""
        if self._follow is None:
            return result()
        return self._follow().addCallback(lambda _: result())

    def _read(self, document: Document) -> Scenario:
        scenario = read_scenario(
            document,
            seed=self._factory.scenario.seed,
            lines_of=self._lines_of,
            known=self._known_delays(),
        )
        self._check(scenario)
        return scenario

    def _known_delays(self) -> dict[str, Delay]:
        """Return the delays in use by their texts, including traces read from files."""
        delays = [
            delay
            for scenario in (self._initial, self._factory.scenario)
            for delay in (scenario.delay, scenario.banner_delay, *(on.delay for on in scenario.on))
        ]
        return {text_of_delay(delay): delay for delay in delays if delay is not None}

    def restore(self) -> Eventually[Document]:
        """Put the initial scenario in force again."""
        self._factory.scenario = self._initial
        return self._followed(self.scenario)

    def received(
        self,
        connection: int | None = None,
        since: int = 0,
        limit: int | None = None,
        wait: float = 0,
    ) -> Eventually[Received]:
        """Return recorded messages; see `Steering`."""
        found = self._received(connection, since, limit)
        if found.messages or not wait:
            return found
        return Deferred.fromCoroutine(self._wait_for(connection, since, limit, wait))

    async def _wait_for(
        self, connection: int | None, since: int, limit: int | None, wait: float
    ) -> Received:
        """Wait for each new message, until one matches or the time is over."""
        deadline = self._clock.seconds() + wait
        kept, seen = self._factory.received, 0
        while True:
            if kept.total < seen:  # the record was cleared: its messages are all new
                since = seen = 0
            found = self._received(connection, max(since, seen), limit)
            left = deadline - self._clock.seconds()
            if found.messages or left <= 0:
                return found
            seen = kept.total
            coming = kept.reach(seen + 1)
            coming.addTimeout(left, self._clock, lambda _value, _seconds: None)
            await coming

    def _received(self, connection: int | None, since: int, limit: int | None) -> Received:
        kept = self._factory.received
        found = [
            ReceivedMessage(message.index, message.connection, message.number, message.data)
            for message in kept.since(since)
            if connection in (None, message.connection)
        ]
        cut = limit is not None and len(found) > limit
        following = found[:limit] if cut else found
        return Received(kept.total, following[-1].index + 1 if cut else kept.total, following)

    def clear_received(self) -> None:
        """Forget the received messages."""
        self._factory.received.clear()

    def connections(self) -> Sequence[OpenConnection]:
        """Return the open connections in the order of their numbers."""
        return [
            OpenConnection(each.number, where(each.peer), each.messages, each.waiting)
            for each in self._open()
        ]

    def _open(self) -> list[Connection]:
        return sorted(self._factory.connections, key=lambda each: each.number)

    def reset_connection(self, number: int) -> None:
        """Reset a connection. Raises LookupError."""
        for connection in self._open():
            if connection.number == number:
                connection.abort()
                return
        raise LookupError(f"no connection {number} is open")

    def reset_connections(self) -> None:
        """Reset all connections."""
        self._factory.abort()

    def begin(self, initial: Document) -> Eventually[None]:
        """Reset with another initial scenario. Raises FieldError, and then changes nothing."""
        self._initial = self._read(initial)
        return self.reset()

    def reset(self) -> Eventually[None]:
        """Reset to the initial scenario; see `Steering`."""
        self._accept_waiting()
        self._factory.abort()  # including proxies that have not sent a header yet
        self._factory.connections.restart(self._initial)
        return self._followed(lambda: None)

    def health(self) -> Health:
        """Return the health of the service."""
        return Health(True, self._factory.count_open(), self._factory.counts.messages)
