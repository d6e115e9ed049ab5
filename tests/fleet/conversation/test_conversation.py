"""The conversation: driven as an engine drives it, without input or output."""

import errno
import unittest
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from math import inf
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from twistecho.base.reply_formats import PREFIX, REPLY_WRITERS, ReplyFormat, messages_of
from twistecho.fleet.conversation.conversation import Conversation
from twistecho.fleet.conversation.state import CLOSING
from twistecho.fleet.plans.arrivals import Arrivals
from twistecho.fleet.plans.default_messages import NOTEBOOK_MESSAGE
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.outcome import Cause, Outcome, Phase
from twistecho.fleet.reports.recorder import Recording

law = settings(max_examples=80, deadline=None)

CTIME = "Sat Jul 22 18:43:57 2017"
Cut = Callable[[bytes], list[bytes]]

formats = st.sampled_from(ReplyFormat)
cuts = st.lists(st.integers(0, 10**6), max_size=5)
plans = st.builds(
    Plan,
    clients=st.just(1),
    messages=st.lists(st.binary(min_size=1, max_size=2500), min_size=1, max_size=3).map(tuple),
    repeat=st.integers(1, 3),
    reply=formats,
    literal=st.just(True),  # a text like {client} would be another one, of another length
)


def answer(plan: Plan, message: bytes) -> bytes:
    """Write what a right server answers to one message."""
    write = REPLY_WRITERS[ReplyFormat(plan.reply)]
    return b"".join(write(part, CTIME) for part in messages_of(message))


def whole(data: bytes) -> list[bytes]:
    """Do not cut; of nothing there is no piece."""
    return [data] if data else []


def single_bytes(data: bytes) -> list[bytes]:
    """Cut into single bytes."""
    return [bytes([byte]) for byte in data]


def cut_at(places: Sequence[int]) -> Cut:
    """Cut at these places, taken modulo the length of what is cut."""

    def cut(data: bytes) -> list[bytes]:
        edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
        return [data[a:b] for a, b in pairwise(edges)]

    return cut


class Noting(Recording):
    """A recording that notes what it is told of replies, first bytes and lateness."""

    def __init__(self) -> None:
        super().__init__()
        self.latencies: list[float] = []
        self.services: list[float] = []
        self.lags: list[float] = []
        self.first_bytes: list[float] = []

    def reply(self, due: float, sent: float, now: float, size: int) -> None:
        """Note response and service time."""
        super().reply(due, sent, now, size)
        self.services[-1] = now - sent

    def reply_in_turn(self, due: float, now: float, size: int) -> None:
        """Note a time that is both; other replies are recorded through this, too."""
        super().reply_in_turn(due, now, size)
        self.latencies.append(now - due)
        self.services.append(now - due)

    def sent(self, late: float, due: float = 0.0) -> None:
        """Note the fleet's lateness."""
        super().sent(late, due)
        self.lags.append(late)

    def first_byte(self, took: float, due: float = 0.0) -> None:
        """Note when the first reply began to come."""
        super().first_byte(took, due)
        self.first_bytes.append(took)


class Talk:
    """An engine whose clock is set by hand; it notes all that the conversation tells it."""

    def __init__(self, plan: Plan, client: int = 0) -> None:
        self.plan = plan
        self.recording = Noting()
        self.latencies = self.recording.latencies
        self.replies: list[tuple[int, bytes]] = []
        self.sent: list[bytes] = []
        self.conversation = Conversation(
            plan,
            client,
            self.recording,
            lambda client, reply: self.replies.append((client, reply)),
        )

    @property
    def outcome(self) -> Outcome:
        """The outcome of a conversation that is over."""
        assert self.conversation.outcome is not None
        return self.conversation.outcome

    def connect(self, now: float = 0.0) -> bytes:
        """Begin and connect at once; give the first message."""
        self.conversation.connecting(now)
        message = self.conversation.connected(now)
        self.sent.append(message)
        return message

    def hear(self, data: bytes, now: float = 0.0, cut: Cut = whole) -> bytes:
        """Hand over what came back, in pieces, until it is over; give the next message."""
        message = b""
        for piece in cut(data):
            assert not message, "a message was given before its turn"
            if self.conversation.outcome is not None:
                break
            message = self.conversation.received(piece, now)
        if message:
            self.sent.append(message)
        return message

    def talk(self, cut: Cut = whole) -> Outcome:
        """Have the whole conversation with a right server, which closes at the end."""
        message = self.connect()
        while message:
            message = self.hear(answer(self.plan, message), cut=cut)
        self.conversation.closed(0.0)
        return self.outcome


