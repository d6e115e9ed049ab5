"""One client of a load in stages: what it sends until when, and what it records of each stage."""

import unittest
from math import inf

from twistecho.base.reply_formats import ReplyFormat
from twistecho.fleet.conversation.conversation import Conversation
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.by_stage import StageFound
from twistecho.fleet.reports.histograms import Latencies
from twistecho.fleet.reports.outcome import Outcome
from twistecho.fleet.reports.staged_recorder import recording_for


class Talk:
    """A conversation of raw replies, whose clock is set by hand."""

    def __init__(self, client: int = 0, **fields: str | float) -> None:
        self.plan = Plan(reply=ReplyFormat.RAW, messages=(b"ola",), **fields)  # type: ignore[arg-type]  # of several types
        self.recording = recording_for(self.plan)
        self.conversation = Conversation(self.plan, client, self.recording)
        self.sent = 0

    def connect(self, now: float) -> None:
        """Connect at once."""
        self.conversation.connecting(now)
        if self.conversation.outcome is None:
            self.take(self.conversation.connected(now))

    def take(self, data: bytes) -> None:
        """Count the messages that are to be sent."""
        self.sent += len(data) // 3

    def hear(self, now: float) -> None:
        """Have a reply come back."""
        self.take(self.conversation.received(b"ola", now))

    def wake(self, now: float) -> None:
        """Wake it at a time."""
        self.take(self.conversation.wake(now))

    @property
    def outcome(self) -> Outcome:
        """What became of it."""
        assert self.conversation.outcome is not None
        return self.conversation.outcome

    @property
    def stages(self) -> tuple[StageFound, ...]:
        """What was found of the stages."""
        return self.recording.stages()


class LeavingTests(unittest.TestCase):
    """Clients of a closed load that come and go."""

    def test_a_client_that_leaves_still_gets_its_pending_reply(self) -> None:
        """It sends nothing more, and closes once the reply is there."""
        talk = Talk(clients="2..0:2s,0:9s")
        talk.connect(0.0)
        talk.hear(0.4)
        assert (talk.sent, talk.conversation.finished) == (2, False)
        talk.hear(0.9)  # its time was over at 0.5
        assert (talk.sent, talk.conversation.finished) == (2, True)
        talk.conversation.closed(0.95)
        assert talk.outcome.answered
        assert (talk.outcome.offered_from, talk.outcome.offered_until) == (0.0, 0.5)
        assert [stage.answered for stage in talk.stages] == [2, 0]
        assert talk.stages[0].client_seconds == 0.5

    def test_the_others_go_on(self) -> None:
        """Until it is their turn."""
        talk = Talk(1, clients="2..0:2s,0:9s")
        talk.connect(0.0)
        for now in (0.4, 0.9, 1.4, 1.6):
            talk.hear(now)
        assert (talk.sent, talk.conversation.finished) == (4, True)

    def test_one_that_comes_too_late_does_not_connect(self) -> None:
        """Its time was over before it had its turn."""
        talk = Talk(clients="1:1s,0:9s")
        talk.connect(1.0)
        assert talk.outcome.answered
        assert talk.outcome.connected is None

    def test_what_it_never_got_back_is_of_the_stage_in_which_it_was_sent(self) -> None:
        """So is the failure, whenever it was noticed."""
        talk = Talk(clients="1:1s,1:1s")
        talk.connect(0.0)
        talk.hear(0.9)
        talk.conversation.failed("timeout", 31.0)
        assert [stage.failed for stage in talk.stages] == [1, 0]
        assert dict(talk.stages[0].failures) == {"receive:timeout": 1}


class RateTests(unittest.TestCase):
    """Clients of a rate in stages."""

    def test_messages_are_sent_when_the_stages_say(self) -> None:
        """And no more than that; then it closes."""
        talk = Talk(clients=1, rate="2:1s,0:1s,4:1s", pipeline=99)
        talk.connect(0.0)
        due = []
        while talk.conversation.next_due is not None:
            due.append(talk.conversation.next_due)
            talk.wake(due[-1])
        assert due == [0.5, 2.0, 2.25, 2.5, 2.75]
        assert talk.sent == 6
        talk.take(talk.conversation.received(b"ola" * 6, 2.8))
        assert talk.conversation.finished
        assert [stage.answered for stage in talk.stages] == [2, 0, 4]

    def test_what_waited_beyond_its_stage_is_late(self) -> None:
        """And what was not sent by the end is unsent, each in the stage in which it was due."""
        talk = Talk(clients=1, rate="2:1s,2:1s,2:1s")
        talk.connect(0.0)
        talk.hear(1.2)  # the message that was due at 0.5 goes now
        talk.hear(2.1)  # and the one of 1.0 goes now
        talk.hear(9.0)
        talk.conversation.closed(9.0)
        assert talk.outcome.unsent == 3
        assert [stage.late for stage in talk.stages] == [1, 1, 0]
        assert [stage.unsent for stage in talk.stages] == [0, 1, 2]
        assert [stage.answered for stage in talk.stages] == [2, 1, 0]

    def test_a_first_byte_is_of_the_first_message_s_stage(self) -> None:
        """Not of that in which it came, or was handed over; with the wire's time likewise."""
        talk = Talk(clients=1, rate="1:1s,1:1s")
        timing = talk.conversation.time_wire(lambda on: None)
        talk.connect(1.2)
        timing.taken(1.2)
        timing.arrived = 1.5
        talk.hear(1.6)
        for name, took in (("first_byte", 0.4), ("first_byte_wire", 0.3)):
            first, second = (Latencies(getattr(stage.measured, name)) for stage in talk.stages)
            assert (first.count, second.count) == (1, 0)
            summary = first.summary()
            assert summary is not None
            assert abs(summary.max - took) < 0.001

    def test_messages_that_the_system_has_not_taken_are_unsent(self) -> None:
        """They are not among those that failed."""
        talk = Talk(clients=1, rate="4:1s", pipeline=9)
        talk.conversation.pending = lambda: 6
        talk.connect(0.0)
        talk.wake(0.6)
        talk.conversation.lost(None, 0.7)
        assert talk.sent == 3
        [stage] = talk.stages
        assert (stage.failed, stage.unsent) == (1, 2)
        assert (talk.outcome.failed, talk.outcome.unsent) == (1, 2)

    def test_an_interruption_leaves_nothing_unsent(self) -> None:
        """What would have been sent is nobody's failure."""
        talk = Talk(clients=1, rate="10:1s")
        talk.connect(0.0)
        talk.conversation.failed("interrupted", 0.55)
        [stage] = talk.stages
        assert (stage.outstanding, stage.failed, stage.unsent) == (1, 0, 0)

    def test_a_barrier_is_where_they_begin(self) -> None:
        """Warm-up and stages count from it."""
        talk = Talk(clients=1, rate="2:1s", warmup=0.5, barrier=True, pipeline=9)
        talk.connect(0.0)
        assert talk.conversation.step == inf
        talk.recording.measure_from(5.5)
        talk.take(talk.conversation.begin(5.0))
        talk.wake(6.2)
        talk.take(talk.conversation.received(b"ola" * 3, 6.3))
        assert talk.sent == 3  # at 5.0, 5.5 and 6.0
        assert talk.stages[0].answered == 2
