"""Both engines against the same servers: one behavioural suite, and the same verdicts."""

import contextlib
import socket
import tempfile
import threading
import time
import unittest
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from tests.support.peers import Behaviour, read_exactly, read_to_end, reset, serving, unused_port
from tests.support.stamps import stamped
from twistecho import EchoFactory, Fleet, Plan, ReplyFormat, Report
from twistecho.base.reply_formats import REPLY_WRITERS
from twistecho.fleet.conversation.conversation import Conversation
from twistecho.fleet.conversation.in_flight import ReplyObserver
from twistecho.fleet.plans.arrivals import Arrivals
from twistecho.fleet.plans.target import Target
from twistecho.fleet.reactor_engine.client import Client
from twistecho.fleet.reports.histograms import Latencies
from twistecho.fleet.reports.recorder import Recording
from twistecho.fleet.reports.verdict import invalid
from twistecho.fleet.thread_engine.fleet import ThreadedFleet

reactor: Any = global_reactor
RAW = ReplyFormat.RAW
PLAN = Plan(clients=3, messages=(b"one", b"two"), timeout=10, reply=RAW)
IMPATIENT = Plan(clients=3, messages=(b"one", b"two"), timeout=0.4, reply=RAW)


async def run_reactor(
    plan: Plan, target: Target | str, on_reply: ReplyObserver | None = None
) -> Report:
    """Run a plan with the reactor's engine."""
    return await Fleet(reactor, target, plan, on_reply=on_reply).run()


async def run_threads(
    plan: Plan, target: Target | str, on_reply: ReplyObserver | None = None
) -> Report:
    """Run a plan with the threads engine."""
    return await deferToThread(ThreadedFleet(target, plan, on_reply=on_reply).run)


ENGINES = (run_reactor, run_threads)


def answer(connection: socket.socket, size: int = 3) -> bytes:
    """Echo one message of ``size`` bytes; give it."""
    message = read_exactly(connection, size)
    connection.sendall(message)
    return message


def swapping(reply: ReplyFormat) -> Behaviour:
    """Give what answers each of two connections with what the other one has sent."""
    barrier, messages = threading.Barrier(2, timeout=10), {}

    def behaviour(connection: socket.socket) -> None:
        with contextlib.suppress(threading.BrokenBarrierError):
            while message := connection.recv(1024):
                messages[connection] = message
                barrier.wait()
                [other] = [messages[each] for each in messages if each is not connection]
                barrier.wait()
                connection.sendall(REPLY_WRITERS[reply](other, time.ctime()))

    return behaviour


def _reset_before(connection: socket.socket) -> None:
    read_exactly(connection, 3)
    reset(connection)


def _reset_in(connection: socket.socket) -> None:
    read_exactly(connection, 3)
    connection.sendall(b"o")
    reset(connection)


def _reset_after(connection: socket.socket) -> None:
    answer(connection)
    read_exactly(connection, 3)
    reset(connection)


def _half(connection: socket.socket) -> None:
    read_exactly(connection, 3)
    connection.sendall(b"on")


def _silent(connection: socket.socket) -> None:
    read_to_end(connection)


def _wrong(connection: socket.socket) -> None:
    answer(connection)
    read_exactly(connection, 3)
    connection.sendall(b"TWO")
    read_to_end(connection)


def _too_much(connection: socket.socket) -> None:
    read_exactly(connection, 3)
    connection.sendall(b"one and more")
    read_to_end(connection)


def _too_much_at_the_end(connection: socket.socket) -> None:
    answer(connection)
    answer(connection)
    read_to_end(connection)
    connection.sendall(b"more")


class ExpiryTests(unittest.TestCase):
    """When a client of the reactor engine is looked at, and when it gives up."""

    def test_a_step_has_its_time_and_waiting_for_the_next_message_is_none(self) -> None:
        """While nothing is waited for, it is looked at again a timeout later."""
        plan = Plan(messages=(b"a",), repeat=2, rate=0.1, timeout=3, reply=ReplyFormat.RAW)
        conversation = Conversation(plan, 0, Recording())
        conversation.connecting(0.0)
        message = conversation.connected(0.0)
        client = Client(SimpleNamespace(monotonic=float, began=0.0), conversation)
        assert client.expire(2.5) == 3.0
        conversation.received(message, 2.5)
        assert client.expire(4.0) == 7.0
        due = conversation.next_due or 0.0
        assert conversation.wake(due) == message
        assert client.expire(due + 2.5) == due + 3.0
        assert client.expire(due + 3.0) is None
        assert str(conversation.outcome) == "receive:timeout"
        assert client.expire(due + 2.5) is None