class ClosedLoopTests(unittest.TestCase):
    """A client sends a message, waits for its whole reply and sends the next."""

    def test_every_message_in_turn_and_over_again(self) -> None:
        """All messages in their order, `repeat` times, and then nothing more."""
        for reply in ReplyFormat:
            talk = Talk(Plan(messages=(b"one", b"two"), repeat=2, reply=reply))
            with self.subTest(reply=reply):
                assert talk.talk().answered
                assert talk.sent == [b"one", b"two", b"one", b"two"]

    def test_nothing_is_sent_while_a_reply_is_unfinished(self) -> None:
        """Only its last byte gives the next message."""
        for reply in ReplyFormat:
            plan = Plan(messages=(b"one", b"two"), reply=reply)
            talk = Talk(plan)
            *first, last = single_bytes(answer(plan, talk.connect()))
            with self.subTest(reply=reply):
                assert [talk.conversation.received(piece, 0.0) for piece in first] == [b""] * len(
                    first
                )
                assert talk.conversation.received(last, 0.0) == b"two"

    def test_messages_are_counted_as_they_are_answered(self) -> None:
        """An engine can show how far a client has come."""
        plan = Plan(messages=(NOTEBOOK_MESSAGE,), repeat=2)
        talk = Talk(plan)
        message = talk.connect()
        assert talk.conversation.messages == 0
        talk.hear(answer(plan, message))
        assert talk.conversation.messages == 1
        talk.hear(answer(plan, message))
        assert talk.conversation.messages == 2

    def test_finished_when_the_last_reply_is_in(self) -> None:
        """It is finished between the last reply and the end, and at no other time."""
        plan = Plan(messages=(NOTEBOOK_MESSAGE,), repeat=2)
        talk = Talk(plan)
        conversation = talk.conversation
        states = [conversation.finished]
        message = talk.connect()
        states.append(conversation.finished)
        for _ in range(2):
            talk.hear(answer(plan, message))
            states.append(conversation.finished)
        conversation.closed(0.0)
        assert [*states, conversation.finished] == [False, False, False, True, False]
        assert talk.outcome.answered

    @law
    @given(plan=plans)
    def test_a_right_server_is_found_right(self, plan: Plan) -> None:
        """Every message is answered, every byte returned, every latency recorded."""
        talk = Talk(plan)
        outcome = talk.talk()
        size = sum(map(len, plan.messages)) * plan.repeat
        assert outcome.answered
        assert outcome.messages == plan.messages_per_client == len(talk.latencies)
        assert outcome.bytes_sent == outcome.bytes_returned == size == len(b"".join(talk.sent))

    @law
    @given(plan=plans, places=cuts)
    def test_any_cut_gives_the_same_outcome(self, plan: Plan, places: list[int]) -> None:
        """However TCP cuts the replies, the outcome and the replies seen are the same."""
        talks = [Talk(plan), Talk(plan)]
        assert talks[0].talk() == talks[1].talk(cut_at(places))
        assert talks[0].replies == talks[1].replies

    def test_byte_by_byte_gives_the_same_outcome(self) -> None:
        """A long message, answered by several replies, in single bytes."""
        for reply in ReplyFormat:
            plan = Plan(messages=(bytes(range(256)) * 9,), repeat=2, reply=reply)
            with self.subTest(reply=reply):
                assert Talk(plan).talk(single_bytes) == Talk(plan).talk()

    def test_a_reply_counts_once_however_it_can_be_read(self) -> None:
        """Bytes that could be one reply, and then turn out to be two, answer one message."""
        plan = Plan(messages=(PREFIX * 2,), reply=ReplyFormat.PREFIXED)
        for cut in (whole, single_bytes, cut_at([36])):
            talk = Talk(plan)
            talk.connect()
            talk.hear(PREFIX * 4, cut=cut)  # two replies, to either half of the message
            talk.conversation.closed(0.0)
            with self.subTest(cut=cut):
                assert talk.outcome.answered
                assert talk.outcome.messages == len(talk.latencies) == 1

    def test_a_reply_is_not_whole_while_a_longer_reading_goes_on(self) -> None:
        """Its bytes have all come back in a shorter reading, which what follows rules out."""
        talk = Talk(Plan(messages=(b"a" + PREFIX,), repeat=2, reply=ReplyFormat.PREFIXED))
        talk.connect()
        assert not talk.hear(PREFIX + b"a" + PREFIX + PREFIX[:2])
        assert talk.conversation.messages == 0
        assert talk.hear(PREFIX[2:])

    def test_no_more_messages_than_planned_by_the_short_way_either(self) -> None:
        """That of replies that come in one piece, where nobody watches."""
        for messages in ((b"a",), (b"a", b"b")):
            wire = Wire(Plan(messages=messages, repeat=3, reply=ReplyFormat.RAW))
            sent = [wire.sent]
            for now in range(1, 1 + len(messages) * 3):
                sent.append(wire.conversation.received(sent[-1], float(now)))
            assert sent == [*messages * 3, b""]
            assert wire.conversation.finished
            assert wire.recording.latencies == [1.0] * len(messages) * 3
            wire.conversation.closed(9.0)
            outcome = wire.outcome
            counts = {outcome.sent, outcome.messages, outcome.bytes_sent, outcome.bytes_returned}
            assert counts == {len(messages) * 3}


class ObserverTests(unittest.TestCase):
    """Who watches sees the replies."""

    def test_each_reply_is_seen_whole(self) -> None:
        """The client's number and all bytes of a reply, once a message, however they were cut."""
        plan = Plan(messages=(b"one", b"two"))
        for cut in (whole, single_bytes):
            talk = Talk(plan, client=7)
            talk.talk(cut)
            with self.subTest(cut=cut):
                assert talk.replies == [(7, answer(plan, b"one")), (7, answer(plan, b"two"))]

    def test_a_wrong_reply_is_not_shown_as_a_reply(self) -> None:
        """What failed the check answered nothing."""
        talk = Talk(Plan())
        talk.connect()
        talk.hear(b"nonsense")
        assert talk.replies == []

    def test_nobody_needs_to_watch(self) -> None:
        """Without an observer the outcome is the same."""
        plan = Plan()
        conversation = Conversation(plan, 0, Recording())
        conversation.connecting(0.0)
        message = conversation.connected(0.0)
        conversation.received(answer(plan, message), 0.0)
        conversation.closed(0.0)
        assert conversation.outcome == Talk(plan).talk()


