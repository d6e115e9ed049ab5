"""A conversation over one connection after the other: when one ends, and what goes on over it."""

import errno
import unittest
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import MORE
from twistecho.base.reply_formats import PREFIX, REPLY_WRITERS, ReplyFormat, messages_of
from twistecho.fleet.conversation.conversation import Conversation
from twistecho.fleet.conversation.custom_reader import DialogueReader
from twistecho.fleet.conversation.expected import ExtraError, MismatchError
from twistecho.fleet.conversation.in_flight import reader_for
from twistecho.fleet.conversation.prefixed import PrefixedReader
from twistecho.fleet.conversation.state import CLOSING
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.histograms import Latencies, Measured
from twistecho.fleet.reports.outcome import Outcome
from twistecho.fleet.reports.recorder import Recording
from twistecho.fleet.reports.report import make_report
from twistecho.fleet.reports.verdict import invalid

CTIME = "Sat Jul 22 18:43:57 2017"
RAW = ReplyFormat.RAW
law = settings(max_examples=60 * MORE, deadline=None)


class Server:
    """An engine and a server in one: each connection is a list of the messages that came over it.

    Connecting takes a second, closing two, and a reply half a one.
    """

    def __init__(self, plan: Plan, client: int = 0, reader: Any = None) -> None:
        self.plan = plan
        self.recording = Recording(plan.warmup)
        self.talk = Conversation(plan, client, self.recording, reader=reader)
        self.connections: list[list[bytes]] = []
        self.now = 0.0
        self.sent: list[bytes] = []  # and not answered

    @property
    def outcome(self) -> Outcome:
        """The outcome of a conversation that is over."""
        assert self.talk.outcome is not None
        return self.talk.outcome

    @property
    def measured(self) -> Measured:
        """What was recorded."""
        return self.recording.measured()

    def connect(self) -> None:
        """Connect, for the first time or anew."""
        self.talk.connecting(self.now)
        assert not self.talk.over
        self.now += 1.0
        self.connections.append([])
        self.take(self.talk.connected(self.now))

    def take(self, data: bytes) -> None:
        """Take what is sent: every message of these tests ends with a point."""
        messages = [part + b"." for part in data.split(b".")[:-1]]
        self.connections[-1] += messages
        self.sent += messages

    def answer(self) -> None:
        """Answer the oldest message."""
        self.now += 0.5
        write = REPLY_WRITERS[ReplyFormat(self.plan.reply)]
        reply = b"".join(write(part, CTIME) for part in messages_of(self.sent.pop(0)))
        self.take(self.talk.received(reply, self.now))

    def go_on(self) -> Iterator[str]:
        """Do what is to be done until the conversation is over; say each time what it was."""
        while not self.talk.over or self.talk.reconnects:
            if self.talk.reconnects or not self.connections:
                self.connect()
                yield "connected"
            elif self.talk.finished:
                self.now += 2.0
                self.talk.closed(self.now)
                yield "closed"
            elif self.sent:
                self.answer()
                yield "answered"
            else:
                assert self.talk.next_due is not None, "nothing is waited for"
                self.now = max(self.now, self.talk.next_due)
                self.take(self.talk.wake(self.now))
                yield "woken"

    def run(self) -> Outcome:
        """Have the whole conversation."""
        for _ in self.go_on():
            pass
        return self.outcome


def plan_of(**fields: Any) -> Plan:
    """Make a plan of one client."""
    return Plan(**{"clients": 1, "messages": (b"{client}:{message}.",), "reply": RAW, **fields})


