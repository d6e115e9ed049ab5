"""A service whose scenario changes while it runs, in memory: what was decided stands."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.support.clocks import ShufflingClock
from tests.support.damage import pieces
from tests.support.pipes import SMALL, Pipe, connect
from twistecho import EchoFactory, Limits
from twistecho.base.notation import FieldError
from twistecho.base.reply_formats import writer_of
from twistecho.service.scenario.answers import On
from twistecho.service.scenario.decision import Limited
from twistecho.service.scenario.scenario import Scenario

CTIME = "Sat Jul 22 18:43:57 2017"
THRICE = On("b", r"<\0\0>", limit=3)

SCENARIOS = [
    Scenario(reply="raw"),
    Scenario(reply="raw", delay=1),
    Scenario(reply="raw", delay=0.25),
    Scenario(reply="prefixed"),
    Scenario(reply="stamped", delay=2),
    Scenario(reply="raw", delay="uniform:0,2", seed=3),
    Scenario(reply="raw", faults=["corrupt:0.3", "truncate:0.2", "drip:0.3,pause=0.5"], seed=4),
    Scenario(reply="raw", on=[On("a", ["<1>", "<2>", "<3>"]), THRICE], in_band=True),
    Scenario(reply="prefixed", delay=0.5, on=[THRICE, On("a", "", delay=1, fault="extra")]),
]


class Model:
    """What is to come back, where each message meets what holds as it arrives."""

    def __init__(self, scenario: Scenario) -> None:
        self.expected = b""
        self._number = 0
        self._left: dict[Limited, int] = {}
        self._turns: dict[int, int] = {}
        self.scenario = scenario
        self.steer(scenario)

    def steer(self, scenario: Scenario) -> None:
        """Have another scenario hold; what it has in common with the one before goes on."""
        if scenario.on != self.scenario.on:
            self._turns = {}
        self.scenario = scenario
        self._left = {on: self._left.get(on, on.limit or 0) for on in scenario.limited}

    def _take(self, on: Limited) -> bool:
        self._left[on] -= 1
        return self._left[on] >= 0

    def arrive(self, message: bytes) -> None:
        """Take a message."""
        decided = self.scenario.decide(0, self._number, message, take=self._take, turns=self._turns)
        reply = decided.content
        if reply is None:
            reply = writer_of(self.scenario.reply, lambda: CTIME)(message)
        sent = [reply]
        if decided.fault is not None:
            sent = self.scenario.pieces(decided.fault, reply, 0, self._number)
        self.expected += b"".join(sent)
        self._number += 1


ACTIONS = st.lists(
    st.sampled_from([b"a\n", b"b\n", b"ab\n", b"!delay 1 a\n", b"c\n", b"x" * 50 + b"\n"])
    | st.sampled_from(range(len(SCENARIOS)))
    | st.sampled_from([0.25, 0.5, 1.0, 5.0]),
    max_size=40,
)


class DecidedAtArrivalTests(SynchronousTestCase):
    """Replies that wait stay as they were decided, and all that comes after is behind them."""

    @settings(max_examples=150, deadline=None)
    @given(st.sampled_from(["read", "line"]), ACTIONS, st.integers(0, 2**32), st.data())
    def test_each_message_meets_what_holds_as_it_arrives(
        self, framing: str, actions: list[Any], seed: int, data: st.DataObject
    ) -> None:
        """Nothing is lost, doubled or out of order, and nothing is left behind."""
        clock, model = ShufflingClock(seed), Model(SCENARIOS[0])
        factory = EchoFactory(
            clock, scenario=SCENARIOS[0].replace(framing=framing), ctime=lambda: CTIME
        )
        protocol, transport = connect(factory)
        for action in actions:
            if isinstance(action, bytes):
                for piece in [action] if framing == "read" else data.draw(pieces(action)):
                    protocol.dataReceived(piece)
                model.arrive(action)
            elif isinstance(action, float):
                clock.advance(action)
            else:
                model.steer(SCENARIOS[action])
                factory.scenario = SCENARIOS[action].replace(framing=framing)
            assert model.expected.startswith(transport.value())
        for _ in range(200):
            clock.advance(0.5)
        assert transport.value() == model.expected
        assert (protocol.waiting, factory.connections.budget.used) == (0, 0)
        assert len(factory.connections.timers) == 0

    @settings(max_examples=60, deadline=None)
    @given(
        st.sampled_from(["read", "line", "length:2"]),
        st.lists(st.tuples(st.integers(0, 2000), st.sampled_from([0, 1, 2, 5]), st.booleans())),
    )
    def test_under_load_nothing_is_lost(
        self, framing: str, steps: list[tuple[int, int, bool]]
    ) -> None:
        """Where bounds hold the peer back, and it reads now and then."""
        clock = Clock()
        factory = EchoFactory(clock, scenario=SCENARIOS[0], framing=framing, limits=SMALL)
        pipe = Pipe()
        pipe.full = True
        protocol, _ = connect(factory, pipe)
        sent = came = b""
        for size, steered, reads in steps:
            message = b"%d " % len(sent) * (size // 8 + 1) + b"\n"
            if factory.scenario.framing.wraps:
                message = factory.scenario.framing.wrap(message)
            if pipe.producerState == "producing":
                sent += message
                protocol.dataReceived(message)
            factory.scenario = SCENARIOS[steered].replace(framing=framing)
            clock.advance(0.3)
            came += pipe.drain() if reads else b""
            assert sent.startswith(came + pipe.value())
        for _ in range(100):
            clock.advance(1)
            came += pipe.drain()
        assert came == sent
        assert (protocol.waiting, factory.connections.budget.used) == (0, 0)

    def test_a_shorter_delay_makes_nothing_late(self) -> None:
        """What is behind a longer one is due with it, also where that waited alone."""
        clock = Clock()
        factory = EchoFactory(clock, reply="raw", delay=5)
        protocol, transport = connect(factory)
        protocol.dataReceived(b"a")
        factory.scenario = factory.scenario.replace(delay=1)
        protocol.dataReceived(b"b")
        clock.advance(5)
        assert transport.value() == b"ab"
        lateness = factory.counts.lateness
        assert (lateness.count, lateness.sum) == (2, 0.0)
        protocol.dataReceived(b"c")
        clock.advance(1)
        assert transport.value() == b"abc"

    def test_pieces_leave_at_once_where_they_did_not_have_to(self) -> None:
        """TCP would join them: the delay that it waits for is switched off."""
        factory = EchoFactory(Clock())
        delayed: list[bool] = []

        class Tcp(Pipe):
            def setTcpNoDelay(self, enabled: bool) -> None:
                delayed.append(enabled)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                "twistecho.service.echo.transports.ITCPTransport.providedBy",
                lambda transport: isinstance(transport, Tcp),
                raising=False,
            )
            connect(factory, Tcp())
            assert delayed == []
            factory.scenario = factory.scenario.replace(faults="drip")
            assert delayed == [True]


class AcceptedTests(SynchronousTestCase):
    """What acts on accept counts for connections that come after."""

    def test_framing_and_banner_are_those_of_the_accept(self) -> None:
        """A connection keeps its own; replies to it are framed as it is."""
        factory = EchoFactory(Clock(), reply="raw", framing="length:1")
        old, transport = connect(factory)
        factory.scenario = Scenario(framing="line", banner="hi\n", reply="prefixed")
        old.dataReceived(b"\x01a\x01b")
        assert transport.value() == b"\x0dResposta => a\x0dResposta => b"
        new, other = connect(factory)
        new.dataReceived(b"x\ny")
        assert other.value() == b"hi\nResposta => x\n"

    def test_a_connection_is_held_and_refused_as_when_it_came(self) -> None:
        """Those that are open are neither afterwards."""
        clock = Clock()
        factory = EchoFactory(clock, reply="raw", delay=5, delay_per="connection")
        _, held = connect(factory)
        factory.scenario = Scenario(reply="raw", faults="refuse")
        assert (held.producerState, held.aborted) == ("paused", False)
        _, refused = connect(factory)
        assert refused.aborted
        factory.scenario = Scenario(reply="raw")
        assert held.producerState == "paused"
        clock.advance(5)
        assert held.producerState == "producing"

    def test_no_delay_stays_that_was_drawn_from_the_one_before(self) -> None:
        """Delays are drawn for eight messages at once; those that have not come have others."""
        clock = Clock()
        factory = EchoFactory(clock, reply="raw", delay="uniform:1,3", seed=1)
        protocol, transport = connect(factory)
        protocol.dataReceived(b"a")
        clock.advance(3)
        factory.scenario = Scenario(reply="raw", delay="uniform:4,6", seed=1)
        protocol.dataReceived(b"b")
        clock.advance(3.5)
        assert transport.value() == b"a"
        clock.advance(2.5)
        assert transport.value() == b"ab"

    def test_a_scenario_that_the_limits_do_not_allow_changes_nothing(self) -> None:
        """It is refused before anything is."""
        factory = EchoFactory(Clock(), reply="raw", limits=Limits(message_size=8))
        before = factory.scenario
        for framing in ("fixed:9", "delimiter:123456789"):
            with pytest.raises(
                FieldError, match=f"^framing: {framing}: the longest message allowed"
            ):
                factory.scenario = Scenario(framing=framing)
        assert factory.scenario is before
        protocol, transport = connect(factory)
        protocol.dataReceived(b"x")
        assert transport.value() == b"x"

    def test_a_reply_that_an_old_framing_cannot_tell_ends_that_connection_alone(self) -> None:
        """After what was sent before it; no traceback is logged, since peers may cause it."""
        factory = EchoFactory(Clock(), reply="raw", framing="length:1", delay=1)
        old, transport = connect(factory)
        old.dataReceived(b"\x01a")
        factory.scenario = Scenario(on=[On("b", "x" * 300)])
        old.dataReceived(b"\x01b\x01c")
        assert transport.value() == b""
        clock: Any = factory.connections.timers._clock
        clock.advance(1)
        assert transport.value() == b"\x01a"
        assert transport.aborted
        assert factory.counts.dropped == {"reply-too-long": 1}
        assert self.flushLoggedErrors() == []


class RestartTests(SynchronousTestCase):
    """Beginning anew."""

    def test_all_is_as_at_the_start(self) -> None:
        """Numbers, what was received, what has a limit; and connections are reset."""
        scenario = Scenario(reply="raw", on=[On("a", "once", limit=1)], delay="uniform:0,9")
        clock = Clock()
        factory = EchoFactory(clock, scenario=scenario, record=True)
        transport: Pipe
        first, transport = connect(factory)
        first.dataReceived(b"a")
        factory.scenario = Scenario(reply="prefixed")
        factory.connections.restart(scenario)
        assert transport.aborted
        assert (factory.scenario, len(factory.received), factory.received.total) == (scenario, 0, 0)
        first.dataReceived(b"late")
        assert factory.received.total == 0
        second, transport = connect(factory)
        second.dataReceived(b"a")
        [message] = factory.received
        assert (message.index, message.connection, message.number) == (0, 0, 0)
        clock.advance(9)
        assert transport.value() == b"once"
        assert second.number == 0


class FactoryTests(SynchronousTestCase):
    """Scenarios out of a factory's keywords."""

    def test_texts_and_values_are_the_same(self) -> None:
        """And a keyword takes precedence."""
        factory = EchoFactory(Clock(), delay="uniform:1,3", faults=["reset:0.1"], seed=7)
        assert factory.scenario == Scenario(delay="uniform:1,3", faults=["reset:0.1"], seed=7)
        factory = EchoFactory(Clock(), scenario=factory.scenario, faults=[], framing="line")
        assert factory.scenario == Scenario(delay="uniform:1,3", framing="line", seed=7)

    def test_what_is_drawn_is_drawn_from_the_seed_that_is_there(self) -> None:
        """That of the scenario, or of the faults."""
        for options in (
            {"scenario": Scenario(seed=7)},
            {"faults": Scenario(faults="reset:0.1", seed=7).faults},
        ):
            factory = EchoFactory(Clock(), delay="uniform:1,3", **options)
            assert factory.scenario.delay == Scenario(delay="uniform:1,3", seed=7).delay

    def test_what_is_wrong_names_its_keyword(self) -> None:
        """Also a trace that is not there."""
        for options, problem in (
            ({"delay": "trace:/nowhere/a"}, "delay: /nowhere/a: No such file"),
            ({"delay": "x"}, "delay: 'x' is not a number of seconds"),
            ({"banner_delay": "trace:/nowhere/a"}, "banner_delay: /nowhere/a: No such file"),
            ({"framing": "fixed:70000"}, "framing: fixed:70000: the longest message allowed has"),
            ({"faults": ["reset", "x"]}, r"faults\[1\]: 'x' is not one of"),
            ({"seed": "x"}, "seed: not a whole number, 0 or more"),
        ):
            with pytest.raises(FieldError, match=f"^{problem}"):
                EchoFactory(Clock(), **options)