MISBEHAVIOURS: dict[str, tuple[Behaviour, Plan, str, int]] = {
    "reset before the reply": (_reset_before, PLAN, "receive:reset", 0),
    "reset in the middle of a reply": (_reset_in, PLAN, "receive:reset", 0),
    "reset after a reply": (_reset_after, PLAN, "receive:reset", 1),
    "closed half-way through a reply": (_half, PLAN, "receive:closed", 0),
    "accepted and silent": (_silent, IMPATIENT, "receive:timeout", 0),
    "wrong": (_wrong, PLAN, "receive:mismatch", 1),
    "too much": (_too_much, PLAN, "receive:extra", 1),
    "too much at the end": (_too_much_at_the_end, PLAN, "receive:extra", 2),
}


class ServiceCase(TestCase):
    """A test case with an echo service."""

    timeout = 120

    async def serve(self, interface: str = "127.0.0.1", **options: Any) -> str:
        """Serve an echo factory on a free port; give the target, that of IPv4."""
        endpoint = serverFromString(reactor, f"tcp:0:interface={interface}")
        factory = EchoFactory(reactor, **options)
        port = await endpoint.listen(factory)

        async def stop() -> None:
            await port.stopListening()
            await factory.drain()

        self.addCleanup(lambda: Deferred.fromCoroutine(stop()))
        return f"127.0.0.1:{port.getHost().port}"