class TimeTests(unittest.TestCase):
    """The times that an engine gives find their places."""

    def test_the_outcome_tells_when_what_happened(self) -> None:
        """Start of connecting, connection, first whole reply and end."""
        plan = Plan(messages=(NOTEBOOK_MESSAGE,), repeat=2)
        talk = Talk(plan)
        talk.conversation.connecting(1.0)
        message = talk.conversation.connected(2.0)
        first = answer(plan, message)
        talk.hear(first[:5], 3.0)
        talk.hear(first[5:], 4.0)
        talk.hear(first, 6.0)
        talk.conversation.closed(9.0)
        times = talk.outcome
        assert (times.started, times.connected, times.replied, times.ended) == (1.0, 2.0, 4.0, 9.0)

    def test_a_latency_lasts_from_the_message_to_its_whole_reply(self) -> None:
        """One for every message, from when it was handed over for sending."""
        plan = Plan(messages=(NOTEBOOK_MESSAGE,), repeat=2)
        talk = Talk(plan)
        message = talk.connect(2.0)
        talk.hear(answer(plan, message)[:5], 3.0)
        talk.hear(answer(plan, message)[5:], 4.5)
        talk.hear(answer(plan, message), 5.0)
        assert talk.latencies == [2.5, 0.5]

    def test_each_step_has_its_beginning(self) -> None:
        """Connecting, each reply and closing: an engine measures the timeout from there."""
        plan = Plan(messages=(NOTEBOOK_MESSAGE,), repeat=2)
        talk = Talk(plan)
        conversation = talk.conversation
        conversation.connecting(1.0)
        steps = [conversation.step]
        message = conversation.connected(2.0)
        steps.append(conversation.step)
        talk.hear(answer(plan, message)[:-1], 3.0)
        steps.append(conversation.step)
        talk.hear(answer(plan, message)[-1:], 4.0)
        steps.append(conversation.step)
        talk.hear(answer(plan, message), 5.0)
        steps.append(conversation.step)
        assert steps == [1.0, 2.0, 2.0, 4.0, 5.0]

    def test_what_was_not_reached_has_no_time(self) -> None:
        """A refused client was never connected, a silent server never replied."""
        refused = Talk(Plan())
        refused.conversation.connecting(1.0)
        refused.conversation.failed("refused", 2.0)
        assert (refused.outcome.connected, refused.outcome.replied) == (None, None)
        silent = Talk(Plan())
        silent.connect(1.0)
        silent.conversation.failed("timeout", 31.0)
        assert (silent.outcome.connected, silent.outcome.replied) == (1.0, None)
        assert silent.latencies == []


class CauseTests(unittest.TestCase):
    """Each way to fail has its cause."""

    def connecting(self) -> Talk:
        """Give a conversation that is connecting."""
        talk = Talk(Plan(messages=(NOTEBOOK_MESSAGE,), repeat=2))
        talk.conversation.connecting(0.0)
        return talk

    def waiting(self) -> Talk:
        """Give a conversation that waits for the second of two replies."""
        talk = self.connecting()
        talk.hear(answer(talk.plan, talk.conversation.connected(0.0)))
        return talk

    def closing(self) -> Talk:
        """Give a conversation that has all replies and waits for the other side's FIN."""
        talk = self.waiting()
        talk.hear(answer(talk.plan, talk.plan.messages_of(0)(1)))
        return talk

    def test_a_failure_is_told_with_the_phase_it_came_in(self) -> None:
        """Whatever reason an engine gives, the phase is where the conversation stands."""
        for reason in ("refused", "timeout", "reset", "unreachable"):
            for phase, talk in (
                (Phase.CONNECT, self.connecting()),
                (Phase.RECEIVE, self.waiting()),
                (Phase.CLOSE, self.closing()),
            ):
                with self.subTest(reason=reason, phase=phase):
                    talk.conversation.failed(reason, 0.0)
                    assert str(talk.outcome) == f"{phase}:{reason}"

    def test_the_counts_stay_what_they_were(self) -> None:
        """Messages answered, bytes begun to be sent and bytes returned, up to the failure."""
        counts = []
        for talk in (self.connecting(), self.waiting(), self.closing()):
            talk.conversation.failed("reset", 0.0)
            outcome = talk.outcome
            counts.append((outcome.messages, outcome.bytes_sent, outcome.bytes_returned))
        assert counts == [(0, 0, 0), (1, 44, 22), (2, 44, 44)]

    def test_an_engine_can_name_the_phase(self) -> None:
        """It knows that it was sending; the conversation does not."""
        talk = self.waiting()
        talk.conversation.failed("broken-pipe", 0.0, phase=Phase.SEND, errno=errno.EPIPE)
        assert talk.outcome.cause == Cause(Phase.SEND, "broken-pipe", errno.EPIPE)
        assert str(talk.outcome) == "send:broken-pipe"

    def test_the_system_s_number_is_kept(self) -> None:
        """Where an engine saw one."""
        talk = self.connecting()
        talk.conversation.failed("refused", 0.0, errno=errno.ECONNREFUSED)
        assert talk.outcome.cause is not None
        assert talk.outcome.cause.errno == errno.ECONNREFUSED

    def test_a_reset_while_connecting_is_one_of_a_connection_that_stood(self) -> None:
        """A refusal has a number of its own, and no connection."""
        for number, found, connected in (
            (errno.ECONNRESET, "receive:reset", 2.0),
            (errno.ECONNABORTED, "receive:reset", 2.0),
            (errno.ECONNREFUSED, "connect:refused", None),
        ):
            talk = self.connecting()
            talk.conversation.lost(number, 2.0)
            assert (str(talk.outcome), talk.outcome.connected) == (found, connected)

    def test_a_broken_pipe_is_one_while_a_message_is_sent_and_else_the_end(self) -> None:
        """A send that finds the other side gone says no more than its FIN; a reset is a reset."""
        for number, sending, cause in (
            (errno.EPIPE, True, Cause(Phase.SEND, "broken-pipe", errno.EPIPE)),
            (errno.EPIPE, False, Cause(Phase.RECEIVE, "closed", errno.EPIPE)),
            (errno.ECONNRESET, True, Cause(Phase.SEND, "reset", errno.ECONNRESET)),
            (errno.ECONNRESET, False, Cause(Phase.RECEIVE, "reset", errno.ECONNRESET)),
            (None, False, Cause(Phase.RECEIVE, "reset", None)),
        ):
            talk = self.waiting()
            talk.conversation.lost(number, 2.0, sending=sending)
            assert (repr(talk.outcome.cause), talk.outcome.connected) == (repr(cause), 0.0)
        talk = self.waiting()
        talk.conversation.closed(2.0, sending=True)
        assert repr(talk.outcome.cause) == repr(Cause(Phase.SEND, "broken-pipe", errno.EPIPE))

    def test_a_fin_while_a_reply_is_owed_is_a_failure(self) -> None:
        """Before the reply and in its midst."""
        early = self.waiting()
        early.conversation.closed(0.0)
        assert str(early.outcome) == "receive:closed"
        late = self.waiting()
        late.hear(answer(late.plan, late.plan.messages_of(0)(1))[:-1])
        late.conversation.closed(0.0)
        assert str(late.outcome) == "receive:closed"
        assert late.outcome.messages == 1

    def test_a_fin_after_the_last_reply_is_the_end(self) -> None:
        """The conversation is answered."""
        talk = self.closing()
        talk.conversation.closed(0.0)
        assert str(talk.outcome) == "answered"

    def test_a_wrong_reply_is_a_mismatch(self) -> None:
        """In every format, and nothing is sent any more."""
        for reply in ReplyFormat:
            talk = Talk(Plan(messages=(b"one", b"two"), reply=reply))
            talk.connect()
            with self.subTest(reply=reply):
                assert talk.hear(answer(talk.plan, b"ore")) == b""
                assert str(talk.outcome) == "receive:mismatch"

    def test_more_than_the_reply_is_extra(self) -> None:
        """Bytes after the last reply, with it or later, are a failure of receiving."""
        for reply in ReplyFormat:
            plan = Plan(messages=(b"one",), reply=reply)
            right = answer(plan, b"one")
            for cut in (whole, cut_at([len(right)]), single_bytes):
                talk = Talk(plan)
                talk.connect()
                talk.hear(right + b"xyz", cut=cut)
                with self.subTest(reply=reply, cut=cut):
                    assert str(talk.outcome) == "receive:extra"
                    assert not talk.conversation.finished

    def test_only_the_first_end_counts(self) -> None:
        """Whatever is reported later, the outcome and its time stay."""
        answered, refused, wrong = self.closing(), self.connecting(), self.waiting()
        answered.conversation.closed(1.0)
        refused.conversation.failed("refused", 1.0)
        wrong.hear(b"nonsense", 1.0)
        for talk in (answered, refused, wrong):
            first = talk.outcome
            talk.conversation.failed("timeout", 2.0)
            talk.conversation.closed(3.0)
            with self.subTest(outcome=str(first)):
                assert talk.outcome is first
                assert first.ended == 1.0


