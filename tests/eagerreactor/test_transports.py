"""The guarantees for protocols, tested with Twisted's epoll reactor and with the eager one."""

import errno
import io
import os
import socket
import struct
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import MethodType
from typing import Any
from unittest import TestCase

from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IFileDescriptorReceiver,
    IHalfCloseableProtocol,
    IPullProducer,
    IPushProducer,
)
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.protocols.policies import ProtocolWrapper, TrafficLoggingProtocol, WrappingFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from tests.support.reactorcase import (
    EAGER,
    EPOLL,
    Builder,
    Handing,
    Recorder,
    RecordingSocket,
    gathered,
    received_by,
)
from twistecho import EchoFactory
from twistecho.base.sockets import unsent
from twistecho.eagerreactor.transports import EagerConnection, eager_reply
from twistecho.fleet.reactor_engine.client import Client

BIG = os.urandom(1 << 16) * 80


class Agreement(Builder):
    """These hold for both reactors."""

    _reactors = [EPOLL, EAGER]


class WriteTestsBuilder(Agreement):
    """Written bytes arrive completely, in order, and once."""

    def test_writes_of_a_callback_and_of_a_timer_arrive_in_order(self) -> None:
        """From connectionMade, dataReceived and a delayed call; with writeSequence between."""
        reactor = self.buildReactor()
        server = Recorder()
        server.on_made = lambda made: made.transport.write(b"made ")
        server.on_data = lambda made, data: (
            made.transport.write(b"one "),
            made.transport.writeSequence([b"two ", b"", b"three "]),
            made.transport.write(b""),
            made.transport.write(data),
            reactor.callLater(0, made.transport.write, b" later"),
        )
        peer = self.accepted(reactor, server)
        peer.sendall(b"data")
        came = bytearray()
        self.until(reactor, lambda: gathered(came, peer).endswith(b"later"))
        assert bytes(came) == b"made one two three data later"

    def test_a_client_writes_in_connectionmade(self) -> None:
        """As soon as it is connected, and not before."""
        reactor = self.buildReactor()
        server, client = Recorder(), Recorder()
        port = self.listen(reactor, server)
        client.on_made = lambda made: made.transport.write(b"hello")
        reactor.connectTCP("127.0.0.1", port, Handing(client))
        self.until(reactor, lambda: server.received == b"hello")

    def test_a_write_larger_than_all_buffers_arrives_whole(self) -> None:
        """In parts, none longer than SEND_LIMIT, and then loseConnection closes."""
        reactor = self.buildReactor()
        server = Recorder()
        recorded: list[RecordingSocket] = []

        def on_made(made: Recorder) -> None:
            recorded.append(RecordingSocket(made.transport.socket))
            made.transport.socket = recorded[0]
            made.transport.write(BIG)
            made.transport.loseConnection()
            assert server.lost == []

        server.on_made = on_made
        peer = self.accepted(reactor, server)
        came = bytearray()
        self.until(reactor, lambda: gathered(came, peer) and server.lost)
        came.extend(received_by(peer))
        assert bytes(came) == BIG
        assert max(recorded[0].sent) <= server.transport.SEND_LIMIT
        assert server.lost[0].type is ConnectionDone

    def test_a_refused_send_is_tried_again(self) -> None:
        """EAGAIN and ENOBUFS lose nothing, whether all or a part was refused."""
        reactor = self.buildReactor()
        server = Recorder()

        def on_made(made: Recorder) -> None:
            errors = [OSError(number, "refused") for number in (errno.ENOBUFS, errno.EAGAIN)]
            made.transport.socket = RecordingSocket(made.transport.socket, *errors)
            made.transport.write(b"one ")
            reactor.callLater(0, made.transport.write, b"two")

        server.on_made = on_made
        peer = self.accepted(reactor, server)
        came = bytearray()
        self.until(reactor, lambda: len(gathered(came, peer)) == 7)
        assert came == b"one two"

    def test_what_is_unsent_is_counted(self) -> None:
        """From when it was written, in one piece or several, until the socket has taken it."""
        reactor = self.buildReactor()
        server = Recorder()
        counted: list[int] = []

        def on_made(made: Recorder) -> None:
            for piece in (b"1234", b"56", b"789"):
                made.transport.write(piece)
                counted.append(unsent(made.transport))

        server.on_made = on_made
        peer = self.accepted(reactor, server)
        came = bytearray()
        self.until(reactor, lambda: len(gathered(came, peer)) == 9)
        assert (counted, unsent(server.transport)) == ([4, 6, 9], 0)

    def test_only_bytes_are_written(self) -> None:
        """A TypeError where it was called, and nothing on the wire."""
        reactor = self.buildReactor()
        server = Recorder()
        raised: list[Exception] = []

        def on_made(made: Recorder) -> None:
            for wrong in ("text", bytearray(b"x"), None):
                try:
                    made.transport.write(wrong)
                except TypeError as error:
                    raised.append(error)
            made.transport.write(b"right")

        server.on_made = on_made
        peer = self.accepted(reactor, server)
        came = bytearray()
        self.until(reactor, lambda: gathered(came, peer) == b"right")
        assert [str(error) for error in raised] == ["Data must be bytes"] * 3

    def test_a_lost_connection_takes_no_bytes(self) -> None:
        """Writing after connectionLost does nothing, on both sides."""
        reactor = self.buildReactor()
        server = Recorder()
        server.on_lost = lambda lost: (lost.transport.write(b"x"), reactor.stop())
        self.accepted(reactor, server).close()
        self.run_reactor(reactor)
        server.transport.write(b"x")
        assert server.transport._tempDataLen == 0