class CarriedTests(unittest.TestCase):
    """Each connection carries so many messages, and is closed when all are answered."""

    def test_messages_go_on_over_connections(self) -> None:
        """Their numbers too, so that no reply passes for another connection's."""
        server = Server(plan_of(repeat=5, reconnect=2), client=3)
        assert server.run().answered
        assert server.connections == [[b"3:0.", b"3:1."], [b"3:2.", b"3:3."], [b"3:4."]]
        assert (server.outcome.connects, server.outcome.messages) == (3, 5)

    def test_a_connection_for_each(self) -> None:
        """And none that carries nothing, before, between or after."""
        server = Server(plan_of(repeat=3, reconnect=1))
        assert list(server.go_on()) == ["connected", "answered", "closed"] * 3

    def test_the_last_connection_may_be_full(self) -> None:
        """No other one follows; nor does one where the first is never full."""
        for reconnect, connects in ((2, 2), (4, 1), (9, 1)):
            server = Server(plan_of(repeat=4, reconnect=reconnect))
            assert server.run().answered
            assert server.outcome.connects == connects

    def test_what_is_in_flight_is_answered_first(self) -> None:
        """With a pipeline, that does not go beyond what the connection carries."""
        server = Server(plan_of(repeat=8, reconnect=5, pipeline=3))
        server.connect()
        assert len(server.sent) == 3
        for left in (3, 3, 2, 1):
            server.answer()
            assert (len(server.sent), server.talk.finished) == (left, False)
        server.answer()
        assert (server.sent, server.talk.finished) == ([], True)
        assert server.run().answered
        assert [len(each) for each in server.connections] == [5, 3]

    @law
    @given(st.data())
    def test_any_plan_is_carried_out(self, data: st.DataObject) -> None:
        """In every format, with any load: the messages, and the books, of the kept connection."""
        pipeline = data.draw(st.integers(1, 4))
        rate = data.draw(st.sampled_from([None, 0.5, 20.0]))
        plan = plan_of(
            messages=tuple(data.draw(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=3))),
            repeat=data.draw(st.integers(1, 4)),
            reply=data.draw(st.sampled_from(ReplyFormat)),
            reconnect=data.draw(st.integers(pipeline, 6)),
            pipeline=pipeline,
            rate=rate,
            think=0.0 if rate or pipeline > 1 else data.draw(st.sampled_from([0.0, 0.75])),
            warmup=data.draw(st.sampled_from([0.0, 5.0])),
        )
        server, kept = Server(plan), Server(replace(plan, reconnect=None))
        found, other = server.run(), kept.run()
        assert [*chain(*server.connections)] == [*chain(*kept.connections)]
        assert plan.reconnect is not None
        assert {len(each) for each in server.connections[:-1]} <= {plan.reconnect}
        assert 0 < len(server.connections[-1]) <= plan.reconnect
        assert (found.messages, found.bytes_returned) == (other.messages, other.bytes_returned)
        report = make_report("threads", "x:1", plan, [found], server.measured)
        assert invalid(replace(report, plan=replace(plan, rate=None))) == ()


TEXTS = [b"a.", b"{message}.", PREFIX + b".", b"x" * 1500 + b"."]


class FailingTests(unittest.TestCase):
    """What goes wrong is this client's failure, as it is with one connection."""

    def begun(self, **fields: Any) -> Server:
        """Give a server whose client has had its first connection, and is to make the next one."""
        server = Server(plan_of(repeat=4, reconnect=2, **fields))
        for what in server.go_on():
            if what == "closed":
                break
        assert server.talk.reconnects
        return server

    def test_nobody_listens_any_more(self) -> None:
        """It failed in connecting; what was answered counts."""
        server = self.begun()
        server.talk.connecting(server.now)
        server.talk.lost(errno.ECONNREFUSED, server.now)
        assert (str(server.outcome), server.outcome.connects) == ("connect:refused", 1)
        assert (server.outcome.messages, server.outcome.balance) == (2, (0, 0))

    def test_each_connecting_has_the_timeout(self) -> None:
        """Counted from its own beginning, and so has the closing before it."""
        server = Server(plan_of(repeat=4, reconnect=2, timeout=5, duration=None))
        server.connect()
        server.answer()
        server.answer()
        assert (server.talk.step, server.talk.step_timeout) == (server.now, 5)
        server.talk.closed(server.now + 4)
        server.talk.connecting(server.now + 4)
        assert (server.talk.step, server.talk.step_timeout) == (server.now + 4, 5)

    def test_a_server_that_does_not_close(self) -> None:
        """Fails its client where another connection would follow, within a duration too."""
        for fields in ({"repeat": 4}, {"duration": 100.0}):
            server = Server(plan_of(reconnect=2, timeout=9, **fields))
            server.connect()
            server.answer()
            server.answer()
            assert server.talk.step_timeout == 9
            server.talk.failed("timeout", server.now + 9)
            assert str(server.outcome) == "close:timeout"

    def test_too_much_on_the_old_connection(self) -> None:
        """Is noticed before the next one is made."""
        server = Server(plan_of(repeat=4, reconnect=1))
        server.connect()
        server.answer()
        assert server.talk.received(b"0", server.now) == b""
        assert str(server.outcome) == "receive:extra"

    def test_a_reply_of_the_old_connection_on_the_new_one(self) -> None:
        """Is wrong."""
        server = self.begun()
        server.connect()
        server.talk.received(b"0:1.", server.now)
        assert str(server.outcome) == "receive:mismatch"

    def test_a_server_that_closes_early(self) -> None:
        """Before all that the connection was to carry is answered: as without another one."""
        server = Server(plan_of(repeat=4, reconnect=2))
        server.connect()
        server.answer()
        server.talk.closed(server.now)
        assert str(server.outcome) == "receive:closed"

    def test_who_is_ended_between_two_connections(self) -> None:
        """Is interrupted while it connects, and has no connection then."""
        server = self.begun()
        assert server.recording.connections == 0
        server.talk.failed("interrupted", server.now)
        assert str(server.outcome) == "connect:interrupted"
        assert server.outcome.balance == (0, 0)