class DamageTests(unittest.TestCase):
    """A wrong answer to the only message, and then the server's FIN."""

    def end(self, plan: Plan, damaged: bytes, cut: Cut) -> Outcome:
        """Have the conversation and give its outcome."""
        talk = Talk(plan)
        talk.connect()
        talk.hear(damaged, cut=cut)
        talk.conversation.closed(0.0)
        return talk.outcome

    damages = st.one_of(
        st.tuples(st.just("flip"), st.integers(0, 10**6), st.integers(1, 255)),
        st.tuples(st.just("append"), st.integers(1, 20), st.integers(0, 255)),
        st.tuples(st.just("truncate"), st.integers(0, 10**6), st.just(0)),
    )

    def damage(self, right: bytes, how: tuple[str, int, int]) -> bytes:
        """Flip a byte of a right answer, append some, or cut it short."""
        kind, number, byte = how
        if kind == "append":
            return right + bytes([byte]) * number
        at = number % len(right)
        if kind == "truncate":
            return right[:at]
        return right[:at] + bytes([right[at] ^ byte]) + right[at + 1 :]

    @law
    @given(reply=formats, message=st.binary(min_size=1, max_size=30), how=damages, places=cuts)
    @example(reply=ReplyFormat.PREFIXED, message=b"xy", how=("append", 1, 122), places=[14])
    def test_any_cut_gives_the_same_cause(
        self, reply: ReplyFormat, message: bytes, how: tuple[str, int, int], places: list[int]
    ) -> None:
        """The cause depends on the bytes alone."""
        plan = Plan(messages=(message,), reply=reply)
        damaged = self.damage(answer(plan, message), how)
        expected = str(self.end(plan, damaged, whole))
        assert str(self.end(plan, damaged, cut_at(places))) == expected
        assert str(self.end(plan, damaged, single_bytes)) == expected

    @law
    @given(reply=formats, message=st.binary(min_size=1, max_size=30), how=damages, places=cuts)
    @example(reply=ReplyFormat.RAW, message=b"xy", how=("append", 1, 122), places=[2])
    @example(reply=ReplyFormat.RAW, message=b"xy", how=("flip", 1, 1), places=[1])
    @example(reply=ReplyFormat.STAMPED, message=b"x", how=("append", 1, 122), places=[40])
    def test_any_cut_gives_the_same_outcome(
        self, reply: ReplyFormat, message: bytes, how: tuple[str, int, int], places: list[int]
    ) -> None:
        """So do the counts, which two engines' reports must agree on."""
        plan = Plan(messages=(message,), reply=reply)
        damaged = self.damage(answer(plan, message), how)
        expected = self.end(plan, damaged, whole)
        assert self.end(plan, damaged, cut_at(places)) == expected
        assert self.end(plan, damaged, single_bytes) == expected


