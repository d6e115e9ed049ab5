"""The echo protocol, in memory: replies, order, delays, bounds and the end."""

import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IFileDescriptorReceiver,
    IHalfCloseableProtocol,
    IPushProducer,
    ISystemHandle,
)
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from tests.support.clocks import ShufflingClock
from tests.support.pipes import SMALL, Pipe, connect
from twistecho import EchoFactory, Limits
from twistecho.base.reply_formats import messages_of
from twistecho.service.echo.connection import FIRST_MESSAGE
from twistecho.service.echo.limits import MESSAGE_COST
from twistecho.service.scenario.delay import Trace
from twistecho.service.scenario.parsing import parse_delays, parse_faults

CTIME = "Sat Jul 22 18:43:57 2017"


class ReplyTests(SynchronousTestCase):
    """What is answered, and when."""

    def test_provides_the_interfaces_it_claims(self) -> None:
        """Twisted looks for these to keep half-closed connections and to hold writers back."""
        protocol, _ = connect(EchoFactory(Clock()))
        verifyObject(IHalfCloseableProtocol, protocol)
        verifyObject(IPushProducer, protocol)

    def test_descriptors_that_a_peer_passes_are_closed(self) -> None:
        """Twisted would warn of each; here the log says so now and then."""
        protocol, _ = connect(EchoFactory(Clock()))
        verifyObject(IFileDescriptorReceiver, protocol)
        kept, passed = os.pipe()
        with os.fdopen(kept, "rb") as other:
            for descriptor in (passed, os.dup(kept)):
                protocol.fileDescriptorReceived(descriptor)
            assert other.read() == b""  # nobody else has the end that writes

    def test_stamped_is_the_default(self) -> None:
        """The notebook's reply, byte for byte."""
        protocol, transport = connect(EchoFactory(Clock(), ctime=lambda: CTIME))
        protocol.dataReceived(b"Ola mundo da internet!")
        expected = b"Resposta eco => b'Ola mundo da internet!' as Sat Jul 22 18:43:57 2017"
        assert transport.value() == expected

    def test_a_long_read_becomes_replies_of_at_most_1024_bytes(self) -> None:
        """What one read gave is answered in pieces, as recv(1024) would have."""
        protocol, transport = connect(EchoFactory(Clock(), reply="prefixed"))
        protocol.dataReceived(b"x" * 2500)
        pieces = [b"x" * 1024, b"x" * 1024, b"x" * 452]
        assert transport.value() == b"".join(b"Resposta => " + piece for piece in pieces)

    def test_a_delay_holds_each_reply_from_its_arrival(self) -> None:
        """Two messages a second apart are answered a second apart."""
        clock = Clock()
        protocol, transport = connect(EchoFactory(clock, reply="raw", delay=5))
        protocol.dataReceived(b"one")
        clock.advance(1)
        protocol.dataReceived(b"two")
        clock.advance(3.9)
        assert transport.value() == b""
        clock.advance(0.1)
        assert transport.value() == b"one"
        clock.advance(1)
        assert transport.value() == b"onetwo"
        assert len(protocol.factory.connections.timers) == 0

    def test_the_stamp_is_the_time_of_sending(self) -> None:
        """A reply that was held is stamped when it leaves, as the notebook's servers do."""
        clock = Clock()
        factory = EchoFactory(clock, delay=5, ctime=lambda: f"{clock.seconds():24}")
        protocol, transport = connect(factory)
        protocol.dataReceived(b"x")
        clock.advance(5)
        assert transport.value().endswith(b" 5.0")

    def test_a_delay_per_connection_reads_nothing_before_it_has_passed(self) -> None:
        """The transport is paused from accept on, then everything is answered at once."""
        clock = Clock()
        factory = EchoFactory(clock, reply="raw", delay=5, delay_per="connection")
        protocol, transport = connect(factory)
        assert transport.producerState == "paused"
        clock.advance(5)
        assert transport.producerState == "producing"
        protocol.dataReceived(b"one")
        assert transport.value() == b"one"
        assert len(factory.connections.timers) == 0

    def test_a_reply_that_is_not_delayed_waits_for_one_that_is(self) -> None:
        """Whether a message asked for the delay, a trace has it, or a fault drips."""
        for name, options, waits in (
            ("in-band", {"in_band": True}, b"!delay 1 x"),
            ("trace", {"delay": Trace((1.0, 0.0), "two")}, b"x"),
            ("drip", {"faults": parse_faults(["drip,bytes=1,pause=1,every=2"])}, b"xy"),
        ):
            clock = Clock()
            protocol, transport = connect(EchoFactory(clock, reply="raw", **options))
            with self.subTest(name):
                if name == "drip":
                    protocol.dataReceived(b"first")
                protocol.dataReceived(waits)
                protocol.dataReceived(b"last")
                assert not transport.value().endswith(b"last")
                clock.advance(1)
                assert transport.value().endswith(waits + b"last")

    @settings(deadline=None, max_examples=50)
    @given(
        st.lists(st.tuples(st.binary(min_size=1, max_size=3000), st.integers(0, 2)), max_size=12),
        st.integers(0, 3),
        st.integers(0, 2**32),
    )
    def test_bytes_are_conserved_and_in_order(
        self, reads: list[tuple[bytes, int]], delay: int, seed: int
    ) -> None:
        """However messages arrive, raw replies are the bytes that came, none before its time."""
        clock = ShufflingClock(seed)
        protocol, transport = connect(EchoFactory(clock, reply="raw", delay=delay))
        arrived: list[tuple[float, bytes]] = []
        for data, pause in reads:
            protocol.dataReceived(data)
            arrived.append((clock.seconds(), data))
            clock.advance(pause)
            due = b"".join(d for at, d in arrived if at + delay <= clock.seconds())
            assert transport.value() == due
        clock.advance(delay)
        assert transport.value() == b"".join(data for data, _ in reads)
        assert len(protocol.factory.connections.timers) == 0