class EnginesTests(ServiceCase):
    """What both engines must see alike."""

    async def both(self, plan: Plan, target: str) -> tuple[Report, Report]:
        """Run a plan with both engines, which must agree."""
        first, second = await run_reactor(plan, target), await run_threads(plan, target)
        assert first.disagreements(second) == []
        return first, second

    async def test_every_format_is_answered_right(self) -> None:
        """Several messages, repeated, of every format."""
        for reply in ReplyFormat:
            target = await self.serve(reply=reply)
            plan = Plan(clients=5, messages=(b"Ola", b"mundo" * 1000), repeat=3, reply=reply)
            for report in await self.both(plan, target):
                assert report.complete
                assert report.messages == 30
                assert report.bytes_sent == report.bytes_returned == 5 * 3 * 5003

    async def test_a_delay_shows_in_every_latency(self) -> None:
        """No reply is counted faster than it can have been."""
        target = await self.serve(delay=0.2)
        for report in await self.both(Plan(clients=5), target):
            latency = report.latencies()
            assert latency is not None
            assert latency.count == 5
            assert latency.min >= 0.199

    async def test_a_message_larger_than_all_buffers_does_not_lock_up(self) -> None:
        """Both sides have megabytes in flight at once."""
        target = await self.serve(reply=RAW)
        plan = Plan(clients=2, messages=(bytes(range(256)) * 40_000,), reply=RAW)
        for report in await self.both(plan, target):
            assert report.complete

    async def test_every_misbehaviour_has_its_cause(self) -> None:
        """The same cause for every client, from both engines, and what came before it counts."""
        for name, (behaviour, plan, cause, messages) in MISBEHAVIOURS.items():
            with serving(behaviour) as port:
                for report in await self.both(plan, f"127.0.0.1:{port}"):
                    assert report.failures == {cause: 3}, (name, report.engine)
                    assert report.messages == 3 * messages, (name, report.engine)
                    assert not report.complete

    async def test_the_reply_of_another_client_is_noticed(self) -> None:
        """In every format; where a text is the same for all, the plan says that it cannot be."""
        told = Plan(clients=2, repeat=3, timeout=10)
        for reply in ReplyFormat:
            for plan in (
                replace(told, reply=reply),
                replace(told, reply=reply, messages=(b"{client}.",)),
            ):
                for run in ENGINES:
                    with serving(swapping(reply)) as port:
                        report = await run(plan, f"127.0.0.1:{port}")
                    assert report.failures == {"receive:mismatch": 2}, (reply, report.engine)
                    assert report.plan.told_apart
            for run in ENGINES:
                with serving(swapping(reply)) as port:
                    report = await run(
                        replace(told, reply=reply, messages=(b"x",)), f"127.0.0.1:{port}"
                    )
                assert report.complete
                assert report.plan.told_apart is False

    async def test_a_message_taken_in_part_is_being_sent(self) -> None:
        """Also where a short one, of which nothing was taken, waits behind it."""
        plan = Plan(clients=1, messages=(b"x" * 2**24, b"y"), pipeline=2, timeout=20, reply=RAW)

        def take_a_part(connection: socket.socket) -> None:
            connection.recv(1)
            reset(connection)

        for run in ENGINES:
            with serving(take_a_part) as port:
                report = await run(plan, f"127.0.0.1:{port}")
            assert report.failures == {"send:reset": 1}
            assert (report.sent, report.unsent) == (0, 2)
            assert 0 < report.bytes_sent < 2**24
            assert report.outcomes[0].balance == (0, 0)

    async def test_a_server_that_never_closes_is_named(self) -> None:
        """Everything was answered, but FIN is not returned: close:timeout."""
        holding: list[socket.socket] = []

        def hold(connection: socket.socket) -> None:
            answer(connection)
            answer(connection)
            holding.append(connection.dup())

        try:
            with serving(hold) as port:
                for report in await self.both(IMPATIENT, f"127.0.0.1:{port}"):
                    assert report.failures == {"close:timeout": 3}
                    assert report.messages == 6
        finally:
            for connection in holding:
                connection.close()

    async def test_a_reset_after_the_last_reply_is_named(self) -> None:
        """The closing failed, and nothing else."""

        def behaviour(connection: socket.socket) -> None:
            answer(connection)
            answer(connection)
            read_to_end(connection)
            reset(connection)

        with serving(behaviour) as port:
            for report in await self.both(PLAN, f"127.0.0.1:{port}"):
                assert report.failures == {"close:reset": 3}
                assert report.messages == 6

    async def test_refused_and_unknown_hosts_are_named(self) -> None:
        """No connection, no message."""
        for report in await self.both(PLAN, f"127.0.0.1:{unused_port()}"):
            assert report.failures == {"connect:refused": 3}
            assert report.bytes_sent == 0
        for report in await self.both(PLAN, "no-such-host.invalid:5000"):
            assert report.failures == {"connect:no-address": 3}

    async def test_a_host_with_several_addresses_is_tried_in_turn(self) -> None:
        """Localhost may be ::1 first; a service on 127.0.0.1 is found."""
        target = await self.serve(reply=RAW)
        for report in await self.both(PLAN, target.replace("127.0.0.1", "localhost")):
            assert report.complete

    async def test_ipv6(self) -> None:
        """An address in brackets is a target of both engines."""
        factory = EchoFactory(reactor, reply="raw")
        port = await serverFromString(reactor, r"tcp6:0:interface=\:\:1").listen(factory)
        self.addCleanup(port.stopListening)
        for report in await self.both(PLAN, f"[::1]:{port.getHost().port}"):
            assert report.complete

    async def test_a_scope_names_the_interface(self) -> None:
        """``[::1%lo]`` is connected to by both."""
        target = await self.serve("\\:\\:1", reply=RAW)
        port = target.rpartition(":")[2]
        for report in await self.both(PLAN, f"[::1%lo]:{port}"):
            assert report.complete

    async def test_what_a_finished_run_has_recorded_is_counted_once(self) -> None:
        """Who looks on adds up the recordings, of those that ended and those that run."""
        target = await self.serve(reply=RAW)
        fleet = ThreadedFleet(target, PLAN)
        report = await deferToThread(fleet.run)
        assert sum(recording.answered for recording in fleet.recordings()) == report.messages

    async def test_a_source_of_the_other_family_is_named(self) -> None:
        """Nothing hangs, and both engines give the same cause."""
        plan = replace(PLAN, sources=("::1",))
        for report in await self.both(plan, f"127.0.0.1:{unused_port()}"):
            assert report.failures == {"connect:address-family": 3}

    async def test_a_name_that_cannot_be_asked_for_is_named(self) -> None:
        """A target that was not read from a text may hold one."""
        plan = replace(PLAN, sources=())
        target = Target("a..b", host="a..b", port=5000)
        for run in ENGINES:
            report = await run(plan, target)
            assert report.failures == {"connect:no-address": 3}

    async def test_unix_sockets(self) -> None:
        """A path is a target of both engines; one that is missing is named."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = f"{folder.name}/echo"
        for report in await self.both(PLAN, f"unix:{path}"):
            assert report.failures == {"connect:no-such-socket": 3}
        port = await serverFromString(reactor, f"unix:{path}").listen(
            EchoFactory(reactor, reply="raw")
        )
        self.addCleanup(port.stopListening)
        for report in await self.both(PLAN, f"unix:{path}"):
            assert report.complete

    async def test_observers_see_every_reply(self) -> None:
        """Client and bytes, once a message."""
        target = await self.serve(reply="prefixed")
        plan = Plan(clients=2, messages=(b"a", b"b"), reply=ReplyFormat.PREFIXED)
        for run in ENGINES:
            seen: list[tuple[int, bytes]] = []
            await run(plan, target, lambda client, reply: seen.append((client, reply)))  # noqa: B023
            expected = [(c, b"Resposta => " + m) for c in range(2) for m in (b"a", b"b")]
            assert sorted(seen) == expected

    async def test_many_clients_at_once(self) -> None:
        """Three hundred clients, held for half a second, in far less than a second each."""
        target = await self.serve(delay=0.5, delay_per="connection")
        for report in await self.both(Plan(clients=300), target):
            assert report.complete
            assert report.makespan < 30


class CuttingServer(Protocol):
    """Answers raw, each reply cut into the pieces that the test says."""

    factory: "CuttingFactory"

    def dataReceived(self, data: bytes) -> None:
        """Echo in pieces, each in a reactor turn of its own."""
        self.factory.echo(self, data)


class CuttingFactory(Factory):
    """Makes `CuttingServer` s; ``cuts`` are the sizes of the pieces, over and over."""

    protocol = CuttingServer  # type: ignore[assignment]  # Factory's protocols know any factory
    noisy = False

    def __init__(self, cuts: list[int]) -> None:
        self.cuts = cuts

    def echo(self, server: CuttingServer, data: bytes) -> None:
        """Write the first piece and come back for the rest."""
        transport: Any = server.transport
        if not data or not server.connected:
            return
        size = self.cuts[len(data) % len(self.cuts)]
        transport.write(data[:size])
        reactor.callLater(0, self.echo, server, data[size:])


class CutTests(TestCase):
    """The wire may cut replies anywhere."""

    timeout = 60

    async def check(self, cuts: list[int]) -> None:
        """Run both engines against a server that cuts so."""
        port = await serverFromString(reactor, "tcp:0:interface=127.0.0.1").listen(
            CuttingFactory(cuts)
        )
        self.addCleanup(port.stopListening)
        plan = Plan(clients=2, messages=(b"0123456789", b"abc"), reply=RAW)
        for run in ENGINES:
            report = await run(plan, f"127.0.0.1:{port.getHost().port}")
            assert report.complete, report.failures

    async def test_cut_anywhere(self) -> None:
        """Byte by byte, and in odd pieces."""
        for cuts in ([1], [2, 3], [4, 1, 7]):
            await self.check(cuts)


@implementer(IStreamClientEndpoint)
class RaisingEndpoint:
    """An endpoint of somebody's that raises instead of failing."""

    def connect(self, _factory: object) -> "Deferred[Any]":
        """Raise ValueError."""
        raise ValueError("not here")


