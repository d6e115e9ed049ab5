"""Finding the format of replies: by the bytes alone, whatever was sent, however they were cut."""

import unittest
from collections.abc import Sequence

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.fleet.conversation.test_expected import (
    CTIME,
    Talk,
    bytes_of,
    cuts,
    damaged_talks,
    fed,
    pieces_of,
    plain,
    talks,
    tricky,
)
from twistecho.base.notation import FieldError
from twistecho.base.reply_formats import (
    MESSAGE_SIZE,
    PREFIX,
    REPLY_WRITERS,
    STAMPED_HEAD,
    ReplyFormat,
    messages_of,
)
from twistecho.fleet.conversation.auto import AutoReader
from twistecho.fleet.conversation.conversation import Conversation
from twistecho.fleet.conversation.custom_protocol import readers_of
from twistecho.fleet.conversation.expected import ReplyReader
from twistecho.fleet.conversation.in_flight import reader_for
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.outcome import Outcome
from twistecho.fleet.reports.recorder import Recording

law = settings(max_examples=150, deadline=None)
RAW, PREFIXED, STAMPED = ReplyFormat.RAW, ReplyFormat.PREFIXED, ReplyFormat.STAMPED

# What begins as replies of other formats do, or is nothing else.
confusing = st.sampled_from([
    b"R", b"Resposta ", PREFIX, PREFIX * 3, STAMPED_HEAD, STAMPED_HEAD + b"b'", b"Resposta =x",
    STAMPED_HEAD + b'b"', b"Resposta eco => b'R' as " + CTIME.encode(),
])  # fmt: skip
messages = st.lists(confusing | plain | tricky, min_size=1, max_size=4)


class Following:
    """Whoever has an `AutoReader`: reads by it, and by the one that takes over once it does."""

    def __init__(self, sent: Sequence[bytes]) -> None:
        self.auto = AutoReader(self._take_over)
        self.reader: ReplyReader = self.auto
        self.took_over: list[ReplyFormat] = []
        for message in sent:
            self.auto.expect(message)

    def _take_over(self, found: ReplyFormat, reader: ReplyReader) -> None:
        self.took_over.append(found)
        self.reader = reader

    def begin_connection(self) -> None:
        """Go on over another connection."""
        self.reader.begin_connection()

    @property
    def whole(self) -> bool:
        """Whether all has come."""
        return self.reader.whole

    @property
    def returned(self) -> int:
        """How many bytes have come back right."""
        return self.reader.returned

    @property
    def owed(self) -> int:
        """How many have not."""
        return self.reader.owed

    def expect(self, message: bytes) -> None:
        """Add a message."""
        self.reader.expect(message)

    def feed(self, data: bytes) -> None:
        """Take what came."""
        self.reader.feed(data)


