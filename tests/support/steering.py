"""A fake steering without a service, and requests to a site that serves it, all in memory."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema_rs
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.testing import StringTransport
from twisted.web.server import Site

from twistecho.base.notation import FieldError
from twistecho.service.control.steering import (
    Document,
    Eventually,
    Health,
    OpenConnection,
    Received,
    ReceivedMessage,
    Steering,
)

SPECIFICATION = Path(__file__).parents[2] / "docs" / "control.openapi.json"

DEFAULT: Document = {
    "framing": "read", "banner": "", "banner_delay": "0", "banner_fault": None, "on": [],
    "reply": "stamped", "delay": "0", "delay_per": "reply", "faults": [], "in_band": False,
    "seed": 7,
}  # fmt: skip


def schema_of(name: str) -> dict[str, Any]:
    """Return one of the schemas in the API's description, by itself."""
    components = json.loads(SPECIFICATION.read_text(encoding="utf-8"))["components"]
    return {"$ref": f"#/components/schemas/{name}", "components": components}


class FakeSteering(Steering):
    """Holds a scenario, messages and connections; scenarios are checked by the API's schema."""

    def __init__(self, clock: IReactorTime) -> None:
        self.clock = clock
        self.in_force = DEFAULT
        self.messages: list[ReceivedMessage] = []
        self.dropped = 0
        self.open = [OpenConnection(0, "192.0.2.1:5000", 2, 1), OpenConnection(3, "/run/x", 0, 0)]
        self.asked: list[str] = []
        self.healthy = True
        self.longest_wait = 60.0
        self._waiting: list[Deferred[None]] = []
        self._validator = jsonschema_rs.Draft202012Validator(schema_of("Scenario"))

    def scenario(self) -> Eventually[Document]:
        """Return it."""
        return self.in_force

    def put(self, document: Document) -> Eventually[Document]:
        """Put it in force, if it is valid."""
        for error in self._validator.iter_errors(document):
            raise FieldError(".".join(map(str, error.instance_path)), error.message)
        given = {name: value for name, value in document.items() if value is not None}
        self.in_force = {**DEFAULT, **given}
        return self.in_force

    def restore(self) -> Eventually[Document]:
        """Return to the default."""
        return self.put({})

    def receive(self, connection: int, data: bytes) -> None:
        """Add a message, as if it had arrived."""
        number = sum(message.connection == connection for message in self.messages)
        index = self.dropped + len(self.messages)
        self.messages.append(ReceivedMessage(index, connection, number, data))
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)

    def received(
        self,
        connection: int | None = None,
        since: int = 0,
        limit: int | None = None,
        wait: float = 0,
    ) -> Eventually[Received]:
        """Return the received messages; wait once if there are none."""
        self.asked.append(f"received {connection} {since} {limit} {wait:g}")

        def now(_: object) -> Received:
            found = [
                message
                for message in self.messages
                if message.index >= since and connection in (None, message.connection)
            ][:limit]
            total = self.dropped + len(self.messages)
            return Received(total, found[-1].index + 1 if limit and found else total, found)

        found = now(None)
        if found.messages or not wait:
            return found
        waiting: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(waiting)

        waiting.addTimeout(min(wait, self.longest_wait), self.clock, lambda _value, _timeout: None)
        return waiting.addCallback(now)

    @property
    def waits(self) -> bool:
        """Whether a request waits for a message."""
        return bool(self._waiting)

    def clear_received(self) -> None:
        """Forget them."""
        self.messages = []

    def connections(self) -> Eventually[Sequence[OpenConnection]]:
        """Return them."""
        return self.open

    def reset_connection(self, number: int) -> None:
        """Remove it."""
        if all(each.number != number for each in self.open):
            raise LookupError(f"no connection {number} is open")
        self.open = [each for each in self.open if each.number != number]

    def reset_connections(self) -> None:
        """Remove them."""
        self.open = []

    def reset(self) -> None:
        """Return to the default, without messages and connections."""
        self.restore()
        self.clear_received()
        self.reset_connections()

    def health(self) -> Eventually[Health]:
        """Return the health, with the counts."""
        return Health(self.healthy, len(self.open), self.dropped + len(self.messages))


class Answered(NamedTuple):
    """The response to a request: status, headers by their names in lower case, body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The data in the body."""
        assert self.headers["content-type"] == "application/json"
        return json.loads(self.body)


HERE = IPv4Address("TCP", "192.0.2.7", 8474)


class Asking:
    """A connection to a site, in memory."""

    def __init__(self, site: Site, address: IAddress = HERE) -> None:
        self.transport = StringTransport(address, IPv4Address("TCP", "192.0.2.8", 1))
        protocol: Any = site.buildProtocol(self.transport.getPeer())
        self.protocol = protocol
        protocol.makeConnection(self.transport)

    def send(self, data: bytes) -> None:
        """Send some bytes."""
        self.protocol.dataReceived(data)

    def answered(self) -> Answered | None:
        """Return the response that has arrived since the last one, or None."""
        head, end, body = self.transport.value().partition(b"\r\n\r\n")
        self.transport.clear()
        if not end:
            return None
        first, *lines = head.decode().split("\r\n")
        pairs = [line.partition(": ")[::2] for line in lines]
        return Answered(int(first.split()[1]), {name.lower(): value for name, value in pairs}, body)

    def ask(
        self, method: str, target: str, body: bytes | str | None = None, **headers: str
    ) -> Answered:
        """Send a whole request and return the response. Headers' names have _ for -."""
        fields = {"host": "localhost:8474", **headers}
        data = b""
        if body is not None:
            data = body if isinstance(body, bytes) else body.encode()
            fields = {"content_type": "application/json", **fields}
            fields["content_length"] = str(len(data))
        lines = [f"{method} {target} HTTP/1.1", *(
            f"{name.replace('_', '-')}: {value}" for name, value in fields.items()
        )]  # fmt: skip
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1") + data)
        response = self.answered()
        assert response is not None
        return response