class ClosingTestsBuilder(Agreement):
    """The guarantees for every way in which a connection ends."""

    def ends(self, close: Any, *, peer_sends: bytes = b"") -> tuple[Recorder, bytes]:
        """Close in dataReceived; return the protocol and the peer's bytes until FIN."""
        reactor = self.buildReactor()
        server = Recorder()
        server.on_data = lambda made, _: close(made)
        server.on_lost = lambda _: reactor.stop()
        peer = self.accepted(reactor, server)
        peer.sendall(peer_sends or b"go")
        self.run_reactor(reactor)
        return server, received_by(peer)

    def test_loseconnection_sends_what_was_written_before_and_after(self) -> None:
        """Until the buffer is empty, as under Twisted."""

        def close(made: Recorder) -> None:
            made.transport.write(b"before ")
            made.transport.loseConnection()
            made.transport.write(b"after")
            assert made.lost == []

        server, came = self.ends(close)
        assert came == b"before after"
        assert server.lost[0].type is ConnectionDone

    def test_loseconnection_with_nothing_to_send(self) -> None:
        """Closes too, after the callback."""
        server, came = self.ends(lambda made: made.transport.loseConnection())
        assert (came, len(server.lost)) == (b"", 1)

    def test_abortconnection_sends_nothing_more(self) -> None:
        """Neither buffered bytes nor later ones; the peer sees RST."""

        def close(made: Recorder) -> None:
            made.transport.write(b"before")
            made.transport.abortConnection()
            made.transport.write(b"after")

        with self.assertRaises(ConnectionResetError):
            self.ends(close)

    def test_an_aborted_connection_is_told(self) -> None:
        """With ConnectionAborted, once."""
        reactor = self.buildReactor()
        server = Recorder()
        server.on_made = lambda made: made.transport.abortConnection()
        server.on_lost = lambda _: reactor.stop()
        self.accepted(reactor, server)
        self.run_reactor(reactor)
        assert [reason.type for reason in server.lost] == [ConnectionAborted]

    def test_half_close_sends_what_is_pending_then_fin_and_goes_on_reading(self) -> None:
        """Bytes that are written after FIN was sent are dropped."""
        reactor = self.buildReactor()
        server = _HalfCloseable()
        server.on_made = lambda made: (
            made.transport.write(BIG),
            made.transport.loseWriteConnection(),
        )
        server.on_data = lambda made, _: made.transport.write(b"dropped")
        peer = self.accepted(reactor, server)
        came = bytearray()
        said: list[int] = []

        def done() -> bool:
            came.extend(received_by(peer))
            if server.write_lost and not said:
                peer.setblocking(True)
                said.append(peer.send(b"still there?"))
            return server.received == b"still there?"

        self.until(reactor, done)
        came.extend(received_by(peer))
        assert bytes(came) == BIG

    def test_a_handler_that_raises_ends_its_connection_alone(self) -> None:
        """Logged once, and the other connection is served."""
        reactor = self.buildReactor()
        bad, good = Recorder(), Recorder()

        def raises(_made: Recorder, _data: bytes) -> None:
            raise ZeroDivisionError

        bad.on_data = raises
        good.on_data = lambda made, data: made.transport.write(data)
        port = self.listen(reactor, bad, good)
        first, second = self.peer(port), self.peer(port)
        first.sendall(b"x")
        second.sendall(b"y")
        came = bytearray()
        self.until(reactor, lambda: gathered(came, second) and bad.lost)
        assert came == b"y"
        assert bad.lost[0].type is ZeroDivisionError
        assert len(self.flushLoggedErrors(ZeroDivisionError)) == 1

    def test_a_connectionlost_that_raises_harms_nobody(self) -> None:
        """Logged once; the reactor goes on."""
        reactor = self.buildReactor()
        bad, good = Recorder(), Recorder()

        def raises(_made: Recorder) -> None:
            raise ZeroDivisionError

        bad.on_lost = raises
        good.on_data = lambda made, data: made.transport.write(data)
        port = self.listen(reactor, bad, good)
        self.peer(port).close()
        second = self.peer(port)
        second.sendall(b"y")
        came = bytearray()
        self.until(reactor, lambda: gathered(came, second) and bad.lost)
        assert len(self.flushLoggedErrors(ZeroDivisionError)) == 1

    def test_a_callback_may_end_another_connection_that_has_an_event_waiting(self) -> None:
        """Both are readable in one poll, and the first one ends the other."""
        reactor = self.buildReactor()
        pair = [Recorder(), Recorder()]
        for this, other in (pair, pair[::-1]):
            this.on_data = lambda _made, _data, other=other: (  # type: ignore[misc]
                other.transport.connectionLost(Failure(ConnectionDone()))
            )
        port = self.listen(reactor, *pair)
        peers = [self.peer(port), self.peer(port)]
        for peer in peers:
            peer.sendall(b"x")
        self.until(reactor, lambda: pair[0].lost or pair[1].lost)
        assert sorted(len(one.received) for one in pair) == [0, 1]