class ReadingTests(unittest.TestCase):
    """Replies are read anew with each connection."""

    def test_what_could_be_read_otherwise_is_settled(self) -> None:
        """A whole reply that may have been two, the second one unfinished, was one after all."""
        wrong = PREFIX[:3] + PREFIX + PREFIX[3:] + b"b"
        for anew in (False, True):
            reader = PrefixedReader()
            reader.expect(b"a" + PREFIX)
            reader.feed(PREFIX + b"a" + PREFIX)
            if anew:
                reader.begin_connection()
            assert (reader.whole, reader.owed, reader.returned) == (True, 0, len(PREFIX) + 1)
            reader.expect(b"b")
            if anew:
                self.assertRaises(MismatchError, reader.feed, wrong)
            else:
                reader.feed(wrong)
                assert reader.whole

    def test_bytes_that_nobody_asked_for_on_a_new_connection(self) -> None:
        """In every format."""
        for reply in ReplyFormat:
            reader = reader_for(reply)
            reader.begin_connection()
            self.assertRaises(ExtraError, reader.feed, b"a")

    def test_a_dialogue_goes_on(self) -> None:
        """One object of the user's for all connections of a client, and one count of messages."""
        asked: list[int] = []

        class Dialogue:
            def request(self, number: int) -> bytes:
                return b"%d." % number

            def reply(self, number: int, data: bytes) -> int:
                asked.append(number)
                return len(data)

        plan = plan_of(repeat=3, reconnect=1)
        reader = DialogueReader(Dialogue, plan.messages_of(0), lambda error: None)
        server = Server(plan, reader=reader)
        assert server.run().answered
        assert (server.connections, asked) == ([[b"0."], [b"1."], [b"2."]], [0, 1, 2])


class TimeTests(unittest.TestCase):
    """Connecting has figures of its own; under a rate, messages wait for it all the same."""

    def latencies(self, text: str) -> list[float]:
        """Give the least and the greatest of a histogram."""
        found = Latencies(text).summary()
        return [] if found is None else [round(found.min, 1), round(found.max, 1)]

    def test_in_a_closed_load_it_is_in_no_response(self) -> None:
        """A message is due once its connection stands, or later, when its client has thought."""
        for think in (0.0, 1.0, 10.0):
            server = Server(plan_of(repeat=4, reconnect=2, think=think))
            server.run()
            assert self.latencies(server.measured.latency) == [0.5, 0.5]
            assert self.latencies(server.measured.connect) == [1.0, 1.0]

    def test_a_pause_is_as_long_as_asked_or_as_the_connecting(self) -> None:
        """From one reply to the next message, whichever is longer."""
        for think, pause in ((1.0, 3.0), (10.0, 10.0)):
            server = Server(plan_of(repeat=2, reconnect=1, think=think))
            server.connect()
            server.answer()
            replied = server.now
            while len(server.connections) < 2 or not server.connections[1]:
                next(server.go_on())
            assert server.now - replied == pause

    def test_in_an_open_load_a_message_waits_for_it(self) -> None:
        """From when it was due; the fleet is not late with it, and its service time is its own."""
        server = Server(plan_of(repeat=3, reconnect=1, rate=10.0))
        server.run()
        # Due at 0, 0.1 and 0.2; answered at 1.5, 5 and 8.5.
        assert self.latencies(server.measured.latency) == [1.5, 8.3]
        assert self.latencies(server.measured.service) == [0.5, 0.5]
        assert self.latencies(server.measured.lag) == [0.0, 0.0]

    def test_connections_of_the_warm_up_are_only_counted(self) -> None:
        """And those from before a barrier."""
        server = Server(plan_of(repeat=3, reconnect=1, warmup=4.0))
        server.run()
        assert (server.measured.early_connects, Latencies(server.measured.connect).count) == (2, 1)
        server = Server(plan_of(repeat=2, reconnect=1, barrier=True))
        server.connect()
        assert server.sent == []
        server.take(server.talk.begin(server.now))
        server.run()
        assert (server.measured.early_connects, Latencies(server.measured.connect).count) == (1, 1)
        assert server.outcome.connects == 2

    def test_a_duration_s_end_is_not_followed_by_a_connection(self) -> None:
        """Nor what is due after it; the last closing has its own short time."""
        server = Server(plan_of(reconnect=1, rate=0.2, duration=5.5))
        steps = []
        for what in server.go_on():
            steps.append(what)
            if server.talk.finished:
                expected = CLOSING if len(server.connections) == 2 else 30.0
                assert server.talk.step_timeout == expected
        assert steps == ["connected", "answered", "closed", "connected", "woken", "answered",
                         "closed"]  # fmt: skip
        assert (server.outcome.connects, server.outcome.unsent) == (2, 0)
        assert server.outcome.offered_until == 5.5

    def test_the_end_may_come_while_a_connection_is_made(self) -> None:
        """What was due and not sent is unsent; the client has not failed."""
        server = Server(plan_of(reconnect=1, rate=1.0, duration=4.0))
        assert server.run().answered
        assert (server.outcome.messages, server.outcome.unsent) == (1, 3)

    def test_times_of_the_outcome_are_the_first_connection_s(self) -> None:
        """But for its end."""
        server = Server(plan_of(repeat=2, reconnect=1))
        found = server.run()
        assert (found.started, found.connected, found.replied, found.ended) == (0.0, 1.0, 1.5, 7.0)


