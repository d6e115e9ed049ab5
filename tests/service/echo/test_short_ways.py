"""The short ways through a connection do what the general way does."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.support.pipes import Pipe, connect
from twistecho import Delay, EchoFactory, Limits, ReplyFormat
from twistecho.service.scenario.delay import Trace

CTIME = "Sat Jul 22 18:43:57 2017"

_steps = st.lists(
    st.one_of(
        st.binary(max_size=3000),
        st.sampled_from([0.0, 0.5, 1.0, 2.5]),
        st.sampled_from(["read", "fin", "stop"]),
    ),
    max_size=25,
)


class Run:
    """One connection that is driven through steps; what can be seen of it, step by step."""

    def __init__(
        self, delay: Delay | float, reply: ReplyFormat, *, log_payload: bool = False
    ) -> None:
        self.clock = Clock()
        self.factory = EchoFactory(
            self.clock,
            reply=reply,
            delay=delay,
            log_payload=log_payload,
            ctime=lambda: CTIME,
            limits=Limits(waiting_bytes=20_000, waiting_messages=40),
        )
        self.pipe = Pipe()
        self.pipe.full = True
        self.protocol, _ = connect(self.factory, self.pipe)
        self.came = b""
        self.ended = False

    def step(self, what: bytes | float | str) -> None:
        """Have the peer send or read or say FIN, time pass, or the service be told to stop."""
        if isinstance(what, float):
            self.clock.advance(what)
        elif what == "read":
            self.came += self.pipe.drain()
        elif what == "fin" and not self.ended:
            self.ended = True
            self.protocol.readConnectionLost()
        elif what == "stop":
            self.protocol.drain()
        elif isinstance(what, bytes) and self.pipe.producerState == "producing" and not self.ended:
            self.protocol.dataReceived(what)

    def seen(self) -> tuple[object, ...]:
        """Give what peer and operator can see."""
        counts, pipe = self.factory.counts, self.pipe
        sums = counts.messages, counts.bytes_in, counts.bytes_out, counts.lateness.buckets
        held = self.factory.connections.budget.used, self.protocol.waiting
        return (self.came + pipe.value(), pipe.producerState, pipe.disconnecting, sums, held)


class ShortWayTests(SynchronousTestCase):
    """A message in whose way nothing is goes a shorter way, which nobody can see."""

    @settings(deadline=None, max_examples=100)
    @given(
        _steps,
        st.sampled_from(list(ReplyFormat)),
        st.sampled_from([0.0, 1.0, Trace((1.0, 0.0, 2.0), "a trace")]),
    )
    def test_it_does_what_the_general_way_does(
        self, steps: list[bytes | float | str], reply: ReplyFormat, delay: Delay | float
    ) -> None:
        """Bytes, gating, closing, counts and bounds, after every step.

        Where payload is logged every message goes the general way.
        """
        short, general = Run(delay, reply), Run(delay, reply, log_payload=True)
        for step in steps:
            short.step(step)
            general.step(step)
            assert short.seen() == general.seen()
        for run in (short, general):
            run.protocol.connectionLost(Failure(ConnectionDone()))
            connections = run.factory.connections
            assert connections.budget.used == len(connections.timers) == 0
            assert run.clock.getDelayedCalls() == []

    def test_replies_that_are_due_wait_for_room_and_then_for_nothing(self) -> None:
        """Times that come too late, because the replies left before, do no harm."""
        run = Run(1.0, ReplyFormat.RAW)
        sent = [bytes([number]) * 1000 for number in range(12)] + [b"y"]
        for message in sent[:-1]:
            run.protocol.dataReceived(message)
        run.clock.advance(1)
        assert run.pipe.producerState == "paused"
        run.protocol.dataReceived(sent[-1])
        run.step("read")
        run.clock.advance(1)
        run.step("read")
        run.clock.advance(1)
        run.step("read")
        assert run.came == b"".join(sent)

    def test_it_is_taken(self) -> None:
        """The lateness of a reply that leaves alone is counted by the round, that of others not."""
        for messages, left_alone in ((1, True), (2, False)):
            run = Run(1.0, ReplyFormat.RAW)
            observed: list[float] = []
            self.patch(run.factory.connections, "sent_late", observed.append)
            run.protocol.dataReceived(b"x" * 1024 * messages)
            run.clock.advance(1)
            assert bool(observed) is not left_alone