class LawTests(unittest.TestCase):
    """What holds for any message, any format and any cut."""

    @law
    @given(talk=talks(confusing | plain | tricky), places=cuts)
    @example(Talk(RAW, [b"Resposta eco => b'"], [b"Resposta eco => b'"]), [])
    @example(Talk(PREFIXED, [PREFIX], [PREFIX * 2]), [12])
    @example(Talk(PREFIXED, [b"R"], [b"Resposta => R"]), [1])
    def test_right_replies_tell_their_format(self, talk: Talk, places: list[int]) -> None:
        """In any pieces; all of them is right, and every byte is counted once."""
        for pieces in ([talk.stream], pieces_of(talk.stream, places), bytes_of(talk.stream)):
            reader = Following(talk.messages)
            assert fed(reader, pieces) == "whole"
            assert reader.auto.found is talk.reply
            assert (reader.returned, reader.owed) == (len(talk.sent), 0)
            assert reader.took_over in ([], [talk.reply])

    @law
    @given(damaged=damaged_talks, places=cuts)
    def test_wrong_replies_give_the_same_in_any_pieces(
        self, damaged: tuple[Talk, bytes], places: list[int]
    ) -> None:
        """The verdict, and the format; the one that was found says the same by itself."""
        talk, stream = damaged
        seen = []
        for pieces in ([stream], pieces_of(stream, places), bytes_of(stream)):
            reader = Following(talk.messages)
            seen.append((fed(reader, pieces), reader.auto.found))
            assert reader.returned + reader.owed == len(talk.sent)
        assert seen[0] == seen[1] == seen[2]
        verdict, found = seen[0]
        if found is not None:
            alone = reader_for(found)
            for message in talk.messages:
                alone.expect(message)
            # Exactly what was sent is raw: what came more may begin another format.
            assert verdict in (fed(alone, [stream]), "unfinished")

    @law
    @given(sent=messages, reply=st.sampled_from(ReplyFormat), places=cuts)
    @example([b"R", b"R"], PREFIXED, [1])
    @example([PREFIX, b"x"], PREFIXED, [12])
    def test_a_conversation_finds_it_too(
        self, sent: list[bytes], reply: ReplyFormat, places: list[int]
    ) -> None:
        """One message after the other: all are answered, and the books are those of the format."""
        outcomes = [
            conversed(Plan(1, tuple(sent), reply=asked, literal=True), reply, places)
            for asked in ("auto", reply)
        ]
        for outcome in outcomes:
            assert outcome.answered
            assert outcome.balance == (0, 0)
        auto, named = outcomes
        assert (auto.reply, named.reply) == (reply, None)
        assert (auto.messages, auto.bytes_returned) == (named.messages, named.bytes_returned)

    @settings(max_examples=60, deadline=None)
    @given(
        texts=st.lists(confusing | tricky, min_size=1, max_size=2),
        payload=st.none() | confusing | tricky,
        size=st.sampled_from([1, 30, 1024, 1025, 2500]),
        reply=st.sampled_from(ReplyFormat),
        places=cuts | st.none(),
    )
    @example([PREFIX], PREFIX + b"x", 2500, RAW, None)
    @example([PREFIX], PREFIX + b"x", 2500, PREFIXED, None)
    @example([STAMPED_HEAD + b"b'"], STAMPED_HEAD + b"b'", 2500, RAW, None)
    @example([b"x"], PREFIX, 1024, PREFIXED, [])
    def test_a_plan_is_refused_or_its_replies_tell_their_format(
        self,
        texts: list[bytes],
        payload: bytes | None,
        size: int,
        reply: ReplyFormat,
        places: list[int] | None,
    ) -> None:
        """Also where messages are large, and drawn from what replies begin with."""
        fields = {} if payload is None else {"size": size, "payload": payload}
        row = PREFIX * 2
        try:
            plan = Plan(1, tuple(texts), reply="auto", literal=True, **fields)  # type: ignore[arg-type]
        except FieldError:
            assert size > MESSAGE_SIZE
            assert row in (payload or b"") * 30 or any(row in text for text in texts)
            return
        outcome = conversed(plan, reply, places)
        assert outcome.answered, outcome.cause
        assert (outcome.reply, outcome.balance) == (reply, (0, 0))
        assert outcome.messages == len(texts)


def conversed(plan: Plan, reply: ReplyFormat, places: Sequence[int] | None) -> Outcome:
    """Give the outcome of a conversation with a server whose replies are right, and cut so.

    None is a byte at a time.
    """
    conversation = Conversation(plan, 0, Recording())
    conversation.connecting(0.0)
    owed = [conversation.connected(0.0)]
    while owed:
        pieces = messages_of(owed.pop(0))
        right = b"".join(REPLY_WRITERS[reply](piece, CTIME) for piece in pieces)
        for piece in bytes_of(right) if places is None else pieces_of(right, places):
            message = conversation.received(piece, 0.0)
            owed += [message] if message else []
    conversation.closed(0.0)
    assert conversation.outcome is not None
    return conversation.outcome


