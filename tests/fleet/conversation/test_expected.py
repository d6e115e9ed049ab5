"""Reading replies back: one verdict for the bytes, however TCP cut them.

The modules `expected`, `stamped` and `prefixed`. The server of these tests is the service's own
writers; it may cut and join what it was sent into replies as it likes, as TCP allows.
"""

import time
import unittest
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from twistecho.base.reply_formats import (
    MESSAGE_SIZE,
    PREFIX,
    REPLY_WRITERS,
    STAMPED_HEAD,
    ReplyFormat,
    messages_of,
)
from twistecho.fleet.conversation.expected import (
    Expected,
    ExtraError,
    MismatchError,
    RawReader,
    ReplyReader,
    WireError,
)
from twistecho.fleet.conversation.in_flight import reader_for
from twistecho.fleet.conversation.prefixed import PrefixedReader
from twistecho.fleet.conversation.stamped import StampedReader, is_ctime

law = settings(max_examples=100, deadline=None)

CTIME = "Sat Jul 22 18:43:57 2017"
AS = b" as " + CTIME.encode()
EVERY_BYTE = bytes(range(256))
BIG = EVERY_BYTE * 400

# Messages that hold the prefix, or parts of it, can be read in more than one way.
tricky = st.lists(
    st.sampled_from([b"R", b"Resposta", b"Resposta => ", b"x", b" => "]), min_size=1, max_size=6
).map(b"".join)
plain = st.binary(min_size=1, max_size=40)
quoted = st.lists(st.sampled_from([b"'", b'"', b"\\", b"\\x41", b"\n", b"a"]), min_size=1).map(
    b"".join
)
cuts = st.lists(st.integers(0, 10**6), max_size=8)


class Talk(NamedTuple):
    """What was sent, all of it before anything came back, and the right replies to it."""

    reply: ReplyFormat
    messages: list[bytes]
    replies: list[bytes]

    @property
    def sent(self) -> bytes:
        """The bytes that were sent."""
        return b"".join(self.messages)

    @property
    def stream(self) -> bytes:
        """The bytes that come back."""
        return b"".join(self.replies)


def pieces_of(stream: bytes, places: Sequence[int]) -> list[bytes]:
    """Cut a stream at these places, taken modulo its length."""
    edges = sorted({0, len(stream), *(place % (len(stream) + 1) for place in places)})
    return [stream[a:b] for a, b in pairwise(edges)]


def bytes_of(stream: bytes) -> list[bytes]:
    """Cut a stream into single bytes."""
    return [bytes([byte]) for byte in stream]


def replies_to(
    reply: ReplyFormat, payloads: Sequence[bytes], ctimes: Sequence[str] = (CTIME,)
) -> list[bytes]:
    """Write one reply a payload, with these times in turn."""
    write = REPLY_WRITERS[reply]
    return [write(payload, ctimes[at % len(ctimes)]) for at, payload in enumerate(payloads)]


@st.composite
def talks(draw: st.DrawFn, payloads: st.SearchStrategy[bytes] = plain | tricky | quoted) -> Talk:
    """Draw a talk whose server cut and joined the messages into payloads of its own."""
    reply = draw(st.sampled_from(ReplyFormat))
    messages = draw(st.lists(payloads, min_size=1, max_size=5))
    recut = pieces_of(b"".join(messages), draw(cuts))
    ctimes = draw(st.lists(st.integers(0, 2**33).map(time.ctime), min_size=1, max_size=3))
    return Talk(reply, messages, replies_to(reply, recut, ctimes))


def reader_of(talk: Talk) -> ReplyReader:
    """Make a reader that knows all that was sent."""
    reader = reader_for(talk.reply)
    for message in talk.messages:
        reader.expect(message)
    return reader


def fed(reader: ReplyReader, pieces: Sequence[bytes]) -> str:
    """Feed all pieces and tell the verdict: whole, unfinished, mismatch or extra."""
    try:
        for piece in pieces:
            reader.feed(piece)
    except WireError as error:
        return error.reason
    return "whole" if reader.whole else "unfinished"