def services(
    *delays: float | str, limits: Limits = SMALL, reply: str = "raw"
) -> Iterator[tuple[str, Clock, EchoFactory]]:
    """Make a factory for each delay, without faults and with one that half of the replies meet.

    The fault changes nothing: it lets a reply out in one piece.
    """
    for delay in delays:
        for fault in (), ("drip:0.5,bytes=5000",):
            clock = Clock()
            factory = EchoFactory(
                clock,
                reply=reply,
                delay=parse_delays(str(delay), seed=1),
                faults=parse_faults(fault, seed=1),
                limits=limits,
            )
            yield f"delay {delay}, faults {fault}", clock, factory


class BoundsTests(SynchronousTestCase):
    """A peer that writes and does not read."""

    def test_reading_stops_while_the_queue_is_full(self) -> None:
        """Delayed messages beyond the bound pause the transport until some have been answered."""
        for name, clock, factory in services(5, "uniform:4,6"):
            protocol, transport = connect(factory)
            with self.subTest(name):
                sent = 0
                while transport.producerState == "producing":
                    protocol.dataReceived(b"x" * 1000)
                    sent += 1000
                    assert sent <= SMALL.waiting_bytes
                assert protocol.waiting_bytes > SMALL.queue
                clock.advance(6)
                assert transport.producerState == "producing"
                assert len(transport.value()) == sent

    def test_so_many_messages_wait_and_no_more(self) -> None:
        """However small they are, and however few bytes they count for."""
        few = replace(SMALL, waiting_messages=7)
        for name, _, factory in services(5, "uniform:4,6", limits=few):
            protocol, transport = connect(factory)
            with self.subTest(name):
                for waiting in range(1, 8):
                    assert transport.producerState == "producing"
                    protocol.dataReceived(b"x")
                    assert protocol.waiting == waiting
                assert transport.producerState == "paused"

    def test_tiny_messages_are_bounded_too(self) -> None:
        """One-byte messages count for the objects they cost."""
        for name, _, factory in services(5, "uniform:4,6"):
            protocol, transport = connect(factory)
            with self.subTest(name):
                sent = 0
                while transport.producerState == "producing":
                    protocol.dataReceived(b"x")
                    sent += 1
                each = MESSAGE_COST + 1
                assert (sent - 1) * each <= SMALL.queue < sent * each

    def test_reading_stops_while_the_write_buffer_is_full(self) -> None:
        """A peer that does not read is not read from, and all it is owed comes once it reads."""
        for name, _, factory in services(0, reply="stamped"):
            transport = Pipe()
            transport.full = True
            protocol, _ = connect(factory, transport)
            with self.subTest(name):
                assert transport.bufferSize == SMALL.write_buffer
                sent = 0
                while transport.producerState == "producing":
                    protocol.dataReceived(b"\0" * 1024)
                    sent += 1024
                waiting = len(transport.value()) + protocol.waiting_bytes
                assert waiting <= SMALL.waiting_bytes + 1024
                came = b""
                while data := transport.drain():
                    came += data
                assert came.count(b"\\x00") == sent
                assert transport.producerState == "producing"

    def test_a_second_stall_does_not_shorten_the_first(self) -> None:
        """Nothing is read before both are over."""
        clock = Clock()
        protocol, transport = connect(EchoFactory(clock, reply="raw", in_band=True))
        protocol.dataReceived(b"!stall,for=10s")
        protocol.dataReceived(b"!stall,for=1s")
        clock.advance(9.9)
        assert transport.producerState == "paused"
        clock.advance(0.1)
        assert transport.producerState == "producing"

    def test_a_stall_and_a_reply_each_have_their_own_time(self) -> None:
        """Whichever is over first."""
        for delay, came in ((5, b""), (1, b"!stall,for=3s")):
            clock = Clock()
            factory = EchoFactory(clock, reply="raw", in_band=True, delay=delay)
            protocol, transport = connect(factory)
            protocol.dataReceived(b"!stall,for=3s")
            clock.advance(1)
            assert (transport.value(), transport.producerState) == (came, "paused")
            clock.advance(2)
            assert (transport.value(), transport.producerState) == (came, "producing")
            clock.advance(2)
            assert transport.value() == b"!stall,for=3s"

    def test_a_stall_that_ends_between_two_replies_ends_in_time(self) -> None:
        """The first of them, as it leaves, sets no later time."""
        clock = Clock()
        protocol, transport = connect(EchoFactory(clock, reply="raw", in_band=True))
        for message in (b"!delay 1", b"!delay 5", b"!stall,for=3s"):
            protocol.dataReceived(message)
        clock.advance(1)
        assert (transport.value(), transport.producerState) == (b"!delay 1", "paused")
        clock.advance(2)
        assert (transport.value(), transport.producerState) == (b"!delay 1", "producing")

    def test_due_replies_wait_for_room_in_the_write_buffer(self) -> None:
        """Replies that fall due while the buffer is full stay in the queue, in order."""
        clock = Clock()
        transport = Pipe()
        transport.full = True
        factory = EchoFactory(clock, reply="raw", delay=1, limits=SMALL)
        protocol, _ = connect(factory, transport)
        sent = b"".join(bytes([number]) * 1024 for number in range(7))
        protocol.dataReceived(sent)
        clock.advance(1)
        assert len(transport.value()) < len(sent)
        came = b""
        while data := transport.drain():
            came += data
        assert came == sent
        assert len(factory.connections.timers) == 0

    def test_no_reply_leaves_early_after_the_write_buffer_was_full(self) -> None:
        """What has come is seen at each step: what was due by then, and room permitting."""
        for name, clock, factory in services(2, "uniform:2,2"):
            transport = Pipe()
            transport.full = True
            protocol, _ = connect(factory, transport)
            with self.subTest(name):
                protocol.dataReceived(b"a" * 7000)
                clock.advance(1)
                protocol.dataReceived(b"b" * 1000)
                assert transport.value() == b""
                clock.advance(1)
                assert 0 < len(transport.value()) < 7000
                came = b""
                while data := transport.drain():
                    came += data
                assert came == b"a" * 7000
                clock.advance(0.5)
                protocol.dataReceived(b"c" * 1000)
                clock.advance(0.4)
                assert transport.value() == b""
                clock.advance(0.1)
                assert transport.drain() == b"b" * 1000
                clock.advance(1.4)
                assert transport.value() == b""
                clock.advance(0.1)
                assert transport.value() == b"c" * 1000


