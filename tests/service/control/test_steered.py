"""A service steered through its control port, on real sockets: what is promised of a change."""

import contextlib
import select
import socket
import tempfile
import threading
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from tests.support.listening import port_of, reactor
from tests.support.peers import read_exactly, read_to_end
from tests.support.steered import LOOPBACK, Clients, SteeredCase
from tests.support.tcp import SYN_SENT, tcp_info
from twistecho import Fleet, Plan, ReplyFormat
from twistecho.base.notation import FieldError
from twistecho.service.control.factory_steering import FactorySteering
from twistecho.service.listening.proxy_factory import ProxiedEchoFactory
from twistecho.service.listening.proxy_header import parse_trusted
from twistecho.service.process.control_port import make_steering


def answer_all(reply: str) -> dict[str, Any]:
    """Make a scenario that answers everything alike."""
    return {"on": [{"match": "", "reply": reply}]}


class ChangeTests(SteeredCase):
    """When a change counts."""

    async def test_it_counts_for_all_that_comes_after_the_answer(self) -> None:
        """On open connections and on new ones, each time."""

        def client(clients: Clients) -> None:
            with clients.connect() as opened:
                for number in range(100):
                    reply = b"%04d" % number
                    clients.ask("PATCH", "/scenario", answer_all(reply.decode()))
                    with clients.connect() as new:
                        for connection in (opened, new):
                            connection.sendall(b"x")
                            assert read_exactly(connection, 4) == reply

        await self.in_thread(self.start_steered(), client)

    async def test_connects_complete_or_not_once_it_is_answered(self) -> None:
        """The first does not, while others do; and then it does."""

        def client(clients: Clients) -> bytes:
            clients.ask("PATCH", "/scenario", {"faults": ["unaccepted"], "reply": "raw"})
            with socket.socket() as connection:
                connection.setblocking(False)
                connection.connect_ex(("127.0.0.1", clients.echo))
                for _ in range(20):
                    assert clients.ask("GET", "/connections") == {"connections": []}
                    assert tcp_info(connection)[0] == SYN_SENT
                clients.ask("PATCH", "/scenario", {"faults": None})
                connection.setblocking(True)
                connection.settimeout(20)
                select.select([], [connection], [], 20)
                connection.sendall(b"x")
                return read_exactly(connection, 1)

        assert await self.in_thread(self.start_steered(), client) == b"x"

    async def test_a_port_that_cannot_follow_is_refused(self) -> None:
        """What was in force stays so."""
        with tempfile.TemporaryDirectory() as folder:
            service = self.start(f"unix:{folder}/echo")
            steering = make_steering(service)
            with pytest.raises(FieldError, match="faults: unaccepted: needs TCP ports"):
                steering.put({"faults": ["unaccepted"]})
            assert service.factory.scenario.faults.faults == ()

    async def test_replies_that_wait_keep_what_was_decided(self) -> None:
        """What comes later queues behind them: what was asked for first is the first answered."""

        def client(clients: Clients) -> bytes:
            with clients.connect() as connection:
                clients.ask("PUT", "/scenario", {"delay": "300ms", **answer_all("old ")})
                connection.sendall(b"x")
                assert clients.ask("GET", "/received?wait=20s")["total"] == 1
                clients.ask("PUT", "/scenario", answer_all("new "))
                connection.sendall(b"x")
                return read_exactly(connection, 8)

        assert await self.in_thread(self.start_steered(), client) == b"old new "

    async def test_what_acts_on_accept_counts_for_those_that_connect_after_it(self) -> None:
        """Banner and framing: open connections stay as they were."""

        def client(clients: Clients) -> None:
            with clients.connect() as old:
                old.sendall(b"a")
                assert read_exactly(old, 1) == b"a"
                clients.ask(
                    "PUT", "/scenario", {"reply": "raw", "framing": "fixed:2", "banner": "hi"}
                )
                with clients.connect() as new:
                    new.sendall(b"abc")
                    assert read_exactly(new, 4) == b"hiab"
                    old.sendall(b"b")
                    assert read_exactly(old, 1) == b"b"
                    clients.ask("DELETE", "/scenario")
                    new.sendall(b"d")
                    assert read_exactly(new, 2) == b"cd"

        await self.in_thread(self.start_steered(), client)

    async def test_under_load_nothing_is_lost_nor_reordered(self) -> None:
        """Each message of fifty clients is another; many changes come while they are answered."""
        service = self.start_steered(seed=3)
        plan = Plan(
            clients=50, messages=(b"{client}:{message}\n",), repeat=40, rate=1500, pipeline=4,
            ramp=50, reply=ReplyFormat.RAW, seed=3,
        )  # fmt: skip
        running = Fleet(reactor, f"127.0.0.1:{port_of(service)}", plan).run()
        over = threading.Event()
        changing = self.in_thread(service, lambda clients: change_until(clients, over))
        changes = Deferred.fromCoroutine(changing)
        try:
            report = await running
        finally:
            over.set()
        made = await changes
        assert report.complete, (report.failures, report.interruptions)
        assert made > 30
        assert service.factory.counts.messages >= 50
        assert service.factory.connections.budget.used == 0


