"""What messages take on the wire: which of them are timed, and what is recorded of them."""

import unittest
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import MORE
from twistecho.base.reply_formats import ReplyFormat
from twistecho.fleet.conversation.conversation import Conversation
from twistecho.fleet.conversation.wire_timing import WireTiming
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.recorder import Recording

law = settings(max_examples=50 * MORE, deadline=None)


class Noting(Recording):
    """A recording that keeps the times it is told, in milliseconds."""

    def __init__(self) -> None:
        super().__init__()
        self.wires: list[tuple[float, float, int]] = []
        self.responses: list[float] = []
        self.lags: list[float] = []
        self.first_bytes: list[float] = []

    def wire(self, due: float, took: float, own: float, count: int) -> None:
        """Keep the time on the wire, the fleet's own and how many messages these are of."""
        super().wire(due, took, own, count)
        self.wires.append((round(took * 1e3, 3), round(own * 1e3, 3), count))

    def undelayed(self, due: float, took: float) -> None:
        """Keep the response without the fleet's share."""
        super().undelayed(due, took)
        self.responses.append(round(took * 1e3, 3))

    def sent(self, late: float, due: float = 0.0) -> None:  # noqa: ARG002 - a Recording
        """Keep how late the fleet was."""
        self.lags.append(round(late * 1e3, 3))

    def first_byte_on_wire(self, took: float, due: float = 0.0) -> None:  # noqa: ARG002 - as above
        """Keep when the first byte came."""
        self.first_bytes.append(round(took * 1e3, 3))


class Engine:
    """A client's engine, whose clock is set by hand, in milliseconds."""

    def __init__(self, client: int = 0, **fields: Any) -> None:
        plan = Plan(**{"clients": 1, "messages": (b"ab",), "reply": ReplyFormat.RAW, **fields})
        self.noted = Noting()
        self.switches: list[bool] = []
        self.talk = Conversation(plan, client, self.noted)
        self.timing = self.talk.time_wire(self.switches.append)
        self.talk.connecting(0.0)

    def connect(self, now: float = 0.0) -> bytes:
        """Connect, and send at once."""
        return self.send(self.talk.connected(now / 1e3), now)

    def send(self, message: bytes, at: float) -> bytes:
        """Have the system take a message; give it."""
        if message and self.timing.running:
            self.timing.taken(at / 1e3)
        return message

    def wake(self, now: float, sent: float | None = None) -> bytes:
        """Send what is due."""
        return self.send(self.talk.wake(now / 1e3), now if sent is None else sent)

    def hear(self, now: float, *, came: float, data: bytes = b"ab", sends: bool = True) -> bytes:
        """Read a reply that had come before; send what follows at once, unless told otherwise."""
        if self.timing.running:
            self.timing.arrived = came / 1e3
        message = self.talk.received(data, now / 1e3)
        return self.send(message, now) if sends else message


class TimesTests(unittest.TestCase):
    """The times of one message are those of the system, not of the fleet."""

    def test_a_reply_that_lay_unread(self) -> None:
        """And a message that lay unsent: both are the fleet's own."""
        engine = Engine(repeat=2)
        message = engine.talk.connected(0.0)
        engine.send(message, 3.0)
        engine.hear(20.0, came=13.0)
        engine.hear(26.0, came=25.0)
        assert engine.noted.wires == [(10.0, 10.0, 1), (5.0, 1.0, 1)]
        assert engine.noted.first_bytes == [10.0]
        assert engine.talk.messages == 2

    def test_a_reply_in_pieces_has_come_with_its_last(self) -> None:
        """The first byte came with the first."""
        engine = Engine()
        engine.connect()
        engine.hear(4.0, came=2.0, data=b"a")
        engine.hear(9.0, came=7.0, data=b"b")
        assert engine.noted.wires == [(7.0, 2.0, 1)]
        assert engine.noted.first_bytes == [2.0]

    def test_a_message_that_is_taken_in_parts_was_sent_with_the_last(self) -> None:
        """The engine says so only then, and what it sends later changes nothing."""
        engine = Engine()
        engine.talk.connected(0.0)
        engine.timing.taken(0.005)
        engine.timing.taken(0.006)
        engine.hear(9.0, came=8.0)
        assert engine.noted.wires == [(3.0, 6.0, 1)]

    def test_a_clock_that_steps_gives_no_times(self) -> None:
        """A reply from before its message, or from later than now."""
        for came in (-1.0, 9.5):
            engine = Engine(repeat=2)
            engine.connect()
            engine.hear(9.0, came=came)
            engine.hear(12.0, came=11.0)
            assert engine.noted.wires == [(2.0, 1.0, 1)]

    def test_what_the_system_does_not_tell_is_not_known(self) -> None:
        """Neither when it was sent nor when it came."""
        engine = Engine(repeat=3)
        engine.talk.connected(0.0)
        engine.hear(9.0, came=8.0)
        engine.timing.arrived = None
        engine.send(engine.talk.received(b"ab", 0.012), 12.0)
        assert engine.noted.wires == []

    def test_replies_that_came_together_are_one_sample(self) -> None:
        """Of a pipeline: only the last one's arrival is known."""
        engine = Engine(repeat=4, pipeline=4)
        engine.connect()
        engine.hear(9.0, came=5.0, data=b"ababab")
        engine.hear(12.0, came=11.0)
        assert engine.noted.wires == [(5.0, 4.0, 1)] * 3 + [(11.0, 1.0, 1)]

    def test_a_reply_to_a_message_before_the_one_that_is_timed_is_no_sample(self) -> None:
        """Client 1 of 4,000 has the third message of its first four timed."""
        engine = Engine(client=1, clients=4000, repeat=10**6, pipeline=4)
        engine.connect()
        assert (engine.timing.next, engine.timing.running) == (2, True)
        engine.hear(5.0, came=4.0)
        engine.hear(6.0, came=5.0)
        assert (engine.noted.wires, engine.noted.first_bytes) == ([], [])
        engine.hear(9.0, came=7.0)
        assert engine.noted.wires == [(7.0, 2.0, 4)]
        assert engine.switches == [True, False]

    def test_replies_in_no_time_at_all_are_timed_seldom(self) -> None:
        """A clock may stand still meanwhile."""
        engine = Engine(repeat=10**6)
        engine.connect(1.0)
        engine.hear(1.0, came=1.0)
        assert 1000 < engine.timing.next < 10_001

    def test_messages_of_the_warm_up_are_not_recorded(self) -> None:
        """Those that were due in it."""
        engine = Engine(repeat=3)
        engine.noted.measure_from(0.015)
        engine.connect()
        engine.hear(10.0, came=9.0)
        engine.hear(20.0, came=19.0)
        engine.hear(30.0, came=29.0)
        assert engine.noted.measured().timed == 1


