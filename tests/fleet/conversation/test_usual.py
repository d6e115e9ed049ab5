"""The usual reply: right for every format, and without it all comes out the same."""

import unittest
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from twistecho.base.reply_formats import (
    MESSAGE_SIZE,
    PREFIX,
    REPLY_WRITERS,
    ReplyFormat,
    messages_of,
)
from twistecho.fleet.conversation.conversation import Conversation
from twistecho.fleet.conversation.usual import UsualReply
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.histograms import Measured
from twistecho.fleet.reports.outcome import Outcome
from twistecho.fleet.reports.recorder import Recording

FIRST, LATER = "Sat Jul 22 18:43:57 2017", "Sat Jul 22 18:43:58 2017"
formats = st.sampled_from(ReplyFormat)
law = settings(max_examples=60, deadline=None)


def replies_to(plan: Plan, message: bytes, time: str) -> bytes:
    """Write what a right service answers to one message."""
    write = REPLY_WRITERS[ReplyFormat(plan.reply)]
    return b"".join(write(part, time) for part in messages_of(message))


def talked(
    plan: Plan, replies: Sequence[Sequence[bytes]], *, heard: bool
) -> tuple[Outcome, Measured]:
    """Have a conversation, each reply in its pieces; where all is ``heard`` the reader reads all.

    Everything takes a millisecond.
    """
    recording, now = Recording(), 0.0
    client = Conversation(plan, 0, recording, (lambda *_: None) if heard else None)
    client.connecting(now)
    client.connected(now)
    for pieces in replies:
        while not client._flight.owed[0] and client.next_due is not None:
            now = max(now, client.next_due)
            client.wake(now)
        for piece in pieces:
            now += 0.001
            if client.outcome is None:
                client.received(piece, now)
    client.closed(now)
    assert client.outcome is not None
    return client.outcome, recording.measured()


class UsualReplyTests(unittest.TestCase):
    """What is compared, alone."""

    @law
    @given(formats, st.binary(min_size=1, max_size=MESSAGE_SIZE))
    def test_it_is_the_right_reply(self, reply: ReplyFormat, message: bytes) -> None:
        """With the time of the last one; without one there is none to a stamped message."""
        usual = UsualReply(reply)
        right = REPLY_WRITERS[reply](message, FIRST)
        assert usual(message) == (b"" if reply is ReplyFormat.STAMPED else right)
        usual.learn(right[-3:])  # too little to be learnt from
        usual.learn(right)
        assert usual(message) == right

    def test_there_is_none_in_pieces_or_where_no_format_is_known(self) -> None:
        """Raw replies are not cut."""
        large = b"x" * (MESSAGE_SIZE + 1)
        assert UsualReply(ReplyFormat.RAW)(large) == large
        assert UsualReply(ReplyFormat.PREFIXED)(large) == b""
        assert UsualReply(None)(b"x") == b""


class SameTests(unittest.TestCase):
    """One that is read and one that is compared find the same, of any replies."""

    @law
    @given(st.data())
    def test_whatever_comes(self, data: st.DataObject) -> None:
        """Right or not, in one piece or several, in closed and open loads."""
        rate = data.draw(st.sampled_from([None, 100.0, 2000.0]))
        messages = data.draw(
            st.lists(st.binary(min_size=1, max_size=30), min_size=1, max_size=3)
            | st.just([b"x" * 1100, PREFIX, b"y"])
        )
        plan = Plan(
            clients=1, messages=tuple(messages), repeat=3, rate=rate, literal=True,
            reply=data.draw(st.sampled_from(["auto", *ReplyFormat])),
        )  # fmt: skip
        served = plan if plan.reply != "auto" else Plan(reply=data.draw(formats))
        replies = [
            [replies_to(served, message, data.draw(st.sampled_from([FIRST, LATER])))]
            for message in messages * 3
        ]
        if data.draw(st.booleans()):
            at = data.draw(st.integers(0, len(replies) - 1))
            [whole] = replies[at]
            cut = data.draw(st.integers(1, len(whole)))
            replies[at] = [whole[:cut], whole[cut:] + data.draw(st.sampled_from([b"", b"z"]))]
            replies[at] = [piece for piece in replies[at] if piece]
        read, compared = (talked(plan, replies, heard=heard) for heard in (True, False))
        assert read[0] == compared[0]
        for time in ("latency", "service"):
            assert getattr(read[1], time) == getattr(compared[1], time)

    def test_a_time_that_is_none_is_found(self) -> None:
        """However often the right one came before."""
        plan = Plan(clients=1, messages=(b"ola",), repeat=5, reply=ReplyFormat.STAMPED)
        right = replies_to(plan, b"ola", FIRST)
        wrong = right.replace(b"Sat", b"Sun")
        outcome, _ = talked(plan, [[right], [right], [right], [wrong]], heard=False)
        assert (str(outcome), outcome.messages) == ("receive:mismatch", 3)