@st.composite
def damages(draw: st.DrawFn, talk: Talk) -> bytes:
    """Draw a damaged form of a talk's stream: a byte flipped, cut short, or bytes appended."""
    stream = talk.stream
    at = draw(st.integers(0, len(stream) - 1))
    return draw(
        st.one_of(
            st.integers(1, 255).map(
                lambda flip: stream[:at] + bytes([stream[at] ^ flip]) + stream[at + 1 :]
            ),
            st.just(stream[:at]),
            (st.binary(min_size=1, max_size=20) | tricky).map(lambda more: stream + more),
        )
    )


damaged_talks = talks().flatmap(lambda talk: st.tuples(st.just(talk), damages(talk)))


class RightRepliesTests(unittest.TestCase):
    """What came back is what was sent."""

    @law
    @given(talk=talks(), places=cuts)
    def test_any_cut_of_right_replies_is_whole(self, talk: Talk, places: list[int]) -> None:
        """Whole, in any pieces or byte by byte: all has come back, and every byte is counted."""
        for pieces in ([talk.stream], pieces_of(talk.stream, places), bytes_of(talk.stream)):
            reader = reader_of(talk)
            assert fed(reader, pieces) == "whole"
            assert reader.returned == len(talk.sent)

    @law
    @given(talk=talks(), place=st.integers(0, 10**6))
    def test_what_is_unfinished_can_be_finished(self, talk: Talk, place: int) -> None:
        """Bytes are conserved: a stream cut short and its rest are together whole."""
        place %= len(talk.stream)
        reader = reader_of(talk)
        assert fed(reader, [talk.stream[:place]]) in ("unfinished", "whole")
        assert reader.returned <= len(talk.sent)
        assert fed(reader, [talk.stream[place:]]) == "whole"
        assert reader.returned == len(talk.sent)

    @law
    @given(talk=talks(payloads=quoted | st.binary(min_size=1).map(lambda b: b.replace(b"R", b"r"))))
    def test_nothing_less_than_all_is_whole(self, talk: Talk) -> None:
        """Byte by byte, it is whole at the last byte and not before."""
        reader = reader_of(talk)
        verdicts = [fed(reader, [byte]) for byte in bytes_of(talk.stream)]
        assert verdicts == ["unfinished"] * (len(talk.stream) - 1) + ["whole"]

    @law
    @given(
        reply=st.sampled_from(ReplyFormat),
        messages=st.lists(plain | tricky | quoted, min_size=1, max_size=5),
        places=cuts,
    )
    def test_one_message_at_a_time(
        self, reply: ReplyFormat, messages: list[bytes], places: list[int]
    ) -> None:
        """As a client does: it sends, waits for the whole reply, sends the next message."""
        reader = reader_for(reply)
        sent = 0
        for message in messages:
            reader.expect(message)
            sent += len(message)
            assert not reader.whole
            [answer] = replies_to(reply, [message])
            assert fed(reader, pieces_of(answer, places)) == "whole"
            assert reader.returned == sent

    @law
    @given(talk=talks(), places=cuts)
    def test_sending_and_receiving_may_overlap(self, talk: Talk, places: list[int]) -> None:
        """Replies to the first messages may come before the last ones are sent."""
        reader = reader_for(talk.reply)
        first, *rest = talk.messages
        reader.expect(first)
        early = replies_to(talk.reply, [first])
        late = replies_to(talk.reply, rest)
        half = len(early[0]) // 2
        assert fed(reader, [early[0][:half]]) == "unfinished" or half >= len(early[0])
        for message in rest:
            reader.expect(message)
        pieces = pieces_of(early[0][half:] + b"".join(late), places)
        assert fed(reader, pieces) == "whole"
        assert reader.returned == len(talk.sent)

    def test_all_256_byte_values(self) -> None:
        """No value of a byte is special, in any format."""
        for reply in ReplyFormat:
            talk = Talk(reply, [EVERY_BYTE], replies_to(reply, [EVERY_BYTE]))
            for pieces in ([talk.stream], bytes_of(talk.stream)):
                with self.subTest(reply=reply, pieces=len(pieces)):
                    assert fed(reader_of(talk), pieces) == "whole"

    def test_quotes_and_backslashes(self) -> None:
        """Bytes that Python's literals treat specially come back as they were."""
        for message in (b"it's", b'say "hi"', b"'\"", b"\\", b"\\'", b"\\x41", b"b''", b"\r\n\t\0"):
            for reply in ReplyFormat:
                talk = Talk(reply, [message], replies_to(reply, [message]))
                for pieces in ([talk.stream], bytes_of(talk.stream)):
                    with self.subTest(message=message, reply=reply, pieces=len(pieces)):
                        assert fed(reader_of(talk), pieces) == "whole"

    def test_a_message_of_1024_bytes_in_one_reply(self) -> None:
        """The longest message that gives one reply, of plain and of escaped bytes."""
        for message in (b"x" * MESSAGE_SIZE, bytes(MESSAGE_SIZE), b"R" * MESSAGE_SIZE):
            for reply in ReplyFormat:
                talk = Talk(reply, [message], replies_to(reply, [message]))
                for pieces in ([talk.stream], bytes_of(talk.stream)):
                    with self.subTest(message=message[:1], reply=reply, pieces=len(pieces)):
                        assert fed(reader_of(talk), pieces) == "whole"

    def test_a_message_of_100_kb_in_many_replies(self) -> None:
        """A long message comes back in a hundred replies, whole and byte by byte."""
        for reply in ReplyFormat:
            talk = Talk(reply, [BIG], replies_to(reply, messages_of(BIG)))
            for pieces in ([talk.stream], bytes_of(talk.stream)):
                with self.subTest(reply=reply, pieces=len(pieces)):
                    reader = reader_of(talk)
                    assert fed(reader, pieces) == "whole"
                    assert reader.returned == len(BIG)

    def test_nothing_sent_is_whole(self) -> None:
        """Where nothing was sent nothing is missing."""
        for reply in ReplyFormat:
            with self.subTest(reply=reply):
                assert reader_for(reply).whole

    def test_an_empty_read_changes_nothing(self) -> None:
        """Feeding no bytes is allowed, before and after."""
        for reply in ReplyFormat:
            talk = Talk(reply, [b"x"], replies_to(reply, [b"x"]))
            with self.subTest(reply=reply):
                assert fed(reader_of(talk), [b""]) == "unfinished"
                assert fed(reader_of(talk), [talk.stream, b""]) == "whole"


