"""The requests of a test, answered in the process of the service: JSON data in, JSON data out."""

from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IReactorTime

from twistecho.base.files import lines_of
from twistecho.base.log_lines import where
from twistecho.service.control.factory_steering import FactorySteering
from twistecho.service.control.merge_patch import merged
from twistecho.service.control.steering import Document
from twistecho.service.echo.factory import EchoFactory

from .received import ReceivedMessage, Record, read_record
from .verbs import Peer


class Requests:
    """Answers a test's requests about a factory, whose messages are recorded from now on.

    Each test begins with the scenario that the factory has now. Counts begin at the last reset.
    """

    def __init__(
        self,
        clock: IReactorTime,
        factory: EchoFactory,
        accept_waiting: Callable[[], None] = lambda: None,
    ) -> None:
        self.steering = FactorySteering(clock, factory, accept_waiting, lines_of)
        self._factory = factory
        self._own = self.steering.scenario()
        self._accepted = 0
        self._faults: Counter[str] = Counter()
        self._words: Counter[str] = Counter()

    def status(self) -> dict[str, Any]:
        """Return how the service answers, and its counts."""
        factory = self._factory
        return {
            "how": factory.describe(),
            "connections": factory.counts.accepted - self._accepted,
            "open": len(factory.connections),
            "faults": factory.faults_met - self._faults,
            "control_words": factory.control_words - self._words,
            "messages": factory.received.total,
        }

    def peers(self) -> list[Peer]:
        """Return the peers of open connections, in the order of accept."""
        ordered = sorted(self._factory.connections, key=lambda each: each.number)
        return [_peer(each.peer) for each in ordered]

    def scenario(self) -> Document:
        """Return the scenario in force."""
        return self.steering.scenario()

    def put(self, document: Document) -> None:
        """Put a scenario in force. Raises FieldError."""
        self.steering.put(document)

    def change(self, changes: Document) -> Document:
        """Change fields of the scenario; return their values before. Raises FieldError."""
        before = self.steering.scenario()
        self.steering.put(merged(before, changes))
        return {name: before[name] for name in changes}

    def received(self) -> dict[str, Any]:
        """Return the messages that are kept, as JSON data."""
        record = self.record()
        messages = [
            [each.connection, each.number, b64encode(each).decode()] for each in record.messages
        ]
        return {"total": record.total, "messages": messages}

    def record(self) -> Record:
        """Return the messages that are kept."""
        kept = self._factory.received
        return Record(
            kept.total, [ReceivedMessage(each.connection, each.number, each.data) for each in kept]
        )

    def reset(self) -> None:
        """Reset to the initial scenario and to counts of 0."""
        self.steering.reset()
        self._count_anew()

    def begin(self, changes: Document) -> None:
        """Reset, with its own scenario and these changes as the initial one. Raises FieldError."""
        self.steering.begin(merged(self._own, changes))
        self._count_anew()

    def _count_anew(self) -> None:
        self._accepted = self._factory.counts.accepted
        self._faults = self._factory.faults_met.copy()
        self._words = self._factory.control_words.copy()

    def state(self) -> dict[str, Any]:
        """Return all data that another process needs to continue from here."""
        return {
            "scenario": self.scenario(),
            "status": self.status(),
            "received": self.received(),
        }

    def go_on(self, state: dict[str, Any]) -> None:
        """Continue from another process's state, before clients connect. Raises FieldError."""
        self.put(state["scenario"])
        status, factory = state["status"], self._factory
        factory.connections.number_from(status["connections"])
        self._accepted = -status["connections"]
        self._faults.subtract(status["faults"])
        self._words.subtract(status["control_words"])
        record = read_record(state["received"])
        for each in record.messages:
            factory.received.add(each.connection, each.number, each.data)
        factory.received.total = record.total


def _peer(address: Any) -> Peer:
    host, port = getattr(address, "host", None), getattr(address, "port", None)
    return (host, port) if host is not None and port is not None else where(address)