class Wire:
    """A conversation, and a server that answers what it was sent when the test says so."""

    def __init__(self, plan: Plan, client: int = 0) -> None:
        self.plan = plan
        self.recording = Noting()
        self.conversation = Conversation(plan, client, self.recording)
        self.now = 0.0
        self.sent = b""
        self.answered = 0  # bytes of them
        self.conversation.connecting(0.0)
        self.take(self.conversation.connected(0.0))

    @property
    def over(self) -> bool:
        """Whether the conversation has an outcome."""
        return self.conversation.outcome is not None

    @property
    def outcome(self) -> Outcome:
        """The outcome of a conversation that is over."""
        assert self.conversation.outcome is not None
        return self.conversation.outcome

    def take(self, data: bytes) -> bytes:
        """Send what the conversation gives; a message is never given once it is over."""
        assert not (data and self.over)
        self.sent += data
        return data

    def wait(self, seconds: float) -> None:
        """Let time pass and wake the conversation when it is due, as an engine does."""
        until = self.now + seconds
        due = self.conversation.next_due
        while due is not None and due <= until and not self.over:
            self.now = max(self.now, due)
            assert self.take(self.conversation.wake(self.now)), "woken for nothing"
            due = self.conversation.next_due
        self.now = until

    def owed(self, size: int) -> bytes:
        """Give the server's answer to the next ``size`` bytes, read by it in one piece."""
        piece = self.sent[self.answered : self.answered + size]
        self.answered += len(piece)
        return answer(self.plan, piece) if piece else b""

    def hear(self, data: bytes, cut: Cut = whole) -> None:
        """Hand over what comes back, until it is over."""
        for piece in cut(data):
            if piece and not self.over:
                self.take(self.conversation.received(piece, self.now))


class PipelineTests(unittest.TestCase):
    """Several messages unanswered at once."""

    plan = Plan(messages=(b"ab", b"cde"), repeat=3, pipeline=4, reply=ReplyFormat.RAW)

    def test_a_reply_makes_room_for_the_next_message(self) -> None:
        """The first ones go together, and never are more unanswered than the plan says."""
        wire = Wire(self.plan)
        assert wire.sent == b"abcdeabcde"
        parts = (b"a", b"b", b"c", b"deab", b"cdeabcde")
        given_by = [(wire.conversation.received(p, 0.0), wire.conversation.finished) for p in parts]
        assert given_by == [
            (b"", False), (b"ab", False), (b"", False), (b"cde", False), (b"", True)
        ]  # fmt: skip
        wire.conversation.closed(0.0)
        assert wire.outcome.answered
        assert (wire.outcome.sent, wire.outcome.messages) == (6, 6)

    def test_what_is_unsent_may_begin_inside_a_message(self) -> None:
        """Of what is in flight, one message or several, with a part of a reply or without."""
        wire = Wire(self.plan)
        assert [n for n in range(11) if wire.conversation.is_cut(n)] == [1, 2, 4, 6, 7, 9]
        wire.hear(b"abc")
        assert wire.sent == b"abcdeabcdeab"
        assert [n for n in range(13) if wire.conversation.is_cut(n)] == [1, 3, 4, 6, 8, 9]
        single = Wire(replace(self.plan, pipeline=1))
        for heard in (b"", b"a"):
            single.hear(heard)
            assert [n for n in range(3) if single.conversation.is_cut(n)] == [1]

    def test_what_the_system_has_not_taken_is_unsent(self) -> None:
        """Whole messages and bytes; one that was taken in part is not sent, but its bytes are."""
        for pending, unsent in ((0, 0), (1, 1), (3, 1), (4, 2), (8, 3), (10, 4)):
            wire = Wire(self.plan)
            wire.conversation.pending = partial(int, pending)
            wire.conversation.failed("timeout", 1.0)
            with self.subTest(pending=pending):
                assert (wire.outcome.sent, wire.outcome.unsent) == (4 - unsent, unsent)
                assert wire.outcome.failed == 4 - unsent
                assert wire.outcome.bytes_sent == wire.outcome.bytes_failed == 10 - pending
                assert wire.outcome.balance == (0, 0)

    def test_no_more_is_unsent_than_is_owed(self) -> None:
        """What encrypts adds some bytes; one message in flight counts like several."""
        for heard, pending in ((b"", 99), (b"a", 99), (b"a", 1)):
            wire = Wire(replace(self.plan, pipeline=1))
            wire.hear(b"ab")
            wire.hear(b"cde")
            wire.hear(heard)
            wire.conversation.pending = partial(int, pending)
            wire.conversation.failed("timeout", 1.0)
            taken = 2 - min(pending, 2 - len(heard))
            with self.subTest(heard=heard, pending=pending):
                assert (wire.outcome.sent, wire.outcome.unsent, wire.outcome.failed) == (2, 1, 0)
                assert wire.outcome.bytes_sent == 5 + taken
                assert wire.outcome.balance == (0, 0)

    def test_a_server_may_answer_several_messages_with_one_reply(self) -> None:
        """It cannot see where one ends that came together with the next, in any format."""
        for reply in ReplyFormat:
            wire = Wire(Plan(messages=(b"ab", b"cde"), repeat=2, pipeline=4, reply=reply))
            wire.hear(answer(wire.plan, b"abcdeabcde"))
            with self.subTest(reply=reply):
                assert wire.conversation.finished
                assert len(wire.recording.latencies) == wire.conversation.messages == 4

    def test_each_reply_has_a_time_of_its_own(self) -> None:
        """From when its message was handed over to when its last byte came."""
        wire = Wire(Plan(messages=(b"ab",), repeat=2, pipeline=2, reply=ReplyFormat.RAW))
        for now, data in ((1.0, b"a"), (2.0, b"ba"), (4.0, b"b")):
            wire.now = now
            wire.hear(data)
        assert wire.recording.latencies == [2.0, 4.0]

    def test_the_step_is_that_of_the_oldest_reply(self) -> None:
        """The timeout counts from when that one's message was handed over."""
        wire = Wire(Plan(messages=(b"ab",), repeat=3, pipeline=2, reply=ReplyFormat.RAW))
        wire.now = 1.0
        wire.hear(b"ab")
        assert wire.conversation.step == 0.0
        wire.now = 2.0
        wire.hear(b"ab")
        assert wire.conversation.step == 1.0

    @law
    @given(
        reply=formats, places=cuts, how=st.one_of(st.none(), DamageTests.damages),
        messages=st.lists(st.binary(min_size=1, max_size=30), min_size=2, max_size=4),
    )  # fmt: skip
    def test_any_cut_gives_the_same_outcome(
        self,
        reply: ReplyFormat,
        places: list[int],
        how: tuple[str, int, int] | None,
        messages: list[bytes],
    ) -> None:
        """Right or wrong: the cause and the counts depend on the bytes alone."""
        plan = Plan(messages=tuple(messages), pipeline=len(messages), reply=reply, literal=True)
        outcomes = []
        for cut in (whole, single_bytes, cut_at(places)):
            wire = Wire(plan)
            right = b"".join(answer(plan, message) for message in messages)
            wire.hear(DamageTests().damage(right, how) if how else right, cut)
            wire.conversation.closed(0.0)
            assert wire.outcome.balance == (0, 0)
            outcomes.append(replace(wire.outcome, first_byte=None, replied=None))
        assert outcomes[0] == outcomes[1] == outcomes[2]
        assert how or outcomes[0].answered