class FleetTests(TestCase):
    """What only the reactor's fleet can do."""

    timeout = 60

    async def test_stop_ends_all_clients_and_still_reports(self) -> None:
        """Those that wait are interrupted; the report says so."""
        with serving(_silent) as port:
            fleet = Fleet(reactor, f"127.0.0.1:{port}", PLAN)
            running = fleet.run()
            while len(fleet._running) < 3:
                await deferLater(reactor, 0.01)
            fleet.stop()
            report = await running
        causes = {cause.partition(":")[2] for cause in report.interruptions}
        assert causes == {"interrupted"}

    async def test_cancelling_ends_all_clients(self) -> None:
        """The Deferred fails with CancelledError and nothing is left in the reactor."""
        with serving(_silent) as port:
            fleet = Fleet(reactor, f"127.0.0.1:{port}", PLAN)
            running = fleet.run()
            await deferLater(reactor, 0.05)
            running.cancel()
            self.failureResultOf(running)
            while fleet._running:
                await deferLater(reactor, 0.01)

    async def test_a_client_endpoint_description_is_a_target(self) -> None:
        """What Twisted can connect to, the fleet can."""
        port = await serverFromString(reactor, "tcp:0:interface=127.0.0.1").listen(
            EchoFactory(reactor, reply="raw")
        )
        self.addCleanup(port.stopListening)
        where = f"tcp:host=127.0.0.1:port={port.getHost().port}"
        assert (await run_reactor(PLAN, where)).complete
        self.assertRaises(ValueError, ThreadedFleet, where, PLAN)

    def test_a_text_that_twisted_refuses_is_refused_at_once(self) -> None:
        """Making the fleet raises ValueError with what the parser says, in one line."""
        for text in ("localhost:5000/", "tcp:h:x", "tcp:h", "ssl:"):
            self.assertRaisesRegex(ValueError, "not host:port or", Fleet, reactor, text, PLAN)

    async def test_an_endpoint_that_raises_fails_to_connect(self) -> None:
        """Whatever it raises, every client has an outcome that says so."""
        fleet = Fleet(reactor, "tcp:127.0.0.1:1:timeout=3", PLAN)
        fleet._destination.endpoint = RaisingEndpoint()
        assert (await fleet.run()).failures == {"connect:value": 3}

    async def test_an_exception_nobody_foresaw_ends_the_run(self) -> None:
        """Whoever waits for the report gets the exception: nobody waits for ever."""
        fleet = Fleet(reactor, f"127.0.0.1:{unused_port()}", PLAN)

        def broken(_number: int) -> Any:
            raise LookupError("broken")

        fleet._reader_of = broken
        with pytest.raises(LookupError, match="broken"):
            await fleet.run()

    async def test_connecting_is_bounded_by_the_timeout(self) -> None:
        """A listener whose backlog is full lets connections hang: connect:timeout."""
        with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
            target = f"127.0.0.1:{listener.getsockname()[1]}"
            plan = Plan(clients=6, timeout=0.4)
            for run in ENGINES:
                report = await run(plan, target)
                assert report.failures.get("connect:timeout", 0) >= 1
                assert set(report.failures) <= {"connect:timeout", "receive:timeout"}