class WrongRepliesTests(unittest.TestCase):
    """What came back is not what was sent."""

    @law
    @given(damaged=damaged_talks, places=cuts)
    @example(
        damaged=(Talk(ReplyFormat.PREFIXED, [b"xy"], [PREFIX + b"xy"]), PREFIX + b"xyz"), places=[]
    )
    def test_damage_gets_the_same_verdict_for_any_cut(
        self, damaged: tuple[Talk, bytes], places: list[int]
    ) -> None:
        """A flipped byte, a truncation, an appendix: the verdict does not depend on the cut."""
        talk, stream = damaged
        verdict = fed(reader_of(talk), [stream])
        assert fed(reader_of(talk), pieces_of(stream, places)) == verdict
        assert fed(reader_of(talk), bytes_of(stream)) == verdict

    @law
    @given(damaged=damaged_talks, places=cuts)
    @example(damaged=(Talk(ReplyFormat.RAW, [b"xy"], [b"xy"]), b"xz"), places=[1])
    def test_damage_gets_the_same_count_for_any_cut(
        self, damaged: tuple[Talk, bytes], places: list[int]
    ) -> None:
        """How many bytes came back right, which reports compare, does not depend on it either."""
        talk, stream = damaged
        readers = [reader_of(talk), reader_of(talk), reader_of(talk)]
        verdicts = [
            fed(readers[0], [stream]),
            fed(readers[1], pieces_of(stream, places)),
            fed(readers[2], bytes_of(stream)),
        ]
        assume(len(set(verdicts)) == 1)  # the law above holds that
        assert len({reader.returned for reader in readers}) == 1

    @law
    @given(talk=talks(payloads=plain), at=st.integers(0, 10**6), flip=st.integers(1, 255))
    def test_a_flipped_payload_byte_is_never_accepted(self, talk: Talk, at: int, flip: int) -> None:
        """Another byte in the payload is a mismatch in every format."""
        sent = bytearray(talk.sent)
        sent[at % len(sent)] ^= flip
        stream = b"".join(replies_to(talk.reply, messages_of(bytes(sent))))
        assume(PREFIX[:1] not in talk.sent + bytes(sent))
        assert fed(reader_of(talk), [stream]) == "mismatch"

    @law
    @given(
        talk=talks(payloads=st.binary(min_size=1, max_size=40).map(lambda b: b.replace(b"R", b""))),
        more=st.binary(min_size=1, max_size=40),
    )
    @example(talk=Talk(ReplyFormat.PREFIXED, [b"xy"], [PREFIX + b"xy"]), more=b"zz")
    def test_bytes_after_all_is_answered_are_extra(self, talk: Talk, more: bytes) -> None:
        """Whatever comes after the last reply, with it or later, is too much."""
        assume(all(talk.messages))
        for pieces in ([talk.stream + more], [talk.stream, more], bytes_of(talk.stream + more)):
            assert fed(reader_of(talk), pieces) == "extra"

    def test_a_second_reply_is_extra(self) -> None:
        """The same reply once more is too much, not wrong."""
        for reply in ReplyFormat:
            talk = Talk(reply, [b"Ola mundo"], replies_to(reply, [b"Ola mundo"]))
            for pieces in ([talk.stream * 2], [talk.stream] * 2, bytes_of(talk.stream * 2)):
                with self.subTest(reply=reply, pieces=len(pieces)):
                    reader = reader_of(talk)
                    assert fed(reader, pieces) == "extra"
                    assert reader.returned == len(b"Ola mundo")

    def test_bytes_where_nothing_was_sent_are_extra(self) -> None:
        """A server that speaks first says too much at its first byte."""
        for reply in ReplyFormat:
            for data in (b"R", b"220 hello\r\n", *replies_to(reply, [b"x"])):
                with self.subTest(reply=reply, data=data):
                    assert fed(reader_for(reply), [data]) == "extra"

    def test_a_reply_that_says_less_is_a_mismatch_at_the_next(self) -> None:
        """A payload byte that the server lost is noticed at the byte that stands in its place."""
        for reply in ReplyFormat:
            talk = Talk(reply, [b"abc"], replies_to(reply, [b"ac"]))
            with self.subTest(reply=reply):
                assert fed(reader_of(talk), [talk.stream]) == "mismatch"

    def test_replies_in_the_wrong_order_are_a_mismatch(self) -> None:
        """The order of the replies is that of the messages."""
        for reply in ReplyFormat:
            talk = Talk(reply, [b"one", b"two"], replies_to(reply, [b"two", b"one"]))
            with self.subTest(reply=reply):
                assert fed(reader_of(talk), [talk.stream]) == "mismatch"

    def test_replies_of_another_format_are_a_mismatch(self) -> None:
        """A server that was started with another format is found out."""
        for expected in ReplyFormat:
            for given_format in set(ReplyFormat) - {expected}:
                stream = replies_to(given_format, [b"Ola"])
                with self.subTest(expected=expected, given=given_format):
                    talk = Talk(expected, [b"Ola"], stream)
                    assert fed(reader_of(talk), stream) == "mismatch"

    def test_an_error_says_little_of_what_a_peer_sent(self) -> None:
        """However much garbage comes, the message stays one short line."""
        for reply in ReplyFormat:
            reader = reader_of(Talk(reply, [b"Ola"], []))
            with self.subTest(reply=reply), pytest.raises(WireError) as caught:
                reader.feed(b"\xff\n" * 50_000)
            assert len(str(caught.value)) < 300
            assert "\n" not in str(caught.value)