class OpenLoadTests(unittest.TestCase):
    """Messages due on a schedule."""

    plan = Plan(clients=2, messages=(b"ab",), repeat=3, rate=10, reply=ReplyFormat.RAW)

    def test_nothing_is_sent_before_it_is_due(self) -> None:
        """The conversation says when that is, and no timeout runs meanwhile."""
        wire = Wire(self.plan, client=1)
        conversation = wire.conversation
        assert (wire.sent, conversation.next_due, conversation.step) == (b"", 0.1, inf)
        assert conversation.wake(0.09) == b""
        assert conversation.wake(0.1) == b"ab"
        assert (conversation.next_due, conversation.step) == (None, 0.1)

    def test_a_late_reply_counts_against_the_messages_that_waited_for_it(self) -> None:
        """Response times are from when a message was due, service times from when it was sent."""
        wire = Wire(self.plan)
        for now in (0.5, 0.55, 0.6):  # due at 0, 0.2 and 0.4, one at a time
            wire.now = now
            wire.hear(b"ab")
        for found, expected in zip(
            wire.recording.latencies + wire.recording.services,
            [0.5, 0.35, 0.2, 0.5, 0.05, 0.05],
            strict=True,
        ):
            self.assertAlmostEqual(found, expected)

    def test_only_the_fleet_s_own_lateness_is_its_lag(self) -> None:
        """A message that waited for room was late by the server's fault."""
        wire = Wire(self.plan, client=1)
        wire.conversation.wake(0.13)
        wire.conversation.received(b"ab", 0.45)
        for found, expected in zip(wire.recording.lags, [0.03, 0.0], strict=True):
            self.assertAlmostEqual(found, expected)

    def test_what_was_due_and_never_sent_is_counted(self) -> None:
        """The server answered nothing: four more were due on the schedule."""
        plan = Plan(clients=1, messages=(b"ab",), repeat=100, rate=10, reply=ReplyFormat.RAW)
        wire = Wire(plan)
        wire.conversation.failed("timeout", 0.45)
        outcome = wire.outcome
        assert (outcome.sent, outcome.failed, outcome.unsent) == (1, 1, 4)

    def test_no_more_is_unsent_than_the_plan_has(self) -> None:
        """Three messages in all, one sent."""
        wire = Wire(self.plan)
        wire.conversation.failed("timeout", 1000.0)
        assert wire.outcome.unsent == 2


class ThinkTests(unittest.TestCase):
    """A pause between a reply and the next message."""

    def test_the_next_message_is_due_a_think_time_after_the_reply(self) -> None:
        """Meanwhile nothing times out; being late with it is the fleet's lag."""
        wire = Wire(Plan(messages=(b"ab",), repeat=2, think=0.5, reply=ReplyFormat.RAW))
        conversation = wire.conversation
        assert conversation.received(b"ab", 1.0) == b""
        assert (conversation.next_due, conversation.step) == (1.5, inf)
        assert conversation.wake(1.4) == b""
        assert conversation.wake(1.75) == b"ab"
        conversation.received(b"ab", 2.0)
        assert wire.recording.latencies == [1.0, 0.5]
        assert wire.recording.lags == [0.0, 0.25]
        assert conversation.finished