class EndTests(SynchronousTestCase):
    """How a connection ends, and what it leaves behind."""

    def test_fin_with_nothing_owed_closes(self) -> None:
        """A client that says nothing and goes is let go."""
        protocol, transport = connect(EchoFactory(Clock()))
        protocol.readConnectionLost()
        assert transport.disconnecting
        assert transport.producer is None

    def test_fin_in_mid_queue_answers_what_is_owed_first(self) -> None:
        """All replies come, in their time, and then the connection closes."""
        clock = Clock()
        protocol, transport = connect(EchoFactory(clock, reply="raw", delay=2))
        protocol.dataReceived(b"one")
        clock.advance(1)
        protocol.dataReceived(b"two")
        protocol.readConnectionLost()
        clock.advance(1)
        assert (transport.value(), transport.disconnecting) == (b"one", False)
        clock.advance(1)
        assert (transport.value(), transport.disconnecting) == (b"onetwo", True)

    def test_fin_while_the_write_buffer_is_full_answers_first(self) -> None:
        """A half-closed peer that reads slowly gets everything before the close."""
        transport = Pipe()
        transport.full = True
        protocol, _ = connect(EchoFactory(Clock(), reply="raw", limits=SMALL), transport)
        for _ in range(6):
            protocol.dataReceived(b"x" * 1024)
        protocol.readConnectionLost()
        came = b""
        while data := transport.drain():
            came += data
        assert len(came) == 6 * 1024
        assert transport.disconnecting

    def test_a_lost_connection_leaves_nothing(self) -> None:
        """No timer, no queued byte, no entry in the factory."""
        for reason in (ConnectionLost(), ConnectionDone()):
            clock = Clock()
            factory = EchoFactory(clock, delay=5)
            protocol, transport = connect(factory)
            protocol.dataReceived(b"one")
            protocol.connectionLost(Failure(reason))
            assert clock.getDelayedCalls() == []
            assert len(factory.connections) == 0
            assert not protocol.waiting
            clock.advance(5)
            assert transport.value() == b""

    def test_a_connection_lost_while_held_leaves_nothing(self) -> None:
        """The delay of a connection that has gone is forgotten."""
        clock = Clock()
        factory = EchoFactory(clock, delay=5, delay_per="connection")
        protocol, _ = connect(factory)
        protocol.connectionLost(Failure(ConnectionLost()))
        assert clock.getDelayedCalls() == []

    def test_drain_answers_what_is_owed_and_nothing_more(self) -> None:
        """Once told to stop, later messages are read away but not answered."""
        clock = Clock()
        factory = EchoFactory(clock, reply="raw", delay=2)
        protocol, transport = connect(factory)
        protocol.dataReceived(b"before")
        drained = factory.drain()
        protocol.dataReceived(b"after")
        clock.advance(2)
        assert transport.value() == b"before"
        assert transport.disconnecting
        self.assertNoResult(drained)
        protocol.connectionLost(Failure(ConnectionDone()))
        self.successResultOf(drained)

    def test_drain_closes_idle_connections_at_once(self) -> None:
        """Nothing owed, nothing to wait for."""
        factory = EchoFactory(Clock())
        protocol, transport = connect(factory)
        protocol.dataReceived(b"x")
        factory.drain()
        assert transport.disconnecting

    def test_drain_gives_a_new_connection_a_moment_for_its_first_message(self) -> None:
        """Half a second, and then it is closed."""
        clock = Clock()
        factory = EchoFactory(clock)
        _, transport = connect(factory)
        factory.drain()
        clock.advance(0.4)
        assert not transport.disconnecting
        clock.advance(0.1)
        assert transport.disconnecting

    def test_drain_without_connections_is_done_at_once(self) -> None:
        """There is nobody to wait for."""
        self.successResultOf(EchoFactory(Clock()).drain())

    def test_abort_ends_every_connection(self) -> None:
        """Whatever they are owed."""
        factory = EchoFactory(Clock(), delay=5)
        transports = [connect(factory)[1] for _ in range(3)]
        factory.abort()
        assert all(transport.aborted for transport in transports)

    def test_a_fault_ends_the_connection_and_nothing_is_answered_after_it(self) -> None:
        """By RST or by FIN, once all before has left."""
        for fault, came in (("reset,at=after", b"one"), ("reset", b""), ("close,at=middle", b"o")):
            factory = EchoFactory(Clock(), reply="raw", faults=parse_faults([fault]))
            protocol, transport = connect(factory)
            protocol.dataReceived(b"one")
            protocol.dataReceived(b"two")
            reset = fault.startswith("reset")
            with self.subTest(fault):
                assert transport.value() == came
                assert (transport.aborted, transport.disconnecting) == (reset, not reset)