class DecisionTests(unittest.TestCase):
    """When it is known, and what is told where none is right."""

    def test_the_first_byte_tells_the_usual_reply(self) -> None:
        """No other format begins so; the one that is right takes over at once, mid-reply."""
        reader = Following([b"Ola"])
        reader.feed(b"O")
        assert reader.took_over == [RAW]

    def test_nothing_is_known_while_two_formats_go_on(self) -> None:
        """Nor is the message answered: its bytes have not all come in either."""
        reader = Following([b"Ola"])
        reader.feed(b"Resposta ")
        assert (reader.auto.found, reader.whole, reader.owed) == (None, False, 3)
        reader.feed(b"=")
        assert reader.took_over == [PREFIXED]

    def test_exactly_what_was_sent_is_raw_until_more_comes(self) -> None:
        """A message that begins a prefix counts as answered, and counts once."""
        reader = Following([b"R"])
        reader.feed(b"R")
        assert (reader.auto.found, reader.whole, reader.returned) == (RAW, True, 1)
        reader.feed(b"esposta => ")
        assert (reader.auto.found, reader.whole, reader.returned) == (PREFIXED, False, 1)
        reader.feed(b"R")
        assert (reader.took_over, reader.whole, reader.returned) == ([PREFIXED], True, 1)

    def test_what_is_of_no_format_is_told_from_its_beginning(self) -> None:
        """With what was sent; byte by byte as well."""
        for cut in (bytes_of, lambda data: [data]):
            conversation = Conversation(Plan(1, (b"Ola",), reply="auto"), 0, Recording())
            conversation.connecting(0.0)
            conversation.connected(0.0)
            for piece in cut(b"Resposta x"):
                conversation.received(piece, 0.0)
            found = conversation.outcome
            assert found is not None
            assert str(found.cause) == "receive:mismatch"
            assert found.reply is None
            assert found.difference is not None
            assert found.difference.expected == "b'Ola'"
            assert found.difference.came == "b'Resposta x'"

    def test_a_prefix_that_is_left_unfinished_is_no_right_reply(self) -> None:
        """Though exactly what was sent had come before."""
        conversation = Conversation(Plan(1, (b"R",), reply="auto"), 0, Recording())
        conversation.connecting(0.0)
        conversation.connected(0.0)
        conversation.received(b"R", 0.0)
        assert conversation.finished
        conversation.received(b"espo", 0.0)
        conversation.closed(0.0)
        assert str(conversation.outcome) == "receive:closed"
        assert conversation.outcome is not None
        assert conversation.outcome.balance == (0, 0)

    def test_once_it_is_known_raw_replies_go_the_short_way(self) -> None:
        """As those of a plan that named the format: the reader is not told of them."""
        conversation = Conversation(Plan(1, (b"Ola",), repeat=9, reply="auto"), 0, Recording())
        conversation.connecting(0.0)
        conversation.connected(0.0)
        assert not conversation._flight.steady
        conversation.received(b"Ola", 0.0)
        assert conversation._flight.single == b"Ola"

    def test_a_protocol_of_one_s_own_has_no_format(self) -> None:
        """Nothing is looked for."""
        plan = Plan(1, (b"Ola",), reply="auto", protocol=Anything)
        conversation = Conversation(plan, 0, Recording(), reader=readers_of(plan)(0))
        conversation.connecting(0.0)
        conversation.connected(0.0)
        conversation.received(b"Resposta => Ola", 0.0)
        conversation.closed(0.0)
        assert conversation.outcome is not None
        assert (conversation.outcome.answered, conversation.outcome.reply) == (True, None)


class Anything:
    """A protocol to which every reply is right."""

    def __init__(self, client: int) -> None:
        """Take a client's number."""

    def reply(self, _number: int, data: bytes) -> int:
        """Take all that came."""
        return len(data)