class DurationTests(unittest.TestCase):
    """Messages for so long, instead of so many."""

    def test_a_closed_load_ends_with_the_first_reply_after_its_time(self) -> None:
        """Warm-up and duration together; what is outstanding is waited for."""
        for pipeline in (1, 2):
            plan = Plan(
                messages=(b"a",), duration=1, warmup=0.5, pipeline=pipeline, reply=ReplyFormat.RAW
            )
            wire = Wire(plan)
            with self.subTest(pipeline=pipeline):
                for now in (0.7, 1.49):
                    assert wire.conversation.received(b"a", now) == b"a"
                assert wire.conversation.received(b"a" * pipeline, 1.5) == b""
                assert wire.conversation.finished

    def test_an_open_load_ends_with_its_last_message_of_that_time(self) -> None:
        """Those due at 0, 0.5 and 1.0; nobody waits for the time to be over."""
        plan = Plan(clients=1, messages=(b"a",), duration=1.2, rate=2, reply=ReplyFormat.RAW)
        wire = Wire(plan)
        for _ in range(3):
            wire.hear(wire.owed(1))
            wire.wait(0.5)
        assert wire.sent == b"aaa"
        assert wire.conversation.finished

    def test_nothing_is_sent_after_the_end_that_was_due_before(self) -> None:
        """It is unsent, whoever was waited for: the reply, or the one who wakes it."""
        plan = Plan(clients=1, messages=(b"a",), duration=1, rate=10, reply=ReplyFormat.RAW)
        late, asleep = Wire(plan), Wire(plan)
        assert late.conversation.received(b"a", 1.0) == b""
        asleep.hear(b"a")
        assert asleep.conversation.wake(1.0) == b""
        for wire in (late, asleep):
            assert wire.conversation.finished
            wire.conversation.closed(1.1)
            assert (wire.outcome.sent, wire.outcome.unsent) == (1, 9)

    def test_load_is_offered_from_the_warm_up_to_the_end(self) -> None:
        """Under a rate from its schedule on; else from when it can be."""
        plan = Plan(clients=1, messages=(b"a",), duration=1, reply=ReplyFormat.RAW)
        for fields, times in (
            ({}, (0.2, 1.0)), ({"rate": 1}, (0.0, 1.0)), ({"warmup": 0.5}, (0.5, 1.5)),
            ({"duration": None}, (0.2, 3.0)), ({"duration": None, "rate": 4}, (0.0, 0.45)),
        ):  # fmt: skip
            conversation = Conversation(replace(plan, **fields), 0, Recording())
            conversation.connecting(0.0)
            conversation.connected(0.2)
            conversation.received(b"a", 3.0)
            conversation.closed(9.0)
            with self.subTest(fields=fields):
                assert conversation.outcome is not None
                found = (conversation.outcome.offered_from, conversation.outcome.offered_until)
                assert found == times

    def test_at_the_end_nobody_waits_long_for_the_other_side_to_close(self) -> None:
        """That it had not is no failure then; without a duration it is."""
        plan = Plan(clients=1, messages=(b"a",), duration=1, timeout=30, reply=ReplyFormat.RAW)
        for fields, seconds, cause in (
            ({}, CLOSING, None), ({"timeout": 1.0}, 1.0, "close:timeout"),
            ({"duration": None}, 30.0, "close:timeout"),
        ):  # fmt: skip
            wire = Wire(replace(plan, **fields))
            assert wire.conversation.step_timeout == wire.plan.timeout
            wire.conversation.received(b"a", 2.0)
            with self.subTest(fields=fields):
                assert wire.conversation.step_timeout == seconds
                wire.conversation.failed("timeout", 2.0 + seconds)
                assert (wire.outcome.cause and str(wire.outcome.cause)) == cause

    def test_who_would_connect_after_the_end_does_not(self) -> None:
        """It is over, and nothing was wrong."""
        conversation = Conversation(Plan(duration=1, warmup=1), 0, Recording())
        conversation.connecting(2.0)
        assert conversation.outcome is not None
        assert (conversation.outcome.answered, conversation.outcome.connected) == (True, None)

    def test_a_client_of_which_nothing_is_asked_closes_at_once(self) -> None:
        """Its first message would be due after the end."""
        wire = Wire(Plan(clients=20, duration=1, rate=1), client=19)
        assert wire.conversation.finished
        wire.conversation.closed(0.5)
        assert wire.outcome.answered
        assert (wire.outcome.sent, wire.outcome.unsent) == (0, 0)


class BarrierTests(unittest.TestCase):
    """All clients connect before any begins."""

    plan = Plan(messages=(b"a",), duration=1, barrier=True, reply=ReplyFormat.RAW)

    def test_a_client_begins_when_it_is_told(self) -> None:
        """Once; nothing times out before, and what was waited is not in the times."""
        wire = Wire(self.plan)
        conversation = wire.conversation
        assert (wire.sent, conversation.next_due, conversation.step) == (b"", None, inf)
        assert conversation.begin(3.0) == b"a"
        assert conversation.begin(3.5) == b""
        assert conversation.received(b"a", 3.9) == b"a"  # the duration counts from there
        assert conversation.received(b"a", 4.1) == b""
        assert conversation.finished
        assert [round(latency, 6) for latency in wire.recording.latencies] == [0.9, 0.2]

    def test_a_schedule_begins_there_too(self) -> None:
        """The second of two clients, ten messages a second."""
        wire = Wire(replace(self.plan, clients=2, rate=10), client=1)
        assert wire.conversation.begin(3.0) == b""
        assert wire.conversation.next_due == 3.1

    def test_all_count_from_the_same_moment(self) -> None:
        """However late the engine comes to a client."""
        wire = Wire(replace(self.plan, clients=2, rate=10), client=1)
        assert wire.conversation.begin(3.05, 3.0) == b""
        assert wire.conversation.next_due == 3.1
        assert wire.conversation.wake(4.0) == b""
        wire.conversation.closed(4.5)
        assert (wire.outcome.offered_from, wire.outcome.offered_until) == (3.0, 4.0)

    def test_who_is_not_connected_has_nothing_to_begin(self) -> None:
        """Nothing is sent."""
        conversation = Conversation(self.plan, 0, Recording())
        conversation.connecting(0.0)
        assert conversation.begin(1.0) == b""
        assert conversation.connected(2.0) == b""
        assert conversation.begin(3.0) == b"a"