class OpenLoadTests(unittest.TestCase):
    """Under a rate a message may wait behind others."""

    def test_the_fleet_s_own_queue_is_not_the_server_s(self) -> None:
        """Three messages, due every 10 ms and answered within 5, are sent 100 ms late."""
        engine = Engine(rate=100.0, repeat=3)
        engine.talk.connected(0.0)
        engine.talk.wake(0.1)
        engine.timing.taken(0.1)
        engine.hear(120.0, came=105.0)
        engine.hear(140.0, came=125.0)
        engine.hear(150.0, came=145.0)
        assert engine.noted.responses == [5.0, 5.0, 5.0]
        assert engine.noted.wires == [(5.0, 115.0, 1), (5.0, 125.0, 1), (5.0, 125.0, 1)]

    def test_the_server_s_queue_is_its_own(self) -> None:
        """Due every 10 ms, each is answered after 25: the third one waits for 30."""
        engine = Engine(rate=100.0, repeat=3)
        engine.connect()
        for now in (25.0, 50.0, 75.0):
            engine.hear(now, came=now)
        assert engine.noted.responses == [25.0, 40.0, 55.0]
        assert [own for _, own, _ in engine.noted.wires] == [0.0, 0.0, 0.0]

    def test_a_pipeline_has_room_when_the_oldest_reply_has_come(self) -> None:
        """Two at once, due every 10 ms, each answered after 30."""
        engine = Engine(rate=100.0, repeat=4, pipeline=2)
        engine.connect()
        engine.wake(10.0)
        for now in (30.0, 40.0, 60.0, 70.0):
            engine.hear(now, came=now)
        assert engine.noted.responses == [30.0, 30.0, 40.0, 40.0]

    def test_connecting_is_waited_for_as_long_as_the_system_waited(self) -> None:
        """Of 50 ms the other side took 20: the message was due at 0."""
        for on_wire, response in ((0.02, 25.0), (None, 55.0), (9.0, 55.0)):
            engine = Engine(rate=100.0)
            engine.send(engine.talk.connected(0.05, on_wire), 50.0)
            engine.hear(55.0, came=55.0)
            assert engine.noted.responses == [response]

    def test_lag_counts_from_when_the_reply_before_had_come(self) -> None:
        """It lay unread for 7 ms while the next message was due."""
        engine = Engine(rate=1000.0, repeat=2)
        engine.connect()
        engine.hear(12.0, came=5.0)
        assert engine.noted.lags == [0.0, 7.0]

    def test_a_client_thinks_from_when_the_reply_had_come(self) -> None:
        """The message after it is late by what the reply lay unread."""
        engine = Engine(think=0.01, repeat=2)
        engine.connect()
        engine.hear(12.0, came=5.0)
        engine.wake(16.0)
        assert engine.noted.lags == [0.0, 1.0]
        engine.hear(20.0, came=18.0)
        assert engine.noted.wires == [(5.0, 7.0, 1), (2.0, 3.0, 1)]


