"""A user's code, for mypy in `tests.whole.test_user_types`; it is never run.

A line that must be an error ignores it: ``--strict`` refuses an ignore without an error.
"""

from collections.abc import Sequence

from twisted.internet import reactor
from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP4ClientEndpoint,
    TCP4ServerEndpoint,
    UNIXServerEndpoint,
)
from twisted.internet.interfaces import IReactorTCP, IReactorTime, IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock

from twistecho import EchoFactory, EchoService, Fleet, Plan, Report, Stage, Stages


class Dialogue:
    """A protocol of the user's own."""

    def __init__(self, client: int) -> None:
        self.client = client

    def reply(self, _number: int, data: bytes) -> int:
        """Return the size of a line."""
        return data.find(b"\n") + 1


async def later(message: bytes) -> bytes:
    """Answer asynchronously, as a coroutine."""
    return await promised(message)


def promised(message: bytes) -> "Deferred[bytes]":
    """Answer asynchronously, by a Deferred."""
    return succeed(message)


def with_the_reactor() -> Sequence[EchoService]:
    """Twisted's reactor is accepted, whatever its type is in this version."""
    Fleet(reactor, "localhost:5000", Plan(protocol=Dialogue))
    for answer in (later, promised, bytes.upper):
        EchoFactory(reactor, answer=answer)
    factory = EchoFactory(reactor, answer=later)
    return [
        EchoService(reactor, factory, "tcp:5000"),
        EchoService(reactor, factory, 5000),
        EchoService(reactor, factory, ["tcp:5000", "unix:/run/echo.sock"]),
    ]


def with_stages() -> Sequence[float | None]:
    """A load in stages is a text or a value; a number is accepted too."""
    rates = Plan(rate="100:30s,100..2k:2min"), Plan(rate=Stages((Stage(1, 2, 3),)), clients=5)
    clients: int = Plan(clients="10..200:1min").clients
    return [*(plan.rate for plan in rates), clients]


def with_clocks(clock: Clock, memory: MemoryReactorClock) -> None:
    """Clocks and reactors for tests are accepted."""
    Fleet(memory, "localhost:5000", Plan())
    EchoService(clock, EchoFactory(clock), [])
    EchoService(memory, EchoFactory(memory), [])


def with_interfaces(tcp: IReactorTCP, counting: IReactorTime) -> None:
    """The interfaces of Twisted are accepted."""
    Fleet(tcp, "localhost:5000", Plan())
    EchoService(counting, EchoFactory(counting), [])


async def with_endpoints(
    memory: MemoryReactorClock,
    tcp: TCP4ServerEndpoint,
    unix: UNIXServerEndpoint,
    clients: tuple[IStreamClientEndpoint, HostnameEndpoint, TCP4ClientEndpoint],
) -> Report:
    """Endpoints are targets, and places to listen on."""
    EchoService(memory, EchoFactory(memory), [tcp, unix, "tcp:5000"])
    Fleet(memory, clients[0], Plan())
    Fleet(memory, clients[1], Plan())
    return await Fleet(memory, clients[2], Plan()).run()


def wrong(clock: Clock, server: TCP4ServerEndpoint) -> None:
    """Calls that cannot work are errors."""
    Fleet(clock, "localhost:5000", Plan())  # type: ignore[arg-type]
    Fleet(reactor, server, Plan())  # type: ignore[arg-type]
    Fleet(reactor, 5000, Plan())  # type: ignore[arg-type]
    EchoFactory(clock, answer=str)  # type: ignore[arg-type]
    EchoFactory(5000)  # type: ignore[arg-type]
    EchoService(clock, EchoFactory(clock), [5.5])  # type: ignore[list-item]
    Plan(rate=b"5")  # type: ignore[arg-type]
    EchoFactory(clock, dealy=1)  # type: ignore[call-arg]