def change_until(clients: Clients, over: threading.Event) -> int:
    """Make changes that leave every reply as it is; say how many."""
    changes: list[dict[str, Any]] = [
        {"delay": "3ms"}, {"reply": "raw", "faults": []}, {"framing": "line"},
        {"delay": "uniform:0,8ms"}, {"delay": None}, {"framing": "delimiter:\n"},
        {"on": [{"match": "(?s)^.*$", "reply": "\\0", "limit": 9, "delay": "1ms"}]},
        {"on": [], "delay": "1ms", "framing": "read"}, {"faults": ["drip:0.1,bytes=3,pause=1ms"]},
        {"faults": ["bandwidth,rate=1Mi"]}, {"faults": ["late:0.2,times=3"], "delay": "2ms"},
        {"reply": "raw", "faults": [], "delay": None, "in_band": True},
    ]  # fmt: skip
    made = 0
    while not over.is_set():
        clients.ask("PATCH", "/scenario", changes[made % len(changes)])
        made += 1
    return made


class ResetTests(SteeredCase):
    """Beginning anew, again and again."""

    async def test_nothing_is_left_of_clients_that_are_reset(self) -> None:
        """Two hundred times, while they connect, send, and have replies wait, drip, or be slow."""
        service = self.start_steered(
            delay="uniform:0,50ms", seed=1,
            faults=["drip:0.2,bytes=1,pause=5ms", "stall:0.1,for=1s", "silent:0.1,limit=3",
                    "bandwidth:0.3,rate=64Ki"],
            banner="hello", banner_delay="5ms",
        )  # fmt: skip
        over = threading.Event()
        port = port_of(service)
        hammering = [deferToThread(hammer, port, over) for _ in range(4)]

        def client(clients: Clients) -> None:
            for _ in range(200):
                clients.ask("POST", "/reset")
            over.set()

        await self.in_thread(service, client)
        connected = [await each for each in hammering]
        assert min(connected) > 0
        await self.in_thread(service, lambda clients: clients.ask("POST", "/reset"))
        connections = service.factory.connections
        await self.until(lambda: not len(connections))
        assert connections.budget.used == len(connections.budget) == 0
        assert len(connections.timers) == 0
        assert service.factory.received.total == 0

        def first(clients: Clients) -> Any:
            with clients.connect() as connection:
                assert read_exactly(connection, 5) == b"hello"
                return clients.ask("GET", "/connections")["connections"][0]["number"]

        assert await self.in_thread(service, first) == 0

    async def test_the_answer_comes_after_the_reset(self) -> None:
        """Whoever connects after it is not reset, and is the first."""

        def client(clients: Clients) -> None:
            for _ in range(30):
                with clients.connect() as old:
                    clients.ask("POST", "/reset")
                    with clients.connect() as new:
                        new.sendall(b"new")
                        assert read_exactly(new, 3) == b"new"
                        [message] = clients.ask("GET", "/received")["messages"]
                        assert (message["connection"], message["data"]) == (0, "new")
                    with contextlib.suppress(OSError):
                        assert read_to_end(old) == b""

        await self.in_thread(self.start_steered(), client)

    async def test_proxies_that_have_said_nothing_are_reset_too(self) -> None:
        """Their clients are not known yet, but they belong to what was before."""
        proxied = ProxiedEchoFactory(
            reactor, proxies=parse_trusted(["127.0.0.0/8"]), header_timeout=600
        )
        service = self.start(LOOPBACK, proxied)
        steering = FactorySteering(reactor, proxied, service.accept_waiting)

        connected = threading.Event()

        def client(connection: socket.socket) -> bytes:
            connected.set()  # a reset before that would end its connecting
            try:
                return read_to_end(connection)
            except ConnectionResetError:
                return b"reset"

        talking = Deferred.fromCoroutine(self.talk(("127.0.0.1", port_of(service)), client))
        await self.until(lambda: connected.is_set() and proxied.count_open() == 1)
        steering.reset()
        assert await talking == b"reset"


def hammer(port: int, over: threading.Event) -> int:
    """Connect, send and read until it is over; say how often one could."""
    connected = 0
    while not over.is_set():
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", port), 5) as connection,
        ):
            connected += 1
            connection.settimeout(0.05)
            for size in (1, 3000, 20_000):
                connection.sendall(b"x" * size)
                with contextlib.suppress(TimeoutError):
                    connection.recv(4096)
    return connected


class HostileTests(SteeredCase):
    """Clients of the control port that do not read."""

    async def test_one_answer_at_a_time_waits_for_who_does_not_read(self) -> None:
        """However many are asked for; then all come."""
        service = self.start_steered()
        received = service.factory.received
        for _ in range(1000):
            received.add(0, 0, b"\0" * 1000)  # six characters each
        looked: list[int] = []
        since = received.since

        def counted(index: int) -> Any:
            looked.append(index)
            return since(index)

        received.since = counted
        control = ("127.0.0.1", service.ports[1].getHost().port)
        asked = b"GET /received HTTP/1.1\r\nHost: localhost\r\n\r\n"
        with socket.create_connection(control) as connection:
            connection.sendall(asked * 7 + asked[:-2] + b"Connection: close\r\n\r\n")
            await self.until(lambda: bool(looked))
            await deferLater(reactor, 0.1)
            assert len(looked) < 4  # the system itself takes the first few megabytes
            came = await deferToThread(connection.makefile("rb").read)
        assert came.count(b"HTTP/1.1 200 OK") == len(looked) == 8
        assert came.count(b'"total": 1000') == 8
