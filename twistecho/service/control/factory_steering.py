"""Steering one factory, in its own process."""

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from twistecho.base.log_lines import where
from twistecho.service.echo.factory import EchoFactory
from twistecho.service.echo.open_connections import OpenConnection as Connection
from twistecho.service.scenario.delay import Delay, Trace
from twistecho.service.scenario.document import read_scenario, text_of_delay, written
from twistecho.service.scenario.parsing import LinesOf, no_files
from twistecho.service.scenario.scenario import Scenario

from .steering import (
    Document,
    Eventually,
    Health,
    OpenConnection,
    Received,
    ReceivedMessage,
    Steering,
)


class FactorySteering(Steering):
    """Steers a factory, whose messages are recorded from now on.

    Its scenario now is the initial one. ``accept_waiting`` accepts what has connected already, so
    that it belongs to what was before a reset. ``lines_of`` reads the files of traces that
    documents name: none, unless whoever steers may have them read.
    """

    def __init__(
        self,
        clock: IReactorTime,
        factory: EchoFactory,
        accept_waiting: Callable[[], None] = lambda: None,
        lines_of: LinesOf = no_files,
    ) -> None:
        self._clock = clock
        self._factory = factory
        self._accept_waiting = accept_waiting
        self._lines_of = lines_of
        self._initial = factory.scenario
        factory.connections.record()

    def scenario(self) -> Document:
        """Give the whole scenario in force."""
        return written(self._factory.scenario)

    def put(self, document: Document) -> Document:
        """Put a scenario in force; what is drawn goes on with the same seed. Raises FieldError."""
        self._factory.scenario = self._read(document)
        return self.scenario()

    def _read(self, document: Document) -> Scenario:
        return read_scenario(
            document,
            seed=self._factory.scenario.seed,
            lines_of=self._lines_of,
            known=self._traces(),
        )

    def _traces(self) -> dict[str, Delay]:
        """Give the traces that were read from their files before anybody steered."""
        delays = [
            delay
            for scenario in (self._initial, self._factory.scenario)
            for delay in (scenario.delay, scenario.banner_delay, *(on.delay for on in scenario.on))
        ]
        return {text_of_delay(delay): delay for delay in delays if isinstance(delay, Trace)}

    def restore(self) -> Document:
        """Put the initial scenario in force again."""
        self._factory.scenario = self._initial
        return self.scenario()

    def received(
        self,
        connection: int | None = None,
        since: int = 0,
        limit: int | None = None,
        wait: float = 0,
    ) -> Eventually[Received]:
        """Give messages that are kept; see `Steering`."""
        found = self._received(connection, since, limit)
        if found.messages or not wait:
            return found
        return Deferred.fromCoroutine(self._wait_for(connection, since, limit, wait))

    async def _wait_for(
        self, connection: int | None, since: int, limit: int | None, wait: float
    ) -> Received:
        """Look again whenever a message has come, until there is one to give or time is over."""
        deadline = self._clock.seconds() + wait
        while True:
            found = self._received(connection, since, limit)
            left = deadline - self._clock.seconds()
            if found.messages or left <= 0:
                return found
            coming = self._factory.received.reach(self._factory.received.total + 1)
            coming.addTimeout(left, self._clock, lambda _value, _seconds: None)
            await coming

    def _received(self, connection: int | None, since: int, limit: int | None) -> Received:
        kept = self._factory.received
        found = [
            ReceivedMessage(message.index, message.connection, message.number, message.data)
            for message in kept
            if message.index >= since and connection in (None, message.connection)
        ]
        cut = limit is not None and len(found) > limit
        following = found[:limit] if cut else found
        return Received(kept.total, following[-1].index + 1 if cut else kept.total, following)

    def clear_received(self) -> None:
        """Forget what was received."""
        self._factory.received.clear()

    def connections(self) -> Sequence[OpenConnection]:
        """Give the open connections in the order of their numbers."""
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

    def begin(self, initial: Document) -> None:
        """Begin anew with another initial scenario. Raises FieldError, and then changes nothing."""
        self._initial = self._read(initial)
        self.reset()

    def reset(self) -> None:
        """Begin anew, with the initial scenario."""
        self._accept_waiting()
        self._factory.connections.restart(self._initial)

    def health(self) -> Health:
        """Say how the service is."""
        return Health(True, self._factory.count_open(), self._factory.counts.messages)
