"""Steering a factory, in memory: what was received, the scenario in force, beginning anew."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.support.pipes import Pipe, connect, tcp
from twistecho import EchoFactory, Limits
from twistecho.base.notation import FieldError
from twistecho.service.control.bounds import (
    LONGEST_TEXT,
    MOST_IN_LIST,
    MOST_INSTRUCTIONS,
    MOST_REPLIES,
)
from twistecho.service.control.factory_steering import FactorySteering
from twistecho.service.control.steering import Document, Eventually, Received
from twistecho.service.scenario.document import read_scenario

InShort = tuple[int, int, list[bytes]]


def in_short(received: Received) -> InShort:
    """Give total, next and what the messages say."""
    return received.total, received.next, [message.data for message in received.messages]


def now(result: Eventually[Document]) -> Document:
    """Give a result that is there at once, as it is where no port has to follow."""
    assert not isinstance(result, Deferred)
    return result


class SteeringCase(SynchronousTestCase):
    """Steers factories whose clock is the test's."""

    def setUp(self) -> None:
        """Make the clock."""
        self.clock = Clock()

    def steer(self, **options: Any) -> tuple[FactorySteering, EchoFactory]:
        """Make a factory that is steered."""
        factory = EchoFactory(self.clock, **{"reply": "raw", **options})
        return FactorySteering(self.clock, factory), factory

    def lose(self, protocol: Any) -> None:
        """Have a connection go, as Twisted does once it was reset."""
        protocol.connectionLost(Failure(ConnectionDone()))

    def asked(self, steering: FactorySteering, **parameters: Any) -> InShort:
        """Give at once what was received."""
        received = steering.received(**parameters)
        assert isinstance(received, Received)
        return in_short(received)

    def wait(self, steering: FactorySteering, **parameters: Any) -> "Deferred[InShort]":
        """Wait for what is received; it is not there yet."""
        received = steering.received(**parameters)
        assert isinstance(received, Deferred)
        self.assertNoResult(received)
        return received.addCallback(in_short)