class ProducerTestsBuilder(Agreement):
    """Producers are paused and resumed as Twisted does it."""

    def test_a_push_producer_is_paused_over_the_buffer_size_and_resumed_below(self) -> None:
        """Not at the size itself; resumed once all is sent."""
        reactor = self.buildReactor()
        server = Recorder()
        producer = _Push()
        seen: list[int] = []

        def on_made(made: Recorder) -> None:
            made.transport.registerProducer(producer, True)
            made.transport.write(bytes(made.transport.bufferSize))
            seen.append(producer.pauses)
            made.transport.write(b"x")
            seen.append(producer.pauses)

        server.on_made = on_made
        peer = self.accepted(reactor, server)
        self.until(reactor, lambda: received_by(peer) and producer.resumes)
        assert seen == [0, 1]
        server.transport.unregisterProducer()

    def test_a_pull_producer_is_asked_without_recursion(self) -> None:
        """Each time its bytes were sent; another connection is served meanwhile."""
        reactor = self.buildReactor()
        server, other = Recorder(), Recorder()
        producer = _Pull(server, 3000)
        server.on_made = lambda made: made.transport.registerProducer(producer, False)
        other.on_data = lambda made, data: made.transport.write(data)
        port = self.listen(reactor, server, other)
        peer, other_peer = self.peer(port), self.peer(port)
        other_peer.sendall(b"and me?")
        came = bytearray()
        answered_at: list[int] = []

        def done() -> bool:
            came.extend(received_by(peer))
            if not answered_at and received_by(other_peer):
                answered_at.append(len(came))
            return len(came) == 3000

        self.until(reactor, done)
        assert producer.deepest == 1
        assert answered_at[0] < 3000

    def test_what_a_resumed_producer_schedules_is_waited_for(self) -> None:
        """A timer set while the buffer is flushed counts for the next wait."""
        reactor = self.buildReactor()
        server = Recorder()
        producer = _Push(lambda: reactor.callLater(0.01, reactor.stop))
        server.on_made = lambda made: (
            made.transport.registerProducer(producer, True),
            reactor.callLater(0, made.transport.write, bytes(made.transport.bufferSize + 1)),
        )
        self.accepted(reactor, server)
        self.run_reactor(reactor)
        server.transport.unregisterProducer()

    def test_a_pull_producer_holds_loseconnection_back(self) -> None:
        """Until it has written all and is unregistered."""
        reactor = self.buildReactor()
        server = Recorder()

        def on_made(made: Recorder) -> None:
            made.transport.registerProducer(_Pull(made, 100), False)
            made.transport.loseConnection()

        server.on_made = on_made
        server.on_lost = lambda _: reactor.stop()
        peer = self.accepted(reactor, server)
        self.run_reactor(reactor)
        assert received_by(peer) == b"x" * 100


