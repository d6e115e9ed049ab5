"""Dialogues: protocols of the user's own, whatever way replies are cut."""

import itertools
import unittest
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twistecho.base.reply_formats import ReplyFormat
from twistecho.fleet.conversation.conversation import Conversation
from twistecho.fleet.conversation.custom_reader import (
    LONGEST_REPLY,
    BrokenDialogueError,
    DialogueReader,
)
from twistecho.fleet.conversation.expected import ExtraError, MismatchError, WireError
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.recorder import Recording

law = settings(max_examples=100, deadline=None)


class Count:
    """Sends lines with numbers, and wants the number, doubled, as a line."""

    def __init__(self, client: int = 0) -> None:
        self.client = client

    def request(self, number: int) -> bytes:
        """Give one line."""
        return b"%d\n" % number

    def reply(self, number: int, data: bytes) -> int:
        """Want one line."""
        line, end, _ = data.partition(b"\n")
        if end and line != b"%d" % (2 * number):
            raise MismatchError(line)
        return len(line) + len(end) if end else 0


class Silent(Count):
    """Has no whole reply, ever."""

    def reply(self, number: int, data: bytes) -> int:  # noqa: ARG002 - a Dialogue
        """Want more."""
        return 0


class Odd(Count):
    """Gives what it is told to, in place of sizes and messages."""

    def __init__(self, given: Any) -> None:
        super().__init__()
        self.given = given

    def request(self, number: int) -> bytes:  # noqa: ARG002 - a Dialogue
        """Give or raise it."""
        if isinstance(self.given, Exception):
            raise self.given
        return self.given  # type: ignore[no-any-return]  # on purpose

    def reply(self, number: int, data: bytes) -> int:  # noqa: ARG002 - a Dialogue
        """Give or raise it."""
        return self.request(0)  # type: ignore[return-value]  # on purpose


class ReaderTests(unittest.TestCase):
    """The reader of a dialogue, by itself."""

    def reader(self, make: Any = Count) -> DialogueReader:
        """Make a reader, and a list of what its class raised."""
        self.raised: list[Exception] = []
        return DialogueReader(make, lambda number: b"plan's %d" % number, self.raised.append)

    @law
    @given(st.data())
    def test_replies_may_be_cut_anywhere(self, data: st.DataObject) -> None:
        """All that was sent is returned, or what was right before a wrong one; never dependent."""
        wrong = data.draw(st.integers(0, 5))
        stream = b"".join(b"%d\n" % (2 * n + (n == wrong)) for n in range(5))
        cuts = data.draw(st.sets(st.integers(0, len(stream))))
        reader = self.reader()
        for number in range(5):
            reader.expect(reader.request(number))
        edges = [0, *sorted(cuts), len(stream)]
        try:
            for begin, end in itertools.pairwise(edges):
                reader.feed(stream[begin:end])
        except MismatchError:
            assert wrong < 5
        assert (reader.returned, reader.owed) == (2 * wrong, 10 - 2 * wrong)
        assert reader.whole == (wrong == 5)

    def test_what_comes_when_nothing_is_owed_is_extra(self) -> None:
        """Behind the last reply, in the same piece or in another."""
        for pieces in ([b"0\nx"], [b"0\n", b"x"]):
            reader = self.reader()
            reader.expect(reader.request(0))
            with pytest.raises(ExtraError):
                list(map(reader.feed, pieces))
            assert (reader.returned, reader.owed) == (2, 0)

    def test_a_reply_without_end_is_wrong(self) -> None:
        """The reader does not grow as long as the other side likes."""
        reader = self.reader(Silent)
        reader.expect(reader.request(0))
        reader.feed(bytes(LONGEST_REPLY))
        with pytest.raises(MismatchError):
            reader.feed(b"x")

    def test_a_dialogue_is_made_once_and_asked_only_about_what_is_owed(self) -> None:
        """Never about no bytes, and about none that nothing was sent for."""
        asked: list[tuple[int, bytes]] = []
        made: list[Count] = []

        class Asked(Count):
            def __init__(self) -> None:
                super().__init__()
                made.append(self)

            def reply(self, number: int, data: bytes) -> int:
                asked.append((number, data))
                return super().reply(number, data)

        reader = self.reader(Asked)
        for number in range(2):
            reader.expect(reader.request(number))
        reader.feed(b"0\n")
        with pytest.raises(ExtraError):
            reader.feed(b"2\n4\n")
        assert asked == [(0, b"0\n"), (1, b"2\n4\n")]
        assert len(made) == 1

    def test_the_plans_messages_are_sent_where_there_are_no_requests(self) -> None:
        """A class that only reads replies."""

        class ReadsOnly:
            def reply(self, number: int, data: bytes) -> int:  # noqa: ARG002 - a Dialogue
                return len(data)

        assert self.reader(ReadsOnly).request(3) == b"plan's 3"

    def test_what_else_a_class_raises_or_gives_is_its_own_mistake(self) -> None:
        """Of the reason protocol-error, and told of; a WireError without a reason likewise."""
        for given_ in (KeyError("x"), WireError("x"), -1, 99, "x", b"", None):
            for call in (lambda r: r.request(0), lambda r: r.feed(b"abc")):
                reader = self.reader(lambda: Odd(given_))  # noqa: B023 - called at once
                reader.expect(b"message")
                with pytest.raises(BrokenDialogueError) as raised:
                    call(reader)
                assert raised.value.reason == "protocol-error"
                assert len(self.raised) == 1
                assert reader.owed == 7