@implementer(ISystemHandle)
class SystemPipe(Pipe):
    """A pipe whose system holds what a peer has sent, until a test reads it."""

    def __init__(self, ours: socket.socket) -> None:
        super().__init__()
        self._ours = ours

    def getHandle(self) -> socket.socket:
        """Give the socket."""
        return self._ours


class Secured(Pipe):
    """A pipe as TLS is one: over another."""

    wrappedProtocol = None
    amid_record = False

    def __init__(self, below: Pipe) -> None:
        super().__init__()
        self.transport = below


class DrainTests(SynchronousTestCase):
    """What peers say while the service stops: what had reached this host is answered."""

    def setUp(self) -> None:
        """Make two ends of a connection."""
        self.ours, self.peer = socket.socketpair()
        self.ours.setblocking(False)
        for end in (self.ours, self.peer):
            self.addCleanup(end.close)
        self.clock = Clock()
        self.factory = EchoFactory(self.clock, reply="raw", limits=SMALL)

    def test_a_talkative_peer_is_answered_what_had_come_and_no_more(self) -> None:
        """Then it is closed."""
        protocol, transport = connect(self.factory, SystemPipe(self.ours))
        protocol.dataReceived(b"x")
        self.peer.send(b"y" * 10)
        self.factory.drain()
        assert (transport.value(), transport.disconnecting) == (b"x", False)
        protocol.dataReceived(self.ours.recv(6))
        assert (transport.value(), transport.disconnecting) == (b"x" + b"y" * 6, False)
        self.peer.send(b"z" * 20)
        protocol.dataReceived(self.ours.recv(100))
        assert transport.disconnecting
        protocol.dataReceived(b"z")
        assert transport.value() == b"x" + b"y" * 10

    def test_where_nobody_can_tell_what_has_come_nothing_has(self) -> None:
        """In memory, or where nothing is to be read: what is pending is answered."""
        for pipe in (Pipe(), SystemPipe(self.ours)):
            factory = EchoFactory(self.clock, reply="raw", delay=5)
            protocol, transport = connect(factory, pipe)
            protocol.dataReceived(b"x")
            factory.drain()
            protocol.dataReceived(b"y")
            self.clock.advance(5)
            assert (transport.value(), transport.disconnecting) == (b"x", True)

    def test_over_tls_a_part_of_a_record_stands_for_all_of_it(self) -> None:
        """How many bytes it is decrypted to is not known; but no more than may wait."""
        for endless in (False, True):
            protocol, transport = connect(self.factory, secured := Secured(SystemPipe(self.ours)))
            protocol.dataReceived(b"x")
            self.peer.send(b"\x17" * 30)
            protocol.drain()
            assert not transport.disconnecting
            self.ours.recv(100)
            secured.amid_record = endless
            for _ in range(300 if endless else 1):
                protocol.dataReceived(b"y" * 100)
            assert transport.disconnecting is not endless
            assert len(transport.value()) == 1 + (SMALL.waiting_bytes if endless else 100)

    def test_over_tls_a_new_connection_is_read_from_in_its_moment(self) -> None:
        """There would be no handshake else; what it says is answered when the moment is over."""
        for kind, state in ((Pipe, "paused"), (lambda: Secured(Pipe()), "producing")):
            protocol, transport = connect(self.factory, kind())
            protocol.drain()
            assert (transport.producerState, transport.disconnecting) == (state, False)
            protocol.dataReceived(b"y")
            self.clock.advance(FIRST_MESSAGE)
            assert (transport.value(), transport.disconnecting) == (b"y", True)

    def test_over_tls_nothing_unread_is_nothing_to_wait_for(self) -> None:
        """It is closed at once; where a record has begun, once it has come or brought nothing."""
        for amid, comes in ((False, b""), (True, b""), (True, b"y")):
            protocol, transport = connect(self.factory, secured := Secured(SystemPipe(self.ours)))
            protocol.dataReceived(b"x")
            secured.amid_record = amid
            protocol.drain()
            assert transport.disconnecting is not amid
            secured.amid_record = False
            if comes:
                protocol.dataReceived(comes)
            else:
                self.clock.advance(FIRST_MESSAGE)
            assert (transport.value(), transport.disconnecting) == (b"x" + comes, True)