class BrokenTestsBuilder(Agreement):
    """A broken connection reports it once, and not inside the protocol's code."""

    def breaks(self, server: Recorder, said: bytes) -> None:
        """Let the peer send bytes and reset; run until the connection is lost."""
        reactor = self.buildReactor()
        server.on_lost = lambda _: reactor.stop()
        peer = self.accepted(reactor, server)
        peer.sendall(said)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        reactor.callWhenRunning(peer.close)
        self.run_reactor(reactor)
        assert [reason.type for reason in server.lost] == [ConnectionLost]
        self.osError = getattr(server.lost[0].value, "osError", None)

    def test_a_failed_send_does_not_lose_what_the_peer_said_before(self) -> None:
        """The write is tried on a broken socket before anything was read."""
        server = Recorder()
        server.on_made = lambda made: made.transport.reactor.callLater(
            0, lambda: (made.transport.write(b"x"), made.transport.write(b"y"))
        )
        self.breaks(server, b"last words")
        assert server.received == b"last words"

    def test_writing_to_a_broken_connection_calls_nothing(self) -> None:
        """The connection is lost after the callback that wrote."""
        server = Recorder()
        lost_within: list[bool] = []

        def on_data(made: Recorder, _data: bytes) -> None:
            made.transport.socket = RecordingSocket(
                made.transport.socket, *[BrokenPipeError(errno.EPIPE, "gone")] * 3
            )
            made.transport.write(b"x")
            lost_within.append(bool(made.lost))

        server.on_data = on_data
        self.breaks(server, b"go")
        assert lost_within == [False]

    def test_a_paused_connection_is_told_too(self) -> None:
        """It waits to write, so the system reports it."""
        server = Recorder()

        def on_made(made: Recorder) -> None:
            made.transport.pauseProducing()
            made.transport.write(BIG)

        server.on_made = on_made
        self.breaks(server, b"unread")


class UNIXTestsBuilder(Agreement):
    """Unix stream connections, with file descriptors."""

    def path(self) -> str:
        """Return the name of a socket that is deleted after the test."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return str(Path(folder.name) / "socket")

    def test_bytes_and_descriptors_arrive_in_order(self) -> None:
        """A descriptor is sent with the bytes that follow it."""
        reactor = self.buildReactor()
        server, client = _DescriptorReceiver(), Recorder()
        reading, writing = os.pipe()
        self.addCleanup(os.close, writing)
        path = self.path()
        factory = Handing(server)
        reactor.listenUNIX(path, factory)

        def on_made(made: Recorder) -> None:
            made.transport.write(b"a")
            made.transport.sendFileDescriptor(reading)
            made.transport.write(b"bc")

        client.on_made = on_made
        server.on_data = lambda made, _: made.transport.write(b"thanks")
        reactor.connectUNIX(path, Handing(client))
        self.until(reactor, lambda: client.received.endswith(b"thanks") and server.descriptors)
        os.close(reading)
        os.write(writing, b"through")
        assert os.read(server.descriptors[0], 7) == b"through"
        os.close(server.descriptors[0])
        assert server.received == b"abc"


class _Echo(Recorder):
    """Echoes: under the eager reactor by the shortcut, under others by writing."""

    def __init__(self) -> None:
        super().__init__()
        self.eagerly = 0

    def dataReceived(self, data: bytes) -> None:
        """Write the reply."""
        super().dataReceived(data)
        self.transport.write(data)

    def replyEagerly(self, data: bytes) -> bytes:
        """Return the reply."""
        self.received += data
        self.eagerly += 1
        return data


class _Heir(_Echo):
    """Inherits both methods from the same class."""


class _Louder(_Echo):
    """Has one method, and the other from another class."""

    def replyEagerly(self, data: bytes) -> bytes:
        return super().replyEagerly(data).upper()


class _Noting:
    """Records bytes before it passes them on; a mixin."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.noted: list[bytes] = []

    def dataReceived(self, data: bytes) -> None:
        self.noted.append(data)
        super().dataReceived(data)  # type: ignore[misc]


class _NotingEcho(_Noting, _Echo):
    """A protocol with a mixin."""


class _NotingWrapper(_Noting, ProtocolWrapper):
    """One of Twisted's policies."""