class ConversationTests(unittest.TestCase):
    """Conversations that speak it."""

    def talk(self, make: Any = Count, **fields: Any) -> Conversation:
        """Make a conversation that is about to connect."""
        plan = Plan(timeout=5, **fields)
        reader = DialogueReader(make, plan.messages_of(0), lambda _: None)
        talk = Conversation(plan, 0, Recording(0), reader=reader)
        talk.connecting(0)
        return talk

    def test_every_message_is_its_dialogues(self) -> None:
        """In turn, and several at once where there is a pipeline; all adds up.

        The plan's format is that of no reply.
        """
        talk = self.talk(repeat=3, reply=ReplyFormat.RAW)
        assert talk.connected(0) == b"0\n"
        assert talk.received(b"0\n", 1) == b"1\n"
        assert talk.received(b"2", 2) == b""
        assert talk.received(b"\n", 2) == b"2\n"
        talk = self.talk(repeat=3, pipeline=2)
        assert talk.connected(0) == b"0\n1\n"
        assert talk.received(b"0\n2\n", 1) == b"2\n"
        assert talk.received(b"4\n", 2) == b""
        talk.closed(3)
        assert talk.outcome is not None
        assert (talk.outcome.cause, talk.outcome.messages) == (None, 3)
        assert talk.outcome.balance == (0, 0)

    def test_a_wrong_one_adds_up_too(self) -> None:
        """What was answered, and what went down with the conversation."""
        talk = self.talk(repeat=3, pipeline=3)
        talk.connected(0)
        talk.received(b"0\n2\n5\n", 1)
        assert talk.outcome is not None
        assert str(talk.outcome) == "receive:mismatch"
        assert (talk.outcome.messages, talk.outcome.failed) == (2, 1)
        assert talk.outcome.balance == (0, 0)

    def test_an_echo_is_as_wrong_as_anything_else(self) -> None:
        """Where the dialogue wants something else, whatever the plan's format would say."""
        talk = self.talk(repeat=3, reply=ReplyFormat.RAW)
        talk.connected(0)
        assert talk.received(b"0\n", 1) == b"1\n"
        assert talk.received(b"1\n", 2) == b""
        assert str(talk.outcome) == "receive:mismatch"

    def test_a_request_that_cannot_be_had_ends_the_conversation(self) -> None:
        """Before the first message and after it."""
        talk = self.talk(lambda: Odd(KeyError("x")))
        assert talk.connected(0) == b""
        assert str(talk.outcome) == "receive:protocol-error"
        assert talk.outcome is not None
        assert talk.outcome.balance == (0, 0)