class ConservationTests(unittest.TestCase):
    """Whatever happens: sent = answered + failed + outstanding, in messages and in bytes."""

    ends = ("closed", "lost", "failed", "interrupted", "timeout")
    loads = st.one_of(
        st.fixed_dictionaries({"pipeline": st.integers(1, 4)}),
        st.fixed_dictionaries({"think": st.sampled_from([0.05, 0.5])}),
        st.fixed_dictionaries({
            "pipeline": st.integers(1, 4), "rate": st.sampled_from([0.5, 7.0, 100.0]),
            "arrivals": st.sampled_from(Arrivals),
        }),
    )  # fmt: skip
    sizes = st.one_of(
        st.fixed_dictionaries({"repeat": st.integers(1, 5)}),
        st.fixed_dictionaries({
            "duration": st.sampled_from([0.1, 1.0]), "warmup": st.sampled_from([0.0, 0.3]),
        }),
    )  # fmt: skip
    events = st.lists(
        st.one_of(
            st.tuples(st.just("wait"), st.integers(0, 800)),
            st.tuples(st.just("answer"), st.integers(1, 80)),
            st.tuples(st.just("part"), st.integers(1, 40)),
            st.tuples(st.just("noise"), st.integers(1, 3)),
        ),
        max_size=12,
    )

    def happen(self, wire: Wire, what: str, number: int) -> None:
        """Have an event: time passes, replies come, whole or in part, or bytes nobody asked for."""
        if what == "wait":
            wire.wait(number / 1000)
        elif what == "noise":
            wire.hear(b"?" * number)
        else:
            reply = wire.owed(number)
            wire.hear(reply[: number // 2] if what == "part" else reply)

    @settings(max_examples=200, deadline=None)
    @given(
        messages=st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=3).map(tuple),
        reply=formats, load=loads, size=sizes, events=events, end=st.sampled_from(ends),
    )  # fmt: skip
    def test_any_sequence_of_events_adds_up(  # noqa: PLR0917 - given calls it
        self,
        messages: tuple[bytes, ...],
        reply: ReplyFormat,
        load: dict[str, Any],
        size: dict[str, Any],
        events: list[tuple[str, int]],
        end: str,
    ) -> None:
        """And what is said to be sent was sent, what is said to be answered was recorded."""
        wire = Wire(Plan(clients=2, messages=messages, reply=reply, **load, **size), client=1)
        for what, number in events:
            if not wire.over:
                self.happen(wire, what, number)
        conversation = wire.conversation
        if end == "closed":
            conversation.closed(wire.now)
        elif end == "lost":
            conversation.lost(errno.ECONNRESET, wire.now)
        else:
            conversation.failed(end, wire.now)
        outcome = wire.outcome
        assert outcome.balance == (0, 0)
        assert outcome.bytes_sent == len(wire.sent)
        assert outcome.messages == len(wire.recording.latencies) == wire.recording.answered
        stopped = outcome.cause is not None and outcome.cause.reason == "interrupted"
        assert (outcome.failed if stopped else outcome.outstanding) == 0
        assert not (outcome.answered and (outcome.failed or outcome.outstanding))
        assert min(outcome.failed, outcome.outstanding, outcome.unsent, outcome.bytes_failed) >= 0

    def test_what_an_interruption_finds_unanswered_is_outstanding(self) -> None:
        """It did not fail: nobody waited long enough."""
        wire = Wire(Plan(messages=(b"abc",), repeat=5, pipeline=3, reply=ReplyFormat.RAW))
        wire.hear(b"abcab")
        wire.conversation.failed("interrupted", 1.0)
        outcome = wire.outcome
        assert (outcome.sent, outcome.messages, outcome.failed, outcome.outstanding) == (4, 1, 0, 3)
        assert (outcome.bytes_sent, outcome.bytes_returned) == (12, 5)
        assert (outcome.bytes_failed, outcome.bytes_outstanding) == (0, 7)

    def test_what_a_reset_finds_unanswered_has_failed(self) -> None:
        """Of a reply that came in part the rest."""
        wire = Wire(Plan(messages=(b"abc",), repeat=5, pipeline=3, reply=ReplyFormat.RAW))
        wire.hear(b"abcab")
        wire.conversation.lost(errno.ECONNRESET, 1.0)
        outcome = wire.outcome
        assert (outcome.failed, outcome.outstanding) == (3, 0)
        assert (outcome.bytes_failed, outcome.bytes_outstanding) == (7, 0)


class FirstByteTests(unittest.TestCase):
    """When the first reply began to come."""

    def test_it_is_told_once_in_the_outcome_and_in_the_recording(self) -> None:
        """The time of the run, and how long it was after the message."""
        wire = Wire(Plan(messages=(b"ab",), repeat=2, reply=ReplyFormat.RAW))
        for now, data in ((1.5, b"a"), (2.0, b"b"), (3.0, b"ab")):
            wire.now = now
            wire.hear(data)
        wire.conversation.closed(4.0)
        assert (wire.outcome.first_byte, wire.outcome.replied) == (1.5, 2.0)
        assert wire.recording.first_bytes == [1.5]