def followed(clients: int, **fields: Any) -> list[int]:
    """Number the clients of a plan of which all messages are timed."""
    plan = Plan(clients=clients, **fields)
    timings = [WireTiming(plan, client, Recording(), bool) for client in plan.numbers]
    return [number for number, timing in zip(plan.numbers, timings, strict=True) if timing.followed]


class ChoiceTests(unittest.TestCase):
    """Timing costs little: that is why not all messages are timed."""

    def test_all_clients_are_followed_where_that_is_little(self) -> None:
        """Few messages, a low rate, long pauses."""
        few: Sequence[dict[str, Any]] = (
            {"repeat": 1000}, {"rate": 1000.0, "duration": 60.0}, {"think": 0.01, "duration": 60.0},
        )  # fmt: skip
        for fields in few:
            assert followed(10, **fields) == list(range(10))

    def test_else_as_many_as_the_rate_permits_evenly(self) -> None:
        """At least four; a part of a run counts its own clients."""
        assert followed(50, rate=60_000.0, duration=5.0) == [0, 13, 25, 38]
        assert followed(20, rate=4000.0, duration=5.0, first=100) == [100, 104, 108, 112, 116]
        assert followed(100, think=0.025, duration=5.0) == [*range(0, 100, 4)]
        assert followed(2, repeat=6000) == []

    def test_of_others_under_a_rate_only_the_first_byte_is_timed(self) -> None:
        """They cannot tell how long their messages waited; nor are they asked for the lag."""
        engine = Engine(client=1, clients=50, rate=60_000.0, repeat=1000)
        engine.connect(1.0)
        engine.hear(2.0, came=1.5)
        engine.hear(3.0, came=2.5)
        assert engine.noted.first_bytes == [0.5]
        assert (engine.noted.wires, engine.noted.lags) == ([], [])
        assert engine.switches == [True, False]

    @law
    @given(st.integers(0, 200), st.lists(st.floats(0.05, 30), min_size=1, max_size=200))
    def test_the_engine_is_asked_for_single_messages(self, client: int, took: list[float]) -> None:
        """Whatever the pace is: from when each is handed over until its reply is whole."""
        engine = Engine(client=client, clients=1000, repeat=10**6)
        now, timed = 0.0, []
        message = engine.connect()
        for number, each in enumerate(took):
            assert message == b"ab"
            now += each
            if engine.timing.running:
                timed.append(number)
            message = engine.hear(now, came=now)
        assert engine.talk.messages == len(took)
        assert len(engine.noted.wires) in (len(timed), len(timed) - 1)
        assert engine.switches == [True, False] * len(timed) + [True] * engine.timing.running

    def test_every_message_has_the_same_chance(self) -> None:
        """So each is stood for by one on average, over all clients: from the first to the last."""
        clients = 2000
        weights = [0.0] * 30
        for client in range(clients):
            engine = Engine(client=client, clients=clients, repeat=10**6)
            engine.connect()
            for number in range(len(weights)):
                before = len(engine.noted.wires)
                engine.hear(10.0 * number + 10, came=10.0 * number + 10)
                for _, _, count in engine.noted.wires[before:]:
                    weights[number] += count / clients
        assert all(0.5 < weight < 2.0 for weight in weights), weights
        assert 0.9 < sum(weights) / len(weights) < 1.1

    def test_of_many_clients_a_thousand_time_their_first_byte(self) -> None:
        """And those whose first message was chosen for itself: only of these is more recorded."""
        seen = [Engine(client=client, clients=4000, repeat=10**6) for client in range(400)]
        for engine in seen:
            engine.connect()
            engine.hear(5.0, came=4.0)
        assert all(engine.noted.first_bytes == [4.0] for engine in seen[::4])
        assert 150 <= sum(len(engine.noted.first_bytes) for engine in seen) <= 200
        assert 80 <= sum(len(engine.noted.wires) for engine in seen) <= 120

    def test_so_many_a_second_are_timed(self) -> None:
        """Of 100 clients that have a reply each 1 ms: 1,000, or 200 where the fleet is the slow."""
        for unread, least, most in ((0.4, 900, 1300), (0.6, 180, 400)):
            counted = 0
            for client in range(100):
                engine = Engine(client=client, clients=100, repeat=10**6)
                engine.connect()
                for number in range(1000):
                    engine.hear(number + 1.0, came=number + 1.0 - unread)
                counted += len(engine.noted.wires)
            assert least < counted < most, unread

    def test_clients_are_not_timed_in_step(self) -> None:
        """The thousandth message is timed of about three clients in 200."""
        timed = 0
        for client in range(200):
            engine = Engine(client=client, clients=100, repeat=10**6)
            engine.connect()
            for number in range(1000):
                engine.hear(number + 1.0, came=number + 1.0)
            timed += engine.timing.running
        assert 1 <= timed <= 10