class ReceivedTests(SteeringCase):
    """What was received, now or within some time."""

    def test_messages_are_numbered_and_asked_for_by_number_and_connection(self) -> None:
        """``next`` goes on where the answer ends."""
        steering, factory = self.steer()
        first, second = connect(factory)[0], connect(factory)[0]
        for protocol, data in ((first, b"a"), (second, b"b"), (first, b"c"), (first, b"d")):
            protocol.dataReceived(data)
        received: Any = steering.received()
        assert [(m.index, m.connection, m.number) for m in received.messages] == [
            (0, 0, 0), (1, 1, 0), (2, 0, 1), (3, 0, 2),
        ]  # fmt: skip
        for parameters, following, messages in (
            ({}, 4, [b"a", b"b", b"c", b"d"]),
            ({"since": 2}, 4, [b"c", b"d"]),
            ({"since": 4}, 4, []),
            ({"limit": 2}, 2, [b"a", b"b"]),
            ({"limit": 4}, 4, [b"a", b"b", b"c", b"d"]),
            ({"connection": 0, "limit": 2}, 3, [b"a", b"c"]),
            ({"connection": 0, "since": 1, "limit": 1}, 3, [b"c"]),
            ({"connection": 1, "since": 2}, 4, []),
            ({"connection": 5}, 4, []),
        ):  # fmt: skip
            with self.subTest(parameters=parameters):
                assert self.asked(steering, **parameters) == (4, following, messages)

    def test_what_is_dropped_counts(self) -> None:
        """Those that are kept have the numbers that they always had."""
        steering, factory = self.steer(limits=Limits(received_messages=3, received_bytes=10))
        protocol, _ = connect(factory)
        for number in range(5):
            protocol.dataReceived(b"%d" % number)
        assert self.asked(steering) == (5, 5, [b"2", b"3", b"4"])
        assert self.asked(steering, since=1, limit=1) == (5, 3, [b"2"])
        protocol.dataReceived(b"x" * 9)
        assert self.asked(steering, since=3) == (6, 6, [b"4", b"x" * 9])
        protocol.dataReceived(b"x" * 11)
        assert self.asked(steering) == (7, 7, [])

    def test_nothing_was_recorded_before(self) -> None:
        """Neither messages nor their number."""
        factory = EchoFactory(self.clock, reply="raw")
        protocol, transport = connect(factory)
        protocol.dataReceived(b"before")
        steering = FactorySteering(self.clock, factory)
        protocol.dataReceived(b"after")
        assert self.asked(steering) == (1, 1, [b"after"])
        assert transport.value() == b"beforeafter"

    def test_waiting_ends_with_a_message_or_the_time(self) -> None:
        """One of its connection; what was there before is not waited for."""
        steering, factory = self.steer()
        others, asked = connect(factory)[0], connect(factory)[0]
        others.dataReceived(b"old")
        assert self.asked(steering, wait=5) == (1, 1, [b"old"])
        waiting = self.wait(steering, connection=1, wait=5)
        any_new = self.wait(steering, since=1, wait=5)
        others.dataReceived(b"other")
        assert self.successResultOf(any_new) == (2, 2, [b"other"])
        self.clock.advance(4.9)
        self.assertNoResult(waiting)
        asked.dataReceived(b"x")
        assert self.successResultOf(waiting) == (3, 3, [b"x"])
        late = self.wait(steering, since=3, wait=5)
        self.clock.advance(5)
        assert self.successResultOf(late) == (3, 3, [])
        assert self.clock.getDelayedCalls() == factory_timers(factory)

    def test_the_time_does_not_begin_anew_with_others_messages(self) -> None:
        """Five seconds are five seconds."""
        steering, factory = self.steer()
        protocol, _ = connect(factory)
        waiting = self.wait(steering, connection=7, wait=5)
        for _ in range(4):
            self.clock.advance(1)
            protocol.dataReceived(b"x")
        self.assertNoResult(waiting)
        self.clock.advance(1)
        assert self.successResultOf(waiting) == (4, 4, [])

    def test_one_that_is_far_ahead_is_waited_for(self) -> None:
        """The third message, of which none has come."""
        steering, factory = self.steer()
        protocol, _ = connect(factory)
        waiting = self.wait(steering, since=2, wait=5)
        for data in (b"a", b"b"):
            protocol.dataReceived(data)
            self.assertNoResult(waiting)
        protocol.dataReceived(b"c")
        assert self.successResultOf(waiting) == (3, 3, [b"c"])

    def test_waiting_can_be_cancelled(self) -> None:
        """Nothing is left of it: no timer, and nobody to tell."""
        steering, factory = self.steer()
        protocol, _ = connect(factory)
        waiting: Any = steering.received(wait=5)
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        assert self.clock.getDelayedCalls() == factory_timers(factory)
        assert factory.received._waiting == []
        protocol.dataReceived(b"x")

    def test_a_message_is_looked_at_once_by_those_who_wait(self) -> None:
        """However many messages are kept: who waits for another connection costs little."""
        steering, factory = self.steer()
        protocol, _ = connect(factory)
        waiting = self.wait(steering, connection=7, wait=5)
        looked: list[int] = []
        since = factory.received.since

        def counted(index: int) -> Any:
            found = since(index)
            looked.append(len(found))
            return found

        factory.received.since = counted  # type: ignore[method-assign]
        for _ in range(100):
            protocol.dataReceived(b"x")
        assert looked == [1] * 100
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)

    def test_who_waits_while_it_is_cleared_gets_what_comes_then(self) -> None:
        """Its number is less than the one from which it asked; so after a reset."""
        for clear in ("clear_received", "reset"):
            with self.subTest(clear=clear):
                steering, factory = self.steer()
                protocol, _ = connect(factory)
                for _ in range(3):
                    protocol.dataReceived(b"x")
                waiting = self.wait(steering, since=3, wait=5)
                getattr(steering, clear)()
                self.assertNoResult(waiting)
                assert self.asked(steering) == (0, 0, [])
                connect(factory)[0].dataReceived(b"new")
                assert self.successResultOf(waiting) == (1, 1, [b"new"])