def judged(report: Report) -> tuple[str, ...]:
    """Say what is wrong with a report, but for lateness, which a busy machine may cause."""
    return invalid(replace(report, plan=replace(report.plan, rate=None)))


def longest(text: str) -> float:
    """Give the longest time of a histogram, in seconds."""
    summary = Latencies(text).summary()
    assert summary is not None
    return summary.max


class LoadTests(ServiceCase):
    """The load models, on both engines against the same service."""

    async def loaded(self, target: str, **fields: Any) -> list[Report]:
        """Run a plan with both engines: all must be answered, and add up."""
        plan = Plan(**{"messages": (b"one",), "reply": RAW, "timeout": 20, **fields})
        reports = [await run(plan, target) for run in ENGINES]
        for report in reports:
            assert (report.failures, judged(report)) == ({}, ()), report.engine
            assert report.sent == report.messages
        return reports

    async def test_a_rate_is_kept_whatever_the_arrivals(self) -> None:
        """Every message is sent, and none before its time: constant ones 1 / rate apart."""
        target = await self.serve(reply=RAW)
        for arrivals in Arrivals:
            fields: dict[str, Any] = {"clients": 4, "repeat": 10, "rate": 200, "arrivals": arrivals}
            for report in await self.loaded(target, **fields):
                assert (report.messages, report.unsent) == (40, 0)
                ended = max(outcome.ended for outcome in report.outcomes)
                assert arrivals is Arrivals.POISSON or ended >= 39 / 200

    async def test_what_lies_unread_is_the_fleet_s_own(self) -> None:
        """Two clients: both replies have come, but one is looked at for 0.2 s before the other."""
        both = threading.Barrier(3, timeout=20)

        def behaviour(connection: socket.socket) -> None:
            connection.sendall(read_exactly(connection, 3))
            both.wait()
            read_to_end(connection)

        def look(_client: int, _reply: bytes) -> None:
            if not seen:
                both.wait()
                time.sleep(0.2)
            seen.append(True)

        seen: list[bool] = []
        plan = Plan(clients=2, messages=(b"one",), reply=RAW, timeout=20, barrier=True)
        with stamped(), serving(behaviour) as port:
            report = await run_reactor(plan, f"127.0.0.1:{port}", look)
        assert longest(report.measured.own) >= 0.199
        assert longest(report.measured.latency) >= 0.199
        assert Latencies(report.measured.wire).count == report.measured.timed == 2

    async def test_what_was_timed_adds_up(self) -> None:
        """Both engines time every message of a small run, connecting and the first bytes."""
        target = await self.serve(reply=RAW)
        with stamped():
            await self.check_times(target)

    async def check_times(self, target: str) -> None:
        """Run loads of all kinds."""
        for fields in ({"rate": 200.0}, {"think": 0.001}, {"pipeline": 3}, {}):
            for report in await self.loaded(target, clients=3, repeat=5, **fields):
                found = report.measured
                assert found.timed == 15 or (fields and found.timed > 0)
                assert Latencies(found.own).count == Latencies(found.wire).count == found.timed
                assert Latencies(found.undelayed).count == 15 * ("rate" in fields)
                assert Latencies(found.connect_wire).count == 3
                assert Latencies(found.first_byte_wire).count == 3
                assert longest(found.wire) <= longest(found.latency) * 1.001
                assert report.cpu_seconds is not None

    async def test_a_unix_socket_tells_no_times(self) -> None:
        """What is not known is not printed."""
        with tempfile.TemporaryDirectory() as folder:
            endpoint = f"unix:{folder}/echo"
            port = await serverFromString(reactor, endpoint).listen(EchoFactory(reactor, reply=RAW))
            try:
                for report in await self.loaded(endpoint, clients=2):
                    assert report.marks == {}
                    assert (report.measured.timed, report.measured.connect_wire) == (0, "")
            finally:
                await port.stopListening()

    async def test_a_slow_server_shows_in_response_times(self) -> None:
        """Four messages due in 0.075 s, each held for 0.1: the last reply is 0.325 s late."""
        target = await self.serve(reply=RAW, delay=0.1)
        for report in await self.loaded(target, clients=1, repeat=4, rate=40):
            response, service = longest(report.measured.latency), longest(report.measured.service)
            assert response >= 0.32
            assert 0.099 <= service <= response - 0.2

    async def test_a_duration_takes_the_messages_that_are_due_in_it(self) -> None:
        """Of a schedule exactly those; what is due in the warm-up is not measured."""
        target = await self.serve(reply=RAW)
        fields: dict[str, Any] = {"clients": 3, "duration": 0.3, "warmup": 0.0975}
        for report in await self.loaded(target, rate=200, **fields):
            assert (
                report.messages + report.unsent == 80
            )  # a late machine may have no time for the last
            assert report.measured.unmeasured == 20
        for report in await self.loaded(target, think=0.01, **fields):
            assert report.makespan >= 0.3
            assert 0 < report.measured.unmeasured < report.messages

    async def test_a_pipeline_in_every_format(self) -> None:
        """Several messages at once, longer and shorter than what the service reads at a time."""
        for reply in ReplyFormat:
            target = await self.serve(reply=reply)
            messages = (b"Ola", b"mundo" * 500, b"!")
            for report in await self.loaded(
                target, clients=3, messages=messages, repeat=5, pipeline=4, reply=reply
            ):
                assert report.messages == 45
                assert report.bytes_returned == 3 * 5 * 2504

    async def test_clients_pause_between_messages(self) -> None:
        """Three messages, two pauses, which are in no latency."""
        target = await self.serve(reply=RAW)
        for report in await self.loaded(target, clients=2, repeat=3, think=0.1):
            assert report.makespan >= 0.199
            assert Latencies(report.measured.lag).count == 6

    async def test_clients_connect_at_the_ramp_s_rate(self) -> None:
        """None before its turn."""
        target = await self.serve(reply=RAW)
        for report in await self.loaded(target, clients=5, ramp=50):
            for outcome in report.outcomes:
                assert outcome.started >= outcome.client / 50

    async def test_behind_a_barrier_nobody_begins_before_all_have_connected(self) -> None:
        """With a ramp, that the first ones would otherwise not wait for."""
        target = await self.serve(reply=RAW)
        for report in await self.loaded(target, clients=5, ramp=50, barrier=True):
            connected = max(outcome.connected or 0.0 for outcome in report.outcomes)
            assert min(outcome.first_byte or 0.0 for outcome in report.outcomes) >= connected

    async def test_a_barrier_does_not_wait_for_who_cannot_connect(self) -> None:
        """All others begin: here the backlog holds a few, the rest times out."""
        with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
            plan = Plan(clients=4, timeout=0.3, barrier=True)
            for run in ENGINES:
                report = await run(plan, f"127.0.0.1:{listener.getsockname()[1]}")
                assert set(report.failures) <= {"connect:timeout", "receive:timeout"}
                assert (sum(report.failures.values()), judged(report)) == (4, ())