class WireTests(unittest.TestCase):
    """The fleet's own share is told apart over connections, too."""

    def run_timed(self, **fields: Any) -> Server:
        """Run with a system that takes messages at once, and replies 0.1 s before it is read from.

        It says that connecting took 0.25 s of the second that it seems to take.
        """
        server = Server(plan_of(**fields))
        switches: list[list[bool]] = []
        while not server.talk.over or server.talk.reconnects:
            if server.talk.reconnects or not switches:
                switches.append([])
                timing = server.talk.time_wire(switches[-1].append)
                server.talk.connecting(server.now)
                server.now += 1.0
                server.connections.append([])
                server.take(server.talk.connected(server.now, 0.25))
            elif server.talk.finished:
                server.now += 2.0
                server.talk.closed(server.now)
                continue
            elif server.sent:
                timing.arrived = server.now + 0.4 if timing.running else None
                server.answer()
            else:
                server.now = max(server.now, server.talk.next_due or 0.0)
                server.take(server.talk.wake(server.now))
            if server.sent and timing.running:
                timing.taken(server.now)
        # Each socket is told to stamp what comes, once.
        assert switches == [[True]] * len(server.connections)
        return server

    def test_every_message_of_a_small_run_is_timed(self) -> None:
        """Whatever connection it went over, and connecting as the system has it."""
        server = self.run_timed(repeat=5, reconnect=2)
        measured = server.measured
        assert (measured.timed, Latencies(measured.wire).count) == (5, 5)
        wire = Latencies(measured.wire).summary()
        assert wire is not None
        assert (round(wire.min, 1), round(wire.max, 1)) == (0.4, 0.4)
        connect = Latencies(measured.connect_wire).summary()
        assert connect is not None
        assert (connect.count, round(connect.min, 2), round(connect.max, 2)) == (3, 0.25, 0.25)

    def test_the_fleet_is_late_that_does_not_see_the_connection(self) -> None:
        """Of the second that connecting seems to take three quarters are its own, under a rate."""
        server = self.run_timed(repeat=2, reconnect=1, rate=10.0)
        lag = Latencies(server.measured.lag).summary()
        assert lag is not None
        assert round(lag.max, 2) == 0.75

    def test_a_response_without_the_fleet_s_share_has_the_connecting_in_it(self) -> None:
        """What the other side took of it, and the closing before."""
        server = self.run_timed(repeat=2, reconnect=1, rate=10.0)
        # The first is due at 0, and would be answered at 0.25 + 0.4; the second is due at 0.1, and
        # after two seconds of closing and 0.25 of connecting would be at 0.65 + 2.25 + 0.4.
        found = Latencies(server.measured.undelayed).summary()
        assert found is not None
        assert (round(found.min, 2), round(found.max, 2)) == (0.65, 3.2)