def factory_timers(factory: EchoFactory) -> list[Any]:
    """Give the delayed calls that a factory with open connections has."""
    timer = factory.connections._sweep._timer
    return [] if timer is None else [timer]


class ScenarioTests(SteeringCase):
    """The scenario: put, changed, restored."""

    WRONG: tuple[tuple[Document, str], ...] = (
        ({"dealy": 1}, "dealy"),
        ({"delay": "soon"}, "delay"),
        ({"delay": -1}, "delay"),
        ({"delay": 10**400}, "delay"),
        ({"delay": -(10**400)}, "delay"),
        ({"delay": [1]}, "delay"),
        ({"delay": "trace:/etc/hostname"}, "delay"),
        ({"banner_delay": "trace:/etc/hostname"}, "banner_delay"),
        ({"banner": {"base64": "?"}}, "banner"),
        ({"banner_fault": "refuse"}, "banner_fault"),
        ({"faults": ["reset", "late"]}, "faults"),
        ({"faults": ["silent:0.1", "rest"]}, "faults[1]"),
        ({"faults": [5]}, "faults[0]"),
        ({"on": [{"match": "a"}, {"match": "("}]}, "on[1].match"),
        ({"on": [{"match": "a", "reply": "\\1"}]}, "on[0].reply"),
        ({"on": [{"match": "a", "reply": ["b", 5]}]}, "on[0].reply[1]"),
        ({"on": [{"match": "a", "delay": "trace:/etc/hostname"}]}, "on[0].delay"),
        ({"on": [{"match": "a", "limit": 0}]}, "on[0].limit"),
        ({"on": [{}]}, "on[0].match"),
        ({"on": {"match": "a"}}, "on"),
        ({"framing": "fixed:70000"}, "framing"),
        ({"framing": "length:1", "banner": "x" * 300}, "banner"),
        ({"reply": "upper"}, "reply"),
        ({"delay_per": "day"}, "delay_per"),
        ({"in_band": "yes"}, "in_band"),
        ({"seed": -1}, "seed"),
    )

    def test_what_is_wrong_is_named_and_changes_nothing(self) -> None:
        """By its path; put and patched."""
        steering, factory = self.steer(delay="20ms", faults="silent,limit=1")
        before = factory.scenario
        protocol, transport = connect(factory)
        for document, path in self.WRONG:
            with self.subTest(document=str(document)[:80]):
                with pytest.raises(FieldError) as told:
                    steering.put(document)
                assert told.value.field.endswith(path)
                patching: Any = steering.patch(document)
                assert self.failureResultOf(patching, FieldError).value.field.endswith(path)
                assert factory.scenario is before
        for _ in range(2):
            protocol.dataReceived(b"x")
        self.clock.advance(0.02)
        assert transport.value() == b"x"

    def test_it_is_put_whole_patched_and_restored(self) -> None:
        """Each answer is the scenario in force."""
        steering, factory = self.steer(delay="20ms", seed=7)
        initial = factory.scenario
        answered = steering.put({"faults": ["reset:0.5"], "reply": "stamped"})
        assert answered == steering.scenario()
        assert (answered["delay"], answered["faults"]) == ("0", ["reset:0.5"])
        patched: Any = steering.patch({"delay": "uniform:1,2", "faults": None})
        answered = self.successResultOf(patched)
        assert answered == steering.scenario()
        assert [answered[name] for name in ("delay", "faults", "reply")] == [
            "uniform:1,2", [], "stamped",
        ]  # fmt: skip
        assert now(steering.restore())["delay"] == "20ms"
        assert factory.scenario is initial

    def test_the_seed_goes_on(self) -> None:
        """Unless another is given; what is drawn is drawn from it."""
        steering, factory = self.steer(delay="uniform:1,2", seed=7)
        assert now(steering.put({"delay": "uniform:3,4", "faults": ["silent:0.5"]}))["seed"] == 7
        expected = read_scenario({"delay": "uniform:3,4", "faults": ["silent:0.5"], "seed": 7})
        assert factory.scenario == expected
        assert now(steering.put({"seed": 8}))["seed"] == 8
        assert now(steering.put({"delay": "uniform:3,4"}))["seed"] == 8
        assert factory.scenario == read_scenario({"delay": "uniform:3,4", "seed": 8})
        assert now(steering.restore())["seed"] == 7

    def test_what_was_read_from_files_can_be_put_back_and_no_other(self) -> None:
        """Also after others, and with other fields; another file is not read."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "trace"
            path.write_text("10ms\n30ms\n")
            other = Path(folder) / "other"
            other.write_text("1\n")
            steering, factory = self.steer(delay=f"trace:{path},max=20ms")
            delay = factory.scenario.delay
            got = steering.scenario()
            steering.put({"delay": "1s"})
            path.unlink()
            answered = steering.put({**got, "reply": "stamped"})
            assert answered == {**got, "reply": "stamped"}
            assert factory.scenario.delay is delay
            on = [{"match": "a", "delay": got["delay"]}]
            assert now(steering.put({"on": on}))["on"][0]["delay"] == got["delay"]
            for text in (f"trace:{other}", f"trace:{path}"):
                with pytest.raises(FieldError, match=r"^delay: a trace cannot be read"):
                    steering.put({"delay": text})

    def test_what_was_got_can_always_be_put(self) -> None:
        """And puts the same scenario in force."""
        for options in (
            {},
            {"delay": 0.1 + 0.2, "banner": b"\xff", "banner_delay": 1e-7},
            {"framing": b"delimiter:\xff", "banner_fault": "drip:0.5,bytes=2,limit=3"},
            {"delay": "exponential:20ms,max=1s", "delay_per": "connection", "seed": 10**99},
            {"faults": ["late:0.1,times=3", "reset:0.2,at=middle,match=a,b"], "delay": "2s"},
            {"faults": ["bandwidth,rate=64Ki,peer=192.0.2.0/24,limit=1"], "in_band": True},
        ):
            with self.subTest(options=options):
                steering, factory = self.steer(**options)
                initial, got = factory.scenario, steering.scenario()
                assert steering.put(got) == got
                assert factory.scenario == initial
        answers = [
            {"match": {"base64": "/w=="}, "reply": [{"base64": "/w=="}, "b"], "limit": 2},
            {"match": "(a)", "reply": "\\1\\\\", "delay": "uniform:1,2", "fault": "reset"},
            {"match": "b", "close": True},
        ]
        steering, factory = self.steer()
        got = now(steering.put({"on": answers}))
        scenario = factory.scenario
        assert steering.put(got) == got
        assert factory.scenario == scenario


class SizeTests(SteeringCase):
    """A scenario that would hold up all replies while it is read, or with each message."""

    def test_what_is_too_large_is_refused(self) -> None:
        """With its path; just as much is taken."""
        steering, factory = self.steer()
        on, fault = {"match": "a"}, "silent:0"
        half = {"match": "a", "reply": ["b"] * (MOST_REPLIES // 2)}
        pattern = "[ab]{1000}" * (MOST_INSTRUCTIONS // 1000 // 2 - 1)
        longest = "choice:" + "1," * (LONGEST_TEXT // 2 - 4) + "1"
        many, faults = [on] * MOST_IN_LIST, [fault] * MOST_IN_LIST
        for most, more, path in (
            ({"on": many}, {"on": [*many, on]}, "on"),
            ({"faults": faults}, {"faults": [*faults, fault]}, "faults"),
            ({"on": [half, half]}, {"on": [half, half, {**on, "reply": ["c"]}]}, "on"),
            ({"delay": longest}, {"delay": f"{longest}1"}, "delay"),
            ({}, {"on": [on, {**on, "delay": f"{longest}1"}]}, "on[1].delay"),
            ({}, {"faults": [fault, "x" * 5000]}, "faults[1]"),
            (
                {"on": [{"match": pattern}], "faults": [f"reset:0,match={pattern}"]},
                {"on": [{"match": pattern}, on, {"match": pattern * 3}]},
                "on[2].match",
            ),
            ({}, {"faults": [f"reset:0,match=a{pattern}"] * 3}, "faults[2]"),
            ({}, {"on": [{"match": "a", "fault": f"reset:0,match={pattern * 3}"}]}, "on[0].fault"),
        ):  # fmt: skip
            with self.subTest(path=path):
                steering.put(most)
                before = factory.scenario
                with pytest.raises(FieldError) as told:
                    steering.put(more)
                assert told.value.field == path
                assert factory.scenario is before

    def test_what_was_there_before_may_be_larger(self) -> None:
        """It came in a file, say: what is changed beside it does not touch it."""
        many = read_scenario({"on": [{"match": "a", "reply": "b"}] * (MOST_IN_LIST + 1)})
        steering, _ = self.steer(scenario=many)
        got = steering.scenario()
        patching: Any = steering.patch({"delay": "1s"})
        assert self.successResultOf(patching)["on"] == got["on"]
        steering.put({})
        assert steering.put(got) == got


class BeginningAnewTests(SteeringCase):
    """A reset, of everything or of connections."""

    def test_it_is_as_after_the_start(self) -> None:
        """The initial scenario, numbers from 0, allowances anew, nothing received."""
        steering, factory = self.steer(faults="silent,limit=1")
        connections = [connect(factory) for _ in range(3)]
        connections[2][0].dataReceived(b"x")
        steering.put({"reply": "raw", "delay": "1s"})
        connections[1][0].dataReceived(b"y")
        steering.reset()
        assert [transport.aborted for _, transport in connections] == [True] * 3
        for protocol, _ in connections:
            self.lose(protocol)
        assert steering.scenario()["faults"] == ["silent,limit=1"]
        assert self.asked(steering) == (0, 0, [])
        assert steering.connections() == []
        for _ in range(2):
            steering.reset()
            protocol, transport = connect(factory)
            for _ in range(2):
                protocol.dataReceived(b"z")
            assert transport.value() == b"z"
        received: Any = steering.received()
        assert [(m.index, m.connection, m.number) for m in received.messages] == [
            (0, 0, 0), (1, 0, 1),
        ]  # fmt: skip
        assert steering.health().connections == 2  # of which one is on its way out
        assert factory.connections.budget.used == 0

    def test_what_has_connected_belongs_to_what_was_before(self) -> None:
        """Though nobody has accepted it yet."""
        factory = EchoFactory(self.clock, reply="raw")
        pending = [Pipe(), Pipe()]

        def accept_waiting() -> None:
            for transport in pending:
                connect(factory, transport)

        FactorySteering(self.clock, factory, accept_waiting).reset()
        assert all(transport.aborted for transport in pending)
        assert connect(factory)[0].number == 0

    def test_those_who_were_reset_use_nothing_up(self) -> None:
        """A limit is there for those who come now."""
        steering, factory = self.steer(faults="bandwidth,rate=1000,direction=out,limit=1")
        steering.put({"reply": "raw"})
        old, _ = connect(factory)
        steering.reset()
        self.lose(old)
        protocol, transport = connect(factory)
        protocol.dataReceived(b"x" * 900)
        assert len(transport.value()) < 900
        assert factory.faults_met == {"bandwidth": 1}

    def test_open_connections_are_told_and_reset(self) -> None:
        """In the order of their numbers; one that is not open is not found."""
        steering, factory = self.steer(delay=1)
        transports = []
        for host in ("192.0.2.1", "2001:db8::1", "192.0.2.3"):
            protocol: Any = factory.buildProtocol(tcp(host))
            transports.append(Pipe())
            protocol.makeConnection(transports[-1])
            protocol.dataReceived(b"x")
        protocol.dataReceived(b"y")
        listed = [(o.number, o.peer, o.messages, o.waiting) for o in steering.connections()]
        assert listed == [
            (0, "192.0.2.1:1", 1, 1), (1, "[2001:db8::1]:1", 1, 1), (2, "192.0.2.3:1", 2, 2),
        ]  # fmt: skip
        steering.reset_connection(1)
        assert [transport.aborted for transport in transports] == [False, True, False]
        for number in (3, -1):
            with pytest.raises(LookupError, match=f"^no connection {number} is open$"):
                steering.reset_connection(number)
        steering.reset_connections()
        assert all(transport.aborted for transport in transports)
        assert connect(factory)[0].number == 3