class StoppingTests(TestCase):
    """Runs that are ended early tell what they found until then."""

    timeout = 60

    async def stopped(self, plan: Plan, target: str, ready: Callable[[], bool]) -> list[Report]:
        """Run a plan with both engines and stop it when all is ready; the reports add up."""
        reports = []
        for make in (partial(Fleet, reactor), ThreadedFleet):
            fleet: Any = make(target, plan)
            threaded = isinstance(fleet, ThreadedFleet)
            running = deferToThread(fleet.run) if threaded else fleet.run()
            while not (ready() and fleet.recordings()):
                await deferLater(reactor, 0.01)
            fleet.stop()
            fleet.stop()
            report = await running
            fleet.stop()  # which is late, and does nothing
            assert (report.interrupted, judged(report)) == (True, ())
            assert len(report.outcomes) == plan.clients
            reports.append(report)
        return reports

    async def test_what_is_unanswered_is_outstanding(self) -> None:
        """One message answered, one not, of every client."""
        waiting: list[int] = []

        def answer_once(connection: socket.socket) -> None:
            answer(connection)
            read_exactly(connection, 3)
            waiting.append(1)
            read_to_end(connection)

        def ready() -> bool:
            if len(waiting) < 3:
                return False
            waiting.clear()
            return True

        with serving(answer_once) as port:
            for report in await self.stopped(PLAN, f"127.0.0.1:{port}", ready):
                assert report.interruptions == {"receive:interrupted": 3}
                assert (report.sent, report.messages, report.outstanding) == (6, 3, 3)

    async def test_clients_that_wait_for_something_else_are_ended_too(self) -> None:
        """For their turn to connect, for a slow server's backlog, for their next message."""
        with serving(_silent) as port:
            for fields in ({"ramp": 0.1}, {"rate": 0.01}, {"ramp": 0.1, "barrier": True}):
                plan = replace(PLAN, **fields)  # type: ignore[arg-type]  # fields of a plan
                for report in await self.stopped(plan, f"127.0.0.1:{port}", lambda: True):
                    assert {c.partition(":")[2] for c in report.interruptions} == {"interrupted"}
        with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
            where = f"127.0.0.1:{listener.getsockname()[1]}"
            for report in await self.stopped(replace(PLAN, clients=6), where, lambda: True):
                assert {c.partition(":")[2] for c in report.interruptions} == {"interrupted"}
