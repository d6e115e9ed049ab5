"""Replies from a callable: order, failures, cancellation."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.support.pipes import SMALL, Pipe, connect
from twistecho import EchoFactory


class Later:
    """An answer that is given when the test says so; it notes what was asked and cancelled."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.answers: list[Deferred[bytes]] = []
        self.cancelled = 0

    def __call__(self, message: bytes) -> "Deferred[bytes]":
        """Promise an answer."""
        self.asked.append(message)
        answer: Deferred[bytes] = Deferred(self._cancel)
        self.answers.append(answer)
        return answer

    def _cancel(self, _answer: "Deferred[bytes]") -> None:
        self.cancelled += 1


class AnswerTests(SynchronousTestCase):
    """One connection whose replies come from a callable."""

    def test_bytes_are_sent_at_once(self) -> None:
        """A plain function is enough."""
        protocol, transport = connect(EchoFactory(Clock(), answer=bytes.upper))
        protocol.dataReceived(b"ola")
        assert transport.value() == b"OLA"

    def test_an_empty_answer_holds_nothing_up(self) -> None:
        """A message may be answered with nothing."""
        factory = EchoFactory(Clock(), answer=lambda message: message[:-1], delay=1)
        protocol, transport = connect(factory)
        for message in (b"x", b"ab", b"x"):
            protocol.dataReceived(message)
        factory.connections.timers._clock.advance(1)  # type: ignore[attr-defined]
        assert transport.value() == b"a"
        assert not protocol.waiting

    @settings(deadline=None, max_examples=50)
    @given(st.permutations(range(6)))
    def test_order_is_kept_whatever_order_the_deferreds_fire_in(self, order: list[int]) -> None:
        """Replies leave in the order of their messages, as soon as all before them have left."""
        later = Later()
        protocol, transport = connect(EchoFactory(Clock(), answer=later))
        for number in range(6):
            protocol.dataReceived(b"%d" % number)
        fired: set[int] = set()
        for number in order:
            later.answers[number].callback(b"<%d>" % number)
            fired.add(number)
            ready = next((n for n in range(7) if n not in fired), 6)
            assert transport.value() == b"".join(b"<%d>" % n for n in range(ready))

    def test_the_delay_counts_from_the_message(self) -> None:
        """An answer that comes early waits for the delay; one that comes late does not."""
        clock = Clock()
        later = Later()
        protocol, transport = connect(EchoFactory(clock, answer=later, delay=2))
        protocol.dataReceived(b"early")
        later.answers[0].callback(b"1")
        clock.advance(1)
        protocol.dataReceived(b"late")
        assert transport.value() == b""
        clock.advance(1)
        assert transport.value() == b"1"
        clock.advance(5)
        later.answers[1].callback(b"2")
        assert transport.value() == b"12"
        assert len(protocol.factory.connections.timers) == 0

    def test_a_failing_deferred_is_logged_and_closes_its_connection_alone(self) -> None:
        """Once; the others that were waited for are cancelled; another connection lives."""
        later = Later()
        factory = EchoFactory(Clock(), answer=later)
        bad, bad_transport = connect(factory)
        good, good_transport = connect(factory)
        bad.dataReceived(b"x" * 3000)
        good.dataReceived(b"y")
        later.answers[1].errback(ZeroDivisionError())
        assert len(self.flushLoggedErrors(ZeroDivisionError)) == 1
        assert bad_transport.disconnecting
        assert later.cancelled == 2
        later.answers[3].callback(b"Y")
        assert (good_transport.value(), good_transport.disconnecting) == (b"Y", False)
        bad.connectionLost(Failure(ConnectionDone()))
        assert list(factory.connections) == [good]

    def test_a_callable_that_raises_or_gives_no_bytes_does_the_same(self) -> None:
        """Its connection is closed, the error is logged once."""
        wrong = {TypeError: lambda _message: "text", ZeroDivisionError: lambda _message: 1 // 0}
        for error, answer in wrong.items():
            protocol, transport = connect(EchoFactory(Clock(), answer=answer))  # type: ignore[arg-type]
            protocol.dataReceived(b"x" * 5000)
            assert transport.disconnecting
            assert len(self.flushLoggedErrors(error)) == 1

    def test_a_coroutine_is_driven(self) -> None:
        """An ``async def`` answers when it returns, and in order."""
        later = Later()

        async def answer(message: bytes) -> bytes:
            return b"<" + await later(message) + b">"

        protocol, transport = connect(EchoFactory(Clock(), answer=answer))
        protocol.dataReceived(b"a")
        protocol.dataReceived(b"b")
        assert later.asked == [b"a", b"b"]
        later.answers[1].callback(b"2")
        assert transport.value() == b""
        later.answers[0].callback(b"1")
        assert transport.value() == b"<1><2>"

    def test_a_coroutine_that_raises_closes_its_connection(self) -> None:
        """The error is logged once, and what else is awaited is cancelled."""
        later = Later()

        async def answer(message: bytes) -> bytes:
            return bytes(1 // len(await later(message)))

        protocol, transport = connect(EchoFactory(Clock(), answer=answer))
        protocol.dataReceived(b"a")
        protocol.dataReceived(b"b")
        later.answers[0].callback(b"")
        assert len(self.flushLoggedErrors(ZeroDivisionError)) == 1
        assert (transport.disconnecting, later.cancelled) == (True, 1)

    def test_a_lost_connection_ends_coroutines(self) -> None:
        """Each is told where it waits, and may clean up."""
        later, ended = Later(), []

        async def answer(message: bytes) -> bytes:
            try:
                return await later(message)
            finally:
                ended.append(message)

        protocol, _ = connect(EchoFactory(Clock(), answer=answer))
        protocol.dataReceived(b"a")
        protocol.connectionLost(Failure(ConnectionDone()))
        assert (ended, later.cancelled) == ([b"a"], 1)
        assert self.flushLoggedErrors() == []

    def test_a_lost_connection_cancels_what_it_waits_for(self) -> None:
        """Every Deferred is cancelled, nothing is logged, nothing is kept."""
        later = Later()
        factory = EchoFactory(Clock(), answer=later)
        protocol, _ = connect(factory)
        protocol.dataReceived(b"x" * 3000)
        protocol.connectionLost(Failure(ConnectionDone()))
        assert later.cancelled == 3
        assert self.flushLoggedErrors() == []
        assert not protocol.waiting

    def test_fin_waits_for_the_answers(self) -> None:
        """A half-closed client gets its answers before the close."""
        later = Later()
        protocol, transport = connect(EchoFactory(Clock(), answer=later))
        protocol.dataReceived(b"x")
        protocol.readConnectionLost()
        assert not transport.disconnecting
        later.answers[0].callback(b"X")
        assert (transport.value(), transport.disconnecting) == (b"X", True)

    def test_waiting_answers_are_bounded(self) -> None:
        """Neither messages without an answer nor long answers pile up without bound."""
        later = Later()
        transport = Pipe()
        protocol, _ = connect(EchoFactory(Clock(), answer=later, limits=SMALL), transport)
        sent = 0
        while transport.producerState == "producing":
            protocol.dataReceived(b"x" * 1000)
            sent += 1000
        assert sent < SMALL.waiting_bytes
        later.answers[1].callback(b"y" * 50_000)
        later.answers[0].callback(b"")
        assert len(transport.value()) == 50_000
        assert transport.producerState == "producing"