class FactoryTests(SynchronousTestCase):
    """What the factory refuses and tells."""

    def test_connections_are_numbered_in_the_order_of_accept(self) -> None:
        """From 0, whatever happens to earlier ones."""
        factory = EchoFactory(Clock())
        first, _ = connect(factory)
        first.connectionLost(Failure(ConnectionDone()))
        second, _ = connect(factory)
        assert (first.number, second.number) == (0, 1)

    def test_where_others_number_connections_too_theirs_is_the_number(self) -> None:
        """As those of several workers are: asked by the transport."""
        factory = EchoFactory(Clock())
        transport = Pipe()
        factory.connections.number_of = lambda each: 7 if each is transport else 0
        assert connect(factory, transport)[0].number == 7

    def test_unknown_formats_and_delays_are_refused(self) -> None:
        """ValueError, before anybody connects."""
        self.assertRaises(ValueError, EchoFactory, Clock(), reply="loud")
        self.assertRaises(ValueError, EchoFactory, Clock(), delay=-1)
        self.assertRaises(ValueError, EchoFactory, Clock(), delay_per="year")

    def test_describes_how_it_answers(self) -> None:
        """The start line's words."""
        clock = Clock()
        assert EchoFactory(clock).describe() == "stamped replies, no delay"
        held = EchoFactory(clock, reply="raw", delay=5, delay_per="connection")
        assert held.describe() == "raw replies, 5 s after each accept"

    def test_its_start_and_its_end_are_no_lines_of_a_log(self) -> None:
        """A service that listens on many ports would have two for each."""
        seen: Any = []
        globalLogPublisher.addObserver(seen.append)
        self.addCleanup(globalLogPublisher.removeObserver, seen.append)
        factory = EchoFactory(Clock())
        factory.doStart()
        factory.doStop()
        assert seen == []

    def test_messages_of_is_what_it_reads(self) -> None:
        """The pieces join to what was read."""
        data = bytes(range(256)) * 20
        assert b"".join(messages_of(data)) == data