class _Forwarding(Protocol):
    """Wraps a protocol, and passes on unknown attribute names to it."""

    def __init__(self, wrapped: Protocol) -> None:
        self.wrapped = wrapped
        self.noted: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.wrapped, name)

    def connectionMade(self) -> None:
        self.wrapped.makeConnection(self.transport)

    def dataReceived(self, data: bytes) -> None:
        self.noted.append(data)
        self.wrapped.dataReceived(data)


class _Refusing(_Echo):
    """Accepts only messages that begin with a word."""

    def dataReceived(self, data: bytes) -> None:
        if data.startswith(b"please "):
            super().dataReceived(data)
        else:
            self.transport.write(b"no")


class _Intercepting(_Echo):
    """Computes another dataReceived at each access."""

    def __init__(self) -> None:
        super().__init__()
        self.noted: list[bytes] = []

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name != "dataReceived":
            return found

        def intercepted(data: bytes) -> None:
            self.noted.append(data)
            found(data)

        return intercepted


class PassingTestsBuilder(Agreement):
    """Code in front of a protocol gets all bytes, whether or not the protocol replies eagerly."""

    def talk(
        self,
        protocol: Any,
        said: Sequence[tuple[bytes, bytes]] = ((b"one", b"one"), (b"two", b"two")),
        afterwards: Sequence[Callable[[], object]] = (),
    ) -> None:
        """Let a peer send messages, each after the reply to the last, and check the replies.

        After each of them something else may be done, before the next message is sent.
        """
        reactor = self.buildReactor()
        peer = self.accepted(reactor, protocol)
        came = bytearray()
        replies: list[bytes] = []
        actions = iter(afterwards)
        peer.sendall(said[0][0])

        def done() -> bool:
            number = len(replies)
            if len(gathered(came, peer)) < len(said[number][1]):
                return False
            replies.append(bytes(came))
            came.clear()
            next(actions, lambda: None)()
            if len(replies) == len(said):
                return True
            peer.sendall(said[number + 1][0])
            return False

        self.until(reactor, done)
        assert replies == [reply for _, reply in said]

    def test_a_class_with_both_is_asked_for_its_reply(self) -> None:
        """Only by the eager reactor; also for a subclass that changes neither."""
        for protocol in (_Echo(), _Heir()):
            self.talk(protocol)
            assert protocol.received == b"onetwo"
            eager = isinstance(protocol.transport, EagerConnection)
            assert protocol.eagerly == (2 if eager else 0)

    def test_a_wrapper_of_twisteds_policies(self) -> None:
        """Both a class of one's own and one of Twisted's."""
        wrapping = WrappingFactory(Factory.forProtocol(_Echo))
        wrapping.protocol = _NotingWrapper
        wrapper = wrapping.buildProtocol(None)
        self.talk(wrapper)
        assert wrapper.noted == [b"one", b"two"]
        log = io.StringIO()
        self.talk(TrafficLoggingProtocol(wrapping, _Echo(), log))
        for line in ("C 0: b'one'", "S 0: b'one'", "C 0: b'two'", "S 0: b'two'"):
            assert line in log.getvalue()

    def test_a_wrapper_that_passes_on_unknown_names(self) -> None:
        """The wrapped protocol's replyEagerly is not the wrapper's."""
        protocol = _Forwarding(_Echo())
        self.talk(protocol)
        assert protocol.noted == [b"one", b"two"]

    def test_a_mixin_with_its_own_datareceived(self) -> None:
        """It comes before the class with both."""
        protocol = _NotingEcho()
        self.talk(protocol)
        assert protocol.noted == [b"one", b"two"]

    def test_a_subclass_with_its_own_datareceived_refuses(self) -> None:
        """The first message and those after one that it took."""
        protocol = _Refusing()
        said = (
            (b"let me in", b"no"),
            (b"please let me in", b"please let me in"),
            (b"thanks", b"no"),
        )
        self.talk(protocol, said)
        assert protocol.received == b"please let me in"

    def test_a_subclass_with_its_own_replyeagerly_alone(self) -> None:
        """The inherited dataReceived does not call it, so it is not called."""
        protocol = _Louder()
        self.talk(protocol)
        assert protocol.eagerly == 0

    def test_an_attribute_in_place_of_datareceived(self) -> None:
        """Set before the connection is made, by connectionMade, or computed at access."""

        def note(protocol: Any, data: bytes) -> None:
            noted.append(data)
            _Echo.dataReceived(protocol, data)

        before: Any = _Echo()
        made, neither = _Echo(), _Intercepting()
        noted: list[bytes] = neither.noted
        before.dataReceived = partial(note, before)
        made.on_made = lambda _: setattr(made, "dataReceived", MethodType(note, made))
        for protocol in (before, made, neither):
            noted.clear()
            self.talk(protocol)
            assert noted == [b"one", b"two"]

    def test_an_attribute_in_place_of_replyeagerly(self) -> None:
        """It may differ from dataReceived."""
        protocol: Any = _Echo()
        protocol.replyEagerly = lambda _data: b"wrong"
        self.talk(protocol)
        assert protocol.received == b"onetwo"

    def test_a_method_of_another_protocol_of_the_class(self) -> None:
        """The bytes belong to the other one."""
        protocol, other = _Echo(), _Echo()
        protocol.on_made = lambda made: (
            setattr(other, "transport", made.transport),
            setattr(made, "dataReceived", other.dataReceived),
        )
        self.talk(protocol)
        assert (protocol.received, other.received) == (b"", b"onetwo")

    def test_a_transport_that_is_given_another_protocol(self) -> None:
        """From then on that one gets the bytes; the same protocol may also be set again."""
        first: Any = _Echo()
        second = _NotingEcho()
        noted: list[bytes] = []

        def note(data: bytes) -> None:
            noted.append(data)
            first.transport.write(data)

        def changed() -> None:
            first.dataReceived = note
            first.transport.protocol = first

        def replaced() -> None:
            second.transport, first.transport.protocol = first.transport, second

        said = [(message, message) for message in (b"one", b"two", b"three", b"four")]
        self.talk(first, said, (changed, replaced))
        assert (first.received, noted) == (b"one", [b"two"])
        assert second.noted == [b"three", b"four"]

    def test_a_callback_that_gives_its_transport_another_protocol(self) -> None:
        """From the callback for the first bytes; the next ones go to the other."""
        second = _NotingEcho()

        class HandingOver(_Echo):
            def dataReceived(self, data: bytes) -> None:
                self.hand_over()
                super().dataReceived(data)

            def replyEagerly(self, data: bytes) -> bytes:
                self.hand_over()
                return super().replyEagerly(data)

            def hand_over(self) -> None:
                second.transport, self.transport.protocol = self.transport, second

        first = HandingOver()
        self.talk(first)
        assert (first.received, second.noted) == (b"one", [b"two"])


