"""A fleet whose target is somebody's endpoint."""

import unittest
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP4ClientEndpoint,
    TCP4ServerEndpoint,
    UNIXClientEndpoint,
    clientFromString,
    wrapClientTLS,
)
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Protocol
from twisted.internet.ssl import Certificate, optionsForClientTLS, trustRootFromCertificates
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.protocols.policies import WrappingFactory
from zope.interface import implementer

from tests.support.certificates import write_certificate
from tests.support.listening import ListeningCase, port_of, reactor
from tests.support.peers import unused_port
from tests.support.stamps import stamped
from twistecho import Fleet, Plan, ReplyFormat, Report, run_threads
from twistecho.fleet.reports.verdict import invalid

PLAN = Plan(clients=3, messages=(b"one", b"two"), timeout=10, reply=ReplyFormat.RAW)


@implementer(IStreamClientEndpoint)
class Wrapping:
    """An endpoint that puts a protocol of its own between transport and client."""

    def __init__(self, endpoint: Any) -> None:
        self._endpoint = endpoint

    def __repr__(self) -> str:
        """Say what it is, over two lines."""
        return "wrapping\n an endpoint"

    def connect(self, factory: Any) -> Any:
        """Connect."""
        return self._endpoint.connect(WrappingFactory(factory))


@implementer(IStreamClientEndpoint)
class Wrong:
    """An endpoint that gives this, or raises it."""

    def __init__(self, result: Any) -> None:
        self._result = result

    def connect(self, _factory: object) -> Any:
        """Do it."""
        if isinstance(self._result, Exception):
            raise self._result
        return self._result


class Bare(StringTransport):
    """A transport with what `ITransport` has, and no more."""

    abortConnection = property()
    """None: asking for it raises AttributeError."""


@implementer(IStreamClientEndpoint)
class InMemory:
    """An endpoint that connects with transports that are no sockets, and keeps the protocols."""

    def __init__(self) -> None:
        self.connected: list[Any] = []

    def connect(self, factory: Any) -> Any:
        """Connect at once."""
        protocol = factory.buildProtocol(None)
        self.connected.append(protocol)
        protocol.makeConnection(Bare())
        done: Deferred[Protocol] = Deferred()
        done.callback(protocol)
        return done


class EndpointTests(ListeningCase):
    """Endpoints that connect with sockets."""

    async def run_fleet(self, endpoint: Any, plan: Plan = PLAN) -> Report:
        """Run a plan through an endpoint; what it finds adds up."""
        report = await Fleet(reactor, endpoint, plan).run()
        assert invalid(report) == ()
        assert Report.from_json(report.to_json()) == report
        return report

    async def test_the_report_names_the_endpoint_and_whom_it_met(self) -> None:
        """By its own words, or by its class."""
        port = port_of(self.start("tcp:0:interface=127.0.0.1"))
        tcp = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
        host = HostnameEndpoint(reactor, "127.0.0.1", port)
        for endpoint, named in (
            (tcp, "TCP4ClientEndpoint"),
            (host, f"<HostnameEndpoint 127.0.0.1:{port}>"),
            (Wrapping(tcp), "wrapping an endpoint"),
        ):
            report = await self.run_fleet(endpoint)
            assert report.complete, report.failures
            assert report.target == f"{named} to 127.0.0.1:{port}"

    async def test_a_unix_socket(self) -> None:
        """Its peer has no host."""
        path = f"{self.folder()}/echo.sock"
        self.start(f"unix:{path}")
        report = await self.run_fleet(UNIXClientEndpoint(reactor, path))
        assert report.complete, report.failures
        assert report.target.startswith("UNIXClientEndpoint to ")

    async def test_what_is_no_socket_of_the_client_s_is_not_timed(self) -> None:
        """A client's own socket is; one below somebody's protocol carries other bytes.

        How much of connecting was the other side's nobody knows.
        """
        port = port_of(self.start("tcp:0:interface=127.0.0.1"))
        tcp = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
        with stamped():
            timed = (await self.run_fleet(tcp)).measured
            wrapped = (await self.run_fleet(Wrapping(tcp))).measured
        assert 0 < timed.timed <= 6
        assert wrapped.timed == 0
        assert timed.connect_wire == wrapped.connect_wire == ""

    async def test_tls(self) -> None:
        """The handshake is a part of connecting: who does not trust has not connected."""
        certificate, key = write_certificate(self.folder())
        described = f"ssl:0:interface=127.0.0.1:certKey={certificate}:privateKey={key}"
        port = port_of(self.start(described))
        tcp = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
        with open(certificate, "rb") as file:  # noqa: PTH123, ASYNC230 - a test's own small file
            root = trustRootFromCertificates([Certificate.loadPEM(file.read())])
        trusting = wrapClientTLS(optionsForClientTLS("127.0.0.1", root), tcp)
        report = await self.run_fleet(trusting)
        assert report.complete, report.failures
        assert report.measured.timed == 0
        doubting = wrapClientTLS(optionsForClientTLS("127.0.0.1"), tcp)
        assert (await self.run_fleet(doubting)).failures == {"connect:certificate": 3}
        plain = port_of(self.start("tcp:0:interface=127.0.0.1"))
        tcp = TCP4ClientEndpoint(reactor, "127.0.0.1", plain)
        confused = wrapClientTLS(optionsForClientTLS("127.0.0.1", root), tcp)
        assert (await self.run_fleet(confused)).failures == {"connect:tls": 3}
        self.flushLoggedErrors()  # the service's view of handshakes that were broken off

    async def test_refused_and_unknown_names_are_named(self) -> None:
        """As they are where the fleet connects itself; the text says whom it did not reach."""
        refusing = TCP4ClientEndpoint(reactor, "127.0.0.1", unused_port())
        report = await self.run_fleet(refusing)
        assert report.failures == {"connect:refused": 3}
        assert report.target == "TCP4ClientEndpoint"
        unknown = HostnameEndpoint(reactor, "echo.invalid", 5000)
        assert (await self.run_fleet(unknown)).failures == {"connect:no-address": 3}

    async def test_errors_of_an_endpoint_are_outcomes_and_told_once(self) -> None:
        """Whatever it raises or gives; with its traceback, however many clients meet it."""
        wrong = ((LookupError("mine"), "lookup"), (None, "type"), (succeed(None), "type"))
        for result, cause in wrong:
            case = unittest.TestCase()
            with case.assertLogs("twistecho.fleet.reactor_engine.dial") as logs:
                report = await self.run_fleet(Wrong(result))
            assert report.failures == {f"connect:{cause}": 3}
            [record] = logs.records
            assert record.exc_info is not None

    async def test_a_connection_that_never_comes_times_out(self) -> None:
        """The client gives up, and the endpoint is told."""
        plan = Plan(clients=1, timeout=0.2)
        endpoint = Wrong(Deferred())
        assert (await self.run_fleet(endpoint, plan)).failures == {"connect:timeout": 1}