class FirstWrongByteTests(unittest.TestCase):
    """A reader fails at the first byte that cannot belong."""

    def check(self, reply: ReplyFormat, message: bytes, right: bytes, wrong: bytes) -> None:
        """Hold that the right bytes pass and the wrong one raises, whole and byte by byte."""
        with self.subTest(reply=reply, right=right, wrong=wrong):
            talk = Talk(reply, [message], [])
            reader = reader_of(talk)
            assert fed(reader, bytes_of(right)) == "unfinished"
            with pytest.raises(MismatchError):
                reader.feed(wrong)
            assert fed(reader_of(talk), [right + wrong]) == "mismatch"

    def test_raw(self) -> None:
        """At the first byte that differs."""
        self.check(ReplyFormat.RAW, b"Ola", b"Ol", b"A")

    def test_prefixed(self) -> None:
        """In the prefix and in the payload."""
        self.check(ReplyFormat.PREFIXED, b"Ola", b"", b"O")
        self.check(ReplyFormat.PREFIXED, b"Ola", PREFIX[:-1], b"O")
        self.check(ReplyFormat.PREFIXED, b"Ola", PREFIX, b"R")
        self.check(ReplyFormat.PREFIXED, b"Ola", PREFIX + b"Ol", b"A")
        self.check(ReplyFormat.PREFIXED, b"Ola", PREFIX + b"O" + PREFIX[:4], b"l")

    def test_stamped_head(self) -> None:
        """In the head, at the letter of the literal and at its quote."""
        self.check(ReplyFormat.STAMPED, b"Ola", b"", b"O")
        self.check(ReplyFormat.STAMPED, b"Ola", STAMPED_HEAD[:-1], b"b")
        self.check(ReplyFormat.STAMPED, b"Ola", STAMPED_HEAD, b"'")
        self.check(ReplyFormat.STAMPED, b"Ola", STAMPED_HEAD + b"b", b"O")

    def test_stamped_literal(self) -> None:
        """At another byte, and at what no bytes literal of Python's holds."""
        head = STAMPED_HEAD + b"b'"
        self.check(ReplyFormat.STAMPED, b"Ola", head + b"Ol", b"A")
        self.check(ReplyFormat.STAMPED, b"Ola", head + b"Ola", b"x")
        self.check(ReplyFormat.STAMPED, b"Ola", head, b"\xc3")
        self.check(ReplyFormat.STAMPED, b"\n", head, b"\n")
        self.check(ReplyFormat.STAMPED, b"\0", head + b"\\", b"0")
        self.check(ReplyFormat.STAMPED, b"\xab", head + b"\\x", b"A")
        self.check(ReplyFormat.STAMPED, b"\xab", head + b"\\x", b"'")
        self.check(ReplyFormat.STAMPED, b"\xab", head, b"\\xAB")

    def test_stamped_tail(self) -> None:
        """At what stands between the literal and the time."""
        head = STAMPED_HEAD + b"b'Ola'"
        self.check(ReplyFormat.STAMPED, b"Ola", head, b"O")
        self.check(ReplyFormat.STAMPED, b"Ola", head + b" a", b"t")

    def test_a_stamped_time_is_judged_when_it_is_complete(self) -> None:
        """24 characters that are no ctime are a mismatch; 23 are not judged yet."""
        head = STAMPED_HEAD + b"b'Ola' as "
        for bad in (
            b"Foo Jul 22 18:43:57 2017",
            b"Sat Jul 22 18:43:57 20x7",
            b"Sat Jul 22 18:43:57 201x",
            b"2017-07-22 18:43:57 UTC!",
            b"Sat Oov 22 18:43:57 2017",
            b"Sat Jul 22 24:43:57 2017",
            b"Sat Jul 22 18:60:57 2017",
            b"Sat Jul 22 18:43:61 2017",
            b"Fri Jul 22 18:43:57 2017",
            b"Sat Jul 00 18:43:57 2017",
            b"Sat Jul 01 18:43:57 2017",
            b"Fri Jun 31 18:43:57 2017",
            b"Wed Feb 29 18:43:57 2017",
        ):
            with self.subTest(bad=bad):
                reader = reader_of(Talk(ReplyFormat.STAMPED, [b"Ola"], []))
                assert fed(reader, [head + bad[:-1]]) == "unfinished"
                assert fed(reader, [bad[-1:]]) == "mismatch"

    @law
    @given(st.integers(0, 2**37).map(time.ctime))
    def test_every_time_that_is_written_is_read(self, written: str) -> None:
        """Of thousands of years, leap days among them; a leap second too."""
        assert is_ctime(written.encode())

    def test_a_leap_second_is_a_time(self) -> None:
        """Some systems' clocks have them."""
        assert is_ctime(b"Sat Dec 31 23:59:60 2016")

    def test_a_bit_that_is_flipped_is_noticed_unless_the_time_is_another_one(self) -> None:
        """Of 552 in a reply 17 make a time that calendars have: nobody can know when it was."""
        payload = b"Ola mundo da internet!"
        assert len(self.unnoticed(payload, CTIME)) == 17
        for written in ("Mon Feb 29 09:08:07 2016", "Sun Jan  1 00:00:00 2023"):
            self.unnoticed(payload, written)

    def unnoticed(self, payload: bytes, written: str) -> list[bytes]:
        """Flip each bit of a reply; give the times that pass, each of which is one."""
        [reply] = replies_to(ReplyFormat.STAMPED, [payload], [written])
        found = []
        for bit in range(8 * len(reply)):
            flipped = bytearray(reply)
            flipped[bit // 8] ^= 1 << bit % 8
            reader = reader_of(Talk(ReplyFormat.STAMPED, [payload], []))
            if fed(reader, [bytes(flipped)]) not in {"mismatch", "unfinished", "extra"}:
                assert flipped[: -len(written)] == reply[: -len(written)]
                found.append(bytes(flipped[-len(written) :]))
        for one in found:
            when = datetime.strptime(one.decode(), "%a %b %d %H:%M:%S %Y")  # noqa: DTZ007 - of no zone
            assert when.ctime().encode() == one
        return found


class ReturnedTests(unittest.TestCase):
    """What is counted while replies come in."""

    @law
    @given(talk=talks(), place=st.integers(0, 10**6))
    def test_stamped_bytes_count_when_their_reply_is_whole(self, talk: Talk, place: int) -> None:
        """Of the stamped replies those that are complete count, and no others."""
        payloads = messages_of(talk.sent)
        replies = replies_to(ReplyFormat.STAMPED, payloads)
        stream = b"".join(replies)
        place %= len(stream) + 1
        reader = reader_of(talk._replace(reply=ReplyFormat.STAMPED))
        reader.feed(stream[:place])
        ends = [len(b"".join(replies[: n + 1])) for n in range(len(replies))]
        whole = sum(end <= place for end in ends)
        assert reader.returned == len(b"".join(payloads[:whole]))

    @law
    @given(message=plain, place=st.integers(0, 10**6))
    def test_raw_bytes_count_as_they_come(self, message: bytes, place: int) -> None:
        """A raw reply has no end of its own: every byte counts."""
        place %= len(message) + 1
        reader = RawReader()
        reader.expect(message)
        reader.feed(message[:place])
        assert reader.returned == place

    @law
    @given(message=plain, place=st.integers(0, 10**6))
    def test_prefixed_bytes_count_as_they_come(self, message: bytes, place: int) -> None:
        """Behind the prefix, every byte counts."""
        message = message.replace(b"R", b"r")
        place %= len(message) + 1
        reader = PrefixedReader()
        reader.expect(message)
        reader.feed(PREFIX + message[:place])
        assert reader.returned == place


class TwoReadingsTests(unittest.TestCase):
    """Prefixed replies to messages that hold the prefix themselves."""

    def test_the_prefix_in_a_message_is_payload(self) -> None:
        """One reply to a message that looks like two replies."""
        message = b"one" + PREFIX + b"two"
        reader = reader_of(Talk(ReplyFormat.PREFIXED, [message], []))
        assert fed(reader, bytes_of(PREFIX + message)) == "whole"

    def test_the_same_bytes_as_two_replies(self) -> None:
        """Two replies to a message that was cut, where the cut looks like payload at first."""
        message = b"one" + PREFIX + b"two"
        stream = PREFIX + b"one" + PREFIX + PREFIX + b"two"
        for pieces in ([stream], bytes_of(stream)):
            reader = reader_of(Talk(ReplyFormat.PREFIXED, [message], []))
            assert fed(reader, pieces) == "whole"

    def test_a_prefix_that_begins_and_does_not_go_on(self) -> None:
        """``Resp`` in a message is followed both ways until it is no prefix any more."""
        message = b"RespRespostaResposta =>x"
        reader = reader_of(Talk(ReplyFormat.PREFIXED, [message], []))
        assert fed(reader, bytes_of(PREFIX + message)) == "whole"

    def test_a_reply_that_was_whole_stays_closed(self) -> None:
        """After the next message is sent its reply needs a prefix of its own."""
        reader = reader_of(Talk(ReplyFormat.PREFIXED, [b"one"], []))
        reader.feed(PREFIX + b"one")
        reader.expect(b"two")
        assert fed(reader, [b"two"]) == "mismatch"

    def test_a_reply_that_is_not_whole_stays_open(self) -> None:
        """Another message may be sent meanwhile."""
        reader = reader_of(Talk(ReplyFormat.PREFIXED, [b"one"], []))
        reader.feed(PREFIX + b"on")
        reader.expect(b"two")
        assert fed(reader, [b"e" + PREFIX + b"two"]) == "whole"


class BoundedTests(unittest.TestCase):
    """The other side cannot make a reader grow."""

    def test_what_has_come_back_is_let_go(self) -> None:
        """After many messages only the last one is held."""
        for reply in ReplyFormat:
            reader = reader_for(reply)
            for _ in range(100):
                message = EVERY_BYTE * 4
                reader.expect(message)
                reader.feed(replies_to(reply, [message])[0])
            assert isinstance(reader, Expected)
            with self.subTest(reply=reply):
                assert len(reader._bytes) <= MESSAGE_SIZE

    def test_a_stamped_reader_holds_less_than_a_token_back(self) -> None:
        """Byte by byte, never more than an unfinished time is kept."""
        reader = StampedReader()
        reader.expect(EVERY_BYTE)
        held = []
        for byte in bytes_of(replies_to(ReplyFormat.STAMPED, [EVERY_BYTE])[0]):
            reader.feed(byte)
            held.append(len(reader._held))
        assert max(held) < len(AS)

    def test_a_prefixed_reader_follows_few_ways(self) -> None:
        """An ordinary message has one reading, and one way is followed."""
        reader = PrefixedReader()
        reader.expect(EVERY_BYTE.replace(b"R", b""))
        for byte in bytes_of(PREFIX + EVERY_BYTE.replace(b"R", b"")):
            reader.feed(byte)
            assert len(reader._ways) == 1


class ErrorTests(unittest.TestCase):
    """What can be wrong with what comes back."""

    def test_each_error_has_its_reason(self) -> None:
        """The reasons that outcomes name; both are ValueErrors."""
        assert MismatchError.reason == "mismatch"
        assert ExtraError.reason == "extra"
        assert issubclass(WireError, ValueError)

    def test_each_format_has_its_reader(self) -> None:
        """No format can be expected that cannot be read."""
        assert isinstance(reader_for(ReplyFormat.RAW), RawReader)
        assert isinstance(reader_for(ReplyFormat.PREFIXED), PrefixedReader)
        assert isinstance(reader_for(ReplyFormat.STAMPED), StampedReader)