class ProductTests(TestCase):
    """The protocols of this package are written for the shortcut."""

    def test_they_have_both_in_one_class(self) -> None:
        """The echo service's, whether replies are held or not, and the fleet's client."""
        for delay in (0, 0.02):
            protocol = EchoFactory(Clock(), delay=delay).buildProtocol(None)
            assert eager_reply(protocol) is not None
        assert eager_reply(Client.__new__(Client)) is not None


@implementer(IHalfCloseableProtocol)
class _HalfCloseable(Recorder):
    write_lost = False
    read_lost = False

    def writeConnectionLost(self) -> None:
        self.write_lost = True

    def readConnectionLost(self) -> None:
        self.read_lost = True


@implementer(IFileDescriptorReceiver)
class _DescriptorReceiver(Recorder):
    def __init__(self) -> None:
        super().__init__()
        self.descriptors: list[int] = []

    def fileDescriptorReceived(self, descriptor: int) -> None:
        self.descriptors.append(descriptor)


@implementer(IPushProducer)
class _Push:
    def __init__(self, resumed: Any = lambda: None) -> None:
        self.pauses = self.resumes = 0
        self._resumed = resumed

    def pauseProducing(self) -> None:
        self.pauses += 1

    def resumeProducing(self) -> None:
        self.resumes += 1
        self._resumed()

    def stopProducing(self) -> None:
        pass


@implementer(IPullProducer)
class _Pull:
    def __init__(self, consumer: Recorder, left: int) -> None:
        self._consumer = consumer
        self._left = left
        self._depth = self.deepest = 0

    def resumeProducing(self) -> None:
        self._depth += 1
        self.deepest = max(self.deepest, self._depth)
        self._left -= 1
        self._consumer.transport.write(b"x")
        if not self._left:
            self._consumer.transport.unregisterProducer()
        self._depth -= 1

    def stopProducing(self) -> None:
        pass


for _builder in (
    WriteTestsBuilder,
    ClosingTestsBuilder,
    ProducerTestsBuilder,
    BrokenTestsBuilder,
    UNIXTestsBuilder,
    PassingTestsBuilder,
):
    globals().update(_builder.makeTestCaseClasses())