class TransportTests(unittest.TestCase):
    """Endpoints whose transports are no sockets."""

    def setUp(self) -> None:
        """Connect one client."""
        self.reactor: Any = MemoryReactorClock()
        self.endpoint = InMemory()
        self.reports: list[Report] = []
        plan = Plan(clients=1, messages=(b"one",), reply=ReplyFormat.RAW, timeout=5)
        Fleet(self.reactor, self.endpoint, plan).run().addCallback(self.reports.append)
        self.reactor.advance(0)
        [self.client] = self.endpoint.connected

    def test_one_without_half_close_is_closed(self) -> None:
        """There is no other way to say that no more comes."""
        assert self.client.transport.value() == b"one"
        self.client.dataReceived(b"one")
        assert self.client.transport.disconnecting
        self.client.connectionLost()
        assert self.reports[0].complete
        assert self.reports[0].measured.timed == 0
        assert self.reports[0].target == "InMemory to 192.168.1.1:54321"

    def test_one_that_cannot_be_aborted_is_closed(self) -> None:
        """A client that gives up leaves no connection behind."""
        self.client.dataReceived(b"two")
        assert self.client.transport.disconnecting
        self.client.connectionLost()
        assert self.reports[0].failures == {"receive:mismatch": 1}


class RefusalTests(unittest.TestCase):
    """What is refused before anybody connects, in one line."""

    def test_what_is_no_endpoint(self) -> None:
        """Neither text nor anything that connects."""
        server: Any = TCP4ServerEndpoint(reactor, 0)
        for wrong in (5000, None, server, TCP4ClientEndpoint):
            with pytest.raises(TypeError, match=r"^target: .* is neither text nor an endpoint"):
                Fleet(reactor, wrong, PLAN)  # type: ignore[arg-type]

    def test_sources_of_clients_that_an_endpoint_connects(self) -> None:
        """It would take no notice of them."""
        plan = Plan(sources=("127.0.0.2",))
        for target in (InMemory(), "tcp:host=127.0.0.1:port=7"):
            with pytest.raises(ValueError, match=r"^sources: .* chooses the local address"):
                Fleet(reactor, target, plan)

    def test_the_threads_engine_takes_none(self) -> None:
        """It says so, as it does of the description of one."""
        endpoint: Any = InMemory()
        with pytest.raises(ValueError, match=r"^the threads engine cannot connect to <"):
            run_threads(PLAN, endpoint)

    def test_descriptions_are_as_good(self) -> None:
        """An endpoint made of a text by Twisted is an endpoint."""
        Fleet(reactor, clientFromString(reactor, "tcp:127.0.0.1:7"), PLAN)
