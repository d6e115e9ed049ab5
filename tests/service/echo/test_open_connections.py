"""What all connections share, in memory: budget, sweep, failures, log lines."""

import gc
import io
import weakref
from itertools import product
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.logger import Logger, globalLogPublisher, textFileLogObserver
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.support.pipes import SMALL, Pipe, connect, tcp
from twistecho import EchoFactory, Limits
from twistecho.base.log_lines import RateLimitedLog
from twistecho.service.echo.admission import Budget
from twistecho.service.echo.limits import GUARANTEED
from twistecho.service.echo.open_connections import Connections
from twistecho.service.echo.protocol import EchoProtocol
from twistecho.service.scenario.delay import Trace
from twistecho.service.scenario.parsing import parse_faults


class BudgetTests(SynchronousTestCase):
    """The common budget."""

    def test_turns_are_given_in_the_order_of_waiting_and_as_far_as_room_reaches(self) -> None:
        """Two turns fit: the two who waited longest get them."""
        budget = Budget(total=100, turn=40)
        taken: list[str] = []

        class Waiter:
            def __init__(self, name: str) -> None:
                self.name = name

            def take_turn(self) -> None:
                taken.append(self.name)

        for budget.used, spent in ((99, False), (100, True)):
            assert budget.spent is spent
        waiters = [Waiter(name) for name in "abcd"]
        for waiter in [*waiters, waiters[0]]:
            budget.wait(waiter)
        budget.leave(waiters[1])
        budget.give_turns()
        assert taken == []
        budget.used = 10
        budget.give_turns()
        assert taken == ["a", "c"]
        assert len(budget) == 1

    def test_a_spent_budget_holds_back_those_who_hold_much(self) -> None:
        """Until others' replies leave, or others go; one with little waiting reads all the while.

        It is the same for replies that meet a fault, here one that changes nothing.
        """
        for fault, they_go in product(((), ("drip,bytes=5000",)), (False, True)):
            with self.subTest(fault=fault, they_go=they_go):
                clock = Clock()
                limits = Limits(waiting_bytes=100_000, total_waiting_bytes=100_000)
                faults = parse_faults(fault, seed=1)
                factory = EchoFactory(clock, reply="raw", delay=5, faults=faults, limits=limits)
                budget = factory.connections.budget
                early = [self._hog(factory) for _ in range(2)]
                clock.advance(1)
                late = [self._hog(factory) for _ in range(3)]
                assert budget.used <= 100_000 + 3 * (GUARANTEED + 1200)
                modest, modest_transport = connect(factory)
                assert (modest.waiting, modest.waiting_bytes) == (0, 0)
                modest.dataReceived(b"y" * 100)
                assert modest_transport.producerState == "producing"
                if they_go:
                    self._lose(late.pop())
                    assert len(budget) == len(late)  # who has gone is in no line
                    self._lose(*early)
                else:
                    clock.advance(4)
                assert {transport.producerState for _, transport in late} == {"producing"}
                clock.advance(5)
                assert modest_transport.value() == b"y" * 100
                assert budget.used == 0

    def _hog(self, factory: EchoFactory) -> tuple[EchoProtocol, Pipe]:
        """Make a connection that says as much as is read from it."""
        protocol, transport = connect(factory)
        while transport.producerState == "producing":
            protocol.dataReceived(b"x" * 1000)
        return protocol, transport

    def _lose(self, *connections: tuple[EchoProtocol, Pipe]) -> None:
        for protocol, _ in connections:
            protocol.connectionLost(Failure(ConnectionDone()))

    def test_a_lost_connection_gives_back_what_it_held(self) -> None:
        """Queue and write buffer."""
        transport = Pipe()
        transport.full = True
        factory = EchoFactory(Clock(), limits=SMALL)
        protocol, _ = connect(factory, transport)
        protocol.dataReceived(b"x" * 10_000)
        transport.dataBuffer = b"z" * 6000
        protocol.pauseProducing()
        assert factory.connections.budget.used == 6000 + protocol.waiting_bytes
        protocol.connectionLost(Failure(ConnectionDone()))
        assert factory.connections.budget.used == 0


class SweepTests(SynchronousTestCase):
    """Idle and stalled peers, found by one timer."""

    def test_an_idle_connection_is_dropped(self) -> None:
        """Ten seconds after its last message, not before; one that talks is kept."""
        clock = Clock()
        factory = EchoFactory(clock, reply="raw", limits=Limits(idle=10))
        _, idle = connect(factory)
        talker, talking = connect(factory)
        for _ in range(95):
            clock.advance(0.1)
            talker.dataReceived(b"x")
        assert [idle.aborted, talking.aborted] == [False, False]
        clock.pump([0.1] * 30)
        assert [idle.aborted, talking.aborted] == [True, False]
        assert factory.counts.dropped == {"idle": 1}

    def test_a_connection_that_is_owed_a_reply_is_not_idle(self) -> None:
        """However long the delay is; its idle time begins when nothing is owed."""
        clock = Clock()
        factory = EchoFactory(clock, reply="raw", delay=100, limits=Limits(idle=10))
        protocol, transport = connect(factory)
        protocol.dataReceived(b"x")
        clock.pump([0.5] * 215)
        assert (transport.value(), transport.aborted) == (b"x", False)
        clock.pump([0.5] * 10)
        assert transport.aborted

    def test_a_peer_that_does_not_read_is_dropped_and_one_that_reads_slowly_is_not(self) -> None:
        """What counts is whether its write buffer shrinks."""
        clock = Clock()
        factory = EchoFactory(clock, reply="raw", limits=Limits(waiting_bytes=20_000, stall=10))
        pipes = [Pipe(), Pipe()]
        for pipe in pipes:
            pipe.full = True
            pipe.dataBuffer = b"z" * 10_000
            protocol, _ = connect(factory, pipe)
            protocol.dataReceived(b"x" * 10_000)
        for _ in range(30):
            clock.pump([0.1] * 10)
            pipes[1].dataBuffer = pipes[1].dataBuffer[:-100]
        assert [pipe.aborted for pipe in pipes] == [True, False]
        assert factory.counts.dropped["stalled"] >= 1

    def test_a_peer_that_stops_reading_below_the_mark_is_stalled_and_not_idle(self) -> None:
        """What it has not taken does not fill the write buffer; each time counts for its own."""
        for limits, dropped in (
            (Limits(idle=5, stall=20), {"stalled": 1}),
            (Limits(idle=20, stall=5), {"stalled": 1}),
            (Limits(idle=5, stall=0), {}),
        ):
            clock = Clock()
            factory = EchoFactory(clock, reply="raw", limits=limits)
            protocol, transport = connect(factory)
            transport.dataBuffer = b"z" * 1000
            protocol.dataReceived(b"z" * 1000)
            clock.pump([0.1] * int(10 * (limits.stall or 10) - 5))
            assert not transport.aborted
            clock.pump([0.1] * 25)
            assert factory.counts.dropped == dropped

    def test_a_buffer_that_fills_again_after_it_was_empty_is_not_stalled(self) -> None:
        """Also where as much stands in it at every look."""
        clock = Clock()
        factory = EchoFactory(clock, reply="raw", limits=Limits(stall=5))
        protocol, transport = connect(factory)
        transport.dataBuffer = b"z" * 1000
        protocol.dataReceived(b"x")
        for _ in range(10):
            protocol.pauseProducing()
            clock.pump([0.1] * 20)
            protocol.resumeProducing()
        assert not transport.aborted

    def test_a_connection_that_has_gone_since_the_round_began_is_passed_over(self) -> None:
        """Its transport has nothing to be asked for any more."""
        clock = Clock()
        factory = EchoFactory(clock)
        swept: list[object] = []
        pairs = [connect(factory) for _ in range(20)]
        for protocol, _ in pairs:
            self.patch(protocol, "sweep", lambda _now, swept=swept: swept.append(None))
        clock.advance(0.1)
        began = len(swept)
        for protocol, _ in pairs[1:]:
            protocol.connectionLost(Failure(ConnectionDone()))
        clock.pump([0.1] * 9)
        assert 0 < began < 20
        assert len(swept) <= began + 2

    def test_what_came_while_the_process_slept_is_read_before_anybody_is_judged(self) -> None:
        """One whose bytes wait is not idle; one that has sent nothing is, a moment later."""
        clock = Clock()
        factory = EchoFactory(clock, reply="raw", limits=Limits(idle=10))
        _, idle = connect(factory)
        talker, talking = connect(factory)
        clock.pump([0.1] * 95)
        clock.advance(60)
        assert [idle.aborted, talking.aborted] == [False, False]
        talker.dataReceived(b"x")
        clock.pump([0.1] * 20)
        assert [idle.aborted, talking.aborted] == [True, False]

    def test_nothing_is_left_when_all_go_while_one_of_them_is_looked_at(self) -> None:
        """No timer, and nothing that keeps in memory whoever the round had still to look at."""
        open_ones: list[EchoProtocol] = []

        class Ending(Pipe):
            def abortConnection(self) -> None:
                while open_ones:
                    open_ones.pop().connectionLost(Failure(ConnectionDone()))

        clock = Clock()
        factory = EchoFactory(clock, limits=Limits(idle=0.05))
        open_ones += [connect(factory, Ending())[0] for _ in range(20)]
        gone = [weakref.ref(protocol) for protocol in open_ones]
        clock.advance(0.1)
        assert (open_ones, clock.getDelayedCalls()) == ([], [])
        gc.collect()
        assert {each() for each in gone} == {None}

    def test_a_late_tick_is_counted_as_a_stall_of_the_loop(self) -> None:
        """Its length too."""
        clock = Clock()
        factory = EchoFactory(clock)
        connect(factory)
        clock.advance(0.1)
        assert factory.counts.stalls == 0
        clock.advance(2.1)
        assert factory.counts.stalls == 1
        assert abs(factory.counts.stalled - 2.0) < 0.01


class FailureTests(SynchronousTestCase):
    """An exception in a connection's handling."""

    def test_ends_that_connection_alone_and_is_logged_once_with_its_peer(self) -> None:
        """Wherever it comes from."""
        clock = Clock()
        # Two replies that leave together: of one that leaves alone the lateness is counted later.
        factory = EchoFactory(clock, reply="raw", delay=Trace((1.0,), "1 s"))
        good, good_transport = connect(factory)
        for breaking in ("write_reply", "decide", "sent_late"):
            bad_transport = Pipe()
            bad = factory.buildProtocol(tcp("192.0.2.9", 999))
            assert bad is not None
            bad.makeConnection(bad_transport)
            with self._broken(factory.connections, breaking):
                bad.dataReceived(b"x" * 1025)
                clock.advance(1)
            assert bad_transport.aborted
            bad.connectionLost(Failure(ConnectionDone()))
            (failure,) = self.flushLoggedErrors(ZeroDivisionError)
            assert failure is not None
        good.dataReceived(b"y")
        clock.advance(1)
        assert (good_transport.value(), good_transport.aborted) == (b"y", False)
        assert factory.counts.dropped == {"failed": 3}

    def _broken(self, connections: Connections, name: str) -> Any:
        case = self

        class Broken:
            def __enter__(self) -> None:
                self.patch = case.patch(connections, name, lambda *_: 1 // 0)

            def __exit__(self, *_error: object) -> None:
                self.patch.restore()

        return Broken()

    def test_in_connection_made_too(self) -> None:
        """Twisted would leave the socket open."""
        factory = EchoFactory(Clock())
        self.patch(factory.connections, "now", lambda: 1 // 0)
        _, transport = connect(factory)
        assert transport.aborted
        assert len(self.flushLoggedErrors(ZeroDivisionError)) == 1


class LogTests(SynchronousTestCase):
    """What a peer can do to the log."""

    def capture(self) -> io.StringIO:
        """Collect the text log of this test."""
        stream = io.StringIO()
        observer = textFileLogObserver(stream)
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        return stream

    def test_payload_is_not_logged_unless_asked_for(self) -> None:
        """Not a byte of it."""
        log = self.capture()
        protocol, _ = connect(EchoFactory(Clock()))
        protocol.dataReceived(b"secret")
        assert "secret" not in log.getvalue()

    def test_logged_payload_is_one_escaped_line_cut_short(self) -> None:
        """Neither a forged line, nor an escape sequence, nor a format string gets through."""
        log = self.capture()
        protocol, _ = connect(EchoFactory(Clock(), log_payload=True))
        protocol.dataReceived(b"\x1b[2J\r\n2026 forged {data} %s" + b"x" * 5000)
        (line,) = log.getvalue().splitlines()
        assert r"b'\x1b[2J\r\n2026 forged {data} %sxxx" in line
        assert len(line) < 300

    def test_refusals_by_the_thousand_are_a_line_every_ten_seconds(self) -> None:
        """The next line says how many there were."""
        log = self.capture()
        clock = Clock()
        limited = RateLimitedLog(Logger(), clock.seconds)
        for _ in range(1000):
            limited.warn("Refused", "192.0.2.1:5")
        clock.advance(10)
        limited.warn("Refused", "192.0.2.1:6")
        first, second = log.getvalue().splitlines()
        assert first.endswith("Refused: 192.0.2.1:5, and 0 more since the last such line")
        assert second.endswith("Refused: 192.0.2.1:6, and 999 more since the last such line")

    def test_a_refused_connection_is_logged_with_the_reason(self) -> None:
        """And with its peer."""
        log = self.capture()
        factory = EchoFactory(Clock(), limits=Limits(connections=1))
        connect(factory)
        assert factory.buildProtocol(tcp("192.0.2.1", 77)) is None
        assert "Refused, too-many-connections: 192.0.2.1:77" in log.getvalue()

    def test_connections_are_logged_at_debug_where_asked_for(self) -> None:
        """With their peer; and where it is not asked for nothing is, of the factory neither."""
        log = self.capture()
        for asked in (False, True):
            assert log.getvalue() == ""
            factory = EchoFactory(Clock(), log_connections=asked)
            factory.doStart()
            protocol = factory.buildProtocol(tcp("192.0.2.1", 77))
            assert protocol is not None
            protocol.makeConnection(Pipe())
            protocol.connectionLost(Failure(ConnectionDone()))
            factory.doStop()
        assert "#debug] 192.0.2.1:77 connected" in log.getvalue()
        assert "#debug] 192.0.2.1:77 disconnected" in log.getvalue()
