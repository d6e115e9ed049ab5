"""Framing: where messages end, however TCP cut the bytes, and how replies are written."""

import re
import unittest
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.damage import pieces
from twistecho.base.reply_formats import LONGEST_MESSAGE
from twistecho.service.scenario.cutters import NO_LENGTH, TOO_LONG, Cutter
from twistecho.service.scenario.framing import (
    Framing,
    FramingKind,
    ReplyTooLongError,
    parse_framing,
)

law = settings(max_examples=150, deadline=None)

FRAMINGS = [
    "line", "delimiter:\r\n", "delimiter:aab", "delimiter:aa", "fixed:1", "fixed:3", "length:1",
    "length:2", "length:4", "length:1,little", "length:2,little,inclusive", "length:4,inclusive",
]  # fmt: skip
MOST = 10

Cut = tuple[list[bytes], str | None, int]
"""The messages of a stream, why it broke, and how many bytes are left of it."""


def cutter_of(framing: Framing, most: int = MOST) -> Cutter:
    """Make what cuts by a framing other than ``read``."""
    cutter = framing.cutter(most)
    assert cutter is not None
    return cutter


def cut(framing: Framing, parts: list[bytes], count: int = 3) -> Cut:
    """Feed the parts, and ask for so many messages at a time, until the stream breaks."""
    cutter = cutter_of(framing)
    messages: list[bytes] = []
    for part in parts:
        messages += cutter.feed(part, count)
        while cutter.more:
            some = cutter.feed(b"", count)
            assert len(some) <= count
            messages += some
        if cutter.broken is not None:
            break
    return messages, cutter.broken, cutter.pending


def told(framing: Framing, head: bytes) -> int:
    """Say how many bytes follow a length; below 0 for none."""
    number = sum(byte << 8 * at for at, byte in enumerate(head if framing.little else head[::-1]))
    return number - framing.inclusive * framing.size


def model(framing: Framing, stream: bytes) -> Cut:
    """Cut a whole stream, plainly."""
    messages: list[bytes] = []
    broken: str | None = None
    while broken is None:
        if framing.kind is FramingKind.FIXED:
            head, size = 0, framing.size if len(stream) >= framing.size else None
        elif framing.kind is FramingKind.LENGTH:
            head = framing.size
            follow = told(framing, stream[:head]) if len(stream) >= head else 0
            size = follow if len(stream) >= head + max(follow, 0) and len(stream) >= head else None
            broken = NO_LENGTH if follow < 0 else TOO_LONG if follow > MOST else None
        else:
            before, found, _ = stream.partition(framing.delimiter)
            head, size = 0, len(before + found) if found else None
            broken = TOO_LONG if len(before + found) + (not found) > MOST else None
        if broken is not None:
            return messages, broken, 0
        if size is None:
            break
        messages.append(stream[head : head + size])
        stream = stream[head + size :]
    return messages, None, len(stream)


class CuttingTests(unittest.TestCase):
    """Messages out of a stream."""

    @law
    @given(
        st.sampled_from(FRAMINGS),
        st.lists(st.sampled_from([b"a", b"b", b"\r", b"\n", b"\0", b"\x01", b"\x04"])).map(b"".join)
        | st.binary(max_size=80),
        st.integers(1, 5),
        st.data(),
    )
    def test_any_cut_gives_the_same_messages(
        self, text: str, stream: bytes, count: int, data: st.DataObject
    ) -> None:
        """Those of a plain model of the whole stream, and the same end of it."""
        framing = parse_framing(text)
        expected = model(framing, stream)
        assert cut(framing, [stream], count) == expected
        assert cut(framing, data.draw(pieces(stream)), count) == expected

    @law
    @given(
        st.sampled_from(FRAMINGS[6:]),
        st.lists(st.binary(max_size=MOST), max_size=9),
        st.binary(max_size=1),
        st.data(),
    )
    def test_what_is_written_is_read_again(
        self, text: str, messages: list[bytes], rest: bytes, data: st.DataObject
    ) -> None:
        """A stream of replies is one of messages; a byte of another one is held."""
        framing = parse_framing(text)
        rest = rest if framing.size > 1 else b""
        stream = b"".join(framing.wrap(message) for message in messages) + rest
        assert cut(framing, data.draw(pieces(stream))) == (messages, None, len(rest))

    def test_what_is_no_length_is_written_as_it_is(self) -> None:
        """A raw reply is the frame as it came."""
        for text in FRAMINGS[:6]:
            assert parse_framing(text).wrap(b"reply") == b"reply"

    def test_a_message_that_is_too_long_breaks_the_stream(self) -> None:
        """Those before it count; as soon as it is known, and nothing is held any more."""
        for text, good, bad in (
            ("line", b"123456789\n", b"1234567890"),
            ("line", b"", b"1234567890\n"),
            ("delimiter:\r\n", b"12345678\r\n", b"123456789\r\n"),
            ("length:1", b"\x0a1234567890", b"\x0b"),
            ("length:1,inclusive", b"\x0b1234567890", b"\x0c"),
            ("length:4", b"", b"\xff\xff\xff\xff"),
        ):
            with self.subTest(text, bad=bad):
                framing = parse_framing(text)
                messages, broken, left = cut(framing, [good + bad])
                assert (len(messages), broken, left) == (bool(good), TOO_LONG, 0)
                assert cut(framing, [good + bad[:-1]])[1] is None or b"\n" in bad

    def test_a_length_that_does_not_include_itself_breaks_the_stream(self) -> None:
        """Where it says that it does."""
        framing = parse_framing("length:2,inclusive")
        assert cut(framing, [b"\0\x02\0\x03x\0\x01"]) == ([b"", b"x"], NO_LENGTH, 0)

    def test_no_more_messages_come_than_are_asked_for(self) -> None:
        """The others come of no bytes, also where none is left."""
        for text, one in (("line", b"\n"), ("fixed:2", b"ab"), ("length:1", b"\x01x")):
            cutter = cutter_of(parse_framing(text))
            assert len(cutter.feed(one * 5, 2)) == 2
            assert (cutter.more, cutter.pending) == (True, 3 * len(one))
            assert len(cutter.feed(one, 4)) == 4
            assert (cutter.more, cutter.pending, cutter.feed(b"", 1)) == (False, 0, [])

    def test_a_long_message_is_not_searched_again_and_again(self) -> None:
        """What has been searched for its end once is not, however small the pieces are."""

        class Searched(bytearray):
            looked = 0

            def find(self, *arguments: Any) -> int:
                Searched.looked += len(self) - int(arguments[1])
                return super().find(*arguments)

        cutter: Any = cutter_of(parse_framing("delimiter:\r\n"), LONGEST_MESSAGE)
        cutter._held = Searched()
        for _ in range(1000):
            assert cutter.feed(b"x", 9) == []
        assert Searched.looked <= 3 * 1000
        assert cutter.feed(b"\r\n", 9) == [b"x" * 1000 + b"\r\n"]


class WritingTests(unittest.TestCase):
    """Replies with their lengths."""

    def test_the_bytes_of_a_length(self) -> None:
        """Order of bytes, and whether it counts itself."""
        for text, wrapped in {
            "length:1": b"\x02hi",
            "length:2": b"\0\x02hi",
            "length:4,little": b"\x02\0\0\0hi",
            "length:2,inclusive": b"\0\x04hi",
            "length:2,inclusive,little": b"\x04\0hi",
        }.items():
            assert parse_framing(text).wrap(b"hi") == wrapped

    def test_a_reply_whose_length_cannot_be_told_is_refused(self) -> None:
        """One byte more than the greatest."""
        for text, most in {"length:1": 255, "length:1,inclusive": 254, "length:2": 65535}.items():
            framing = parse_framing(text)
            assert len(framing.wrap(b"x" * most)) == most + framing.size
            with pytest.raises(ReplyTooLongError, match=f"{most + 1} bytes do not fit"):
                framing.wrap(b"x" * (most + 1))

    def test_the_longest_message(self) -> None:
        """Of which times and bounds are foretold."""
        for text, longest in {
            "read": 1024, "line": 65536, "fixed:7": 7, "length:1": 255, "length:1,inclusive": 254,
            "length:4": 65536,
        }.items():  # fmt: skip
            assert parse_framing(text).longest == longest


class ReadingTests(unittest.TestCase):
    """Texts of framings."""

    def test_texts_and_what_they_are(self) -> None:
        """All kinds; a delimiter may hold anything, bytes that are no text among it."""
        kinds: dict[str | bytes, Framing] = {
            "read": Framing(FramingKind.READ),
            "line": Framing(FramingKind.LINE, b"\n"),
            "delimiter:a,b=c:d": Framing(FramingKind.DELIMITER, b"a,b=c:d"),
            b"delimiter:\xff": Framing(FramingKind.DELIMITER, b"\xff"),
            "fixed:3": Framing(FramingKind.FIXED, size=3),
            "length:2,little": Framing(FramingKind.LENGTH, size=2, little=True),
            "length:4,inclusive": Framing(FramingKind.LENGTH, size=4, inclusive=True),
        }
        for text, framing in kinds.items():
            assert parse_framing(text) == framing

    def test_it_is_shown_in_one_line(self) -> None:
        """As it was asked for, but that no terminal obeys it."""
        cases: dict[str | bytes, str] = {
            "length:2,little": "length:2,little",
            "delimiter:\r\n": r"delimiter:\r\n",
            b"delimiter:\x1b\xff": r"delimiter:\x1b\xff",
            b"line": "line",
        }
        for text, shown in cases.items():
            assert str(parse_framing(text)) == shown

    def test_what_is_none_is_refused(self) -> None:
        """In one line that says what is wrong."""
        for text, problem in {
            "": "'' is not one of read, line, delimiter, length, fixed",
            "lines": "'lines' is not one of",
            "line:2": "line: '2' is not an option",
            "read,a=b": "read: 'a' is not an option",
            "delimiter": "delimiter: needs the text that ends a message, delimiter:TEXT",
            "delimiter:": "delimiter: needs a text of 1 to 1024 bytes",
            "delimiter:" + "x" * 1025: "delimiter: needs a text of 1 to 1024 bytes",
            "length": "length: needs its size in bytes, length:1, length:2 or length:4",
            "length:3": "length: needs its size",
            "length:2,big": "length: 'big' is not one of little, inclusive, once each",
            "length:2,little,little": "length: 'little' is not one of",
            "length:2,x=y": "length: 'x' is not an option",
            "fixed": "fixed: needs the size of a message in bytes, fixed:N",
            "fixed:0": "fixed: 0 is not 1 or more",
            "fixed:1,2": "fixed: needs the size",
            "fixed:a": "'a' is not a whole number",
            "delimiter:\ud800": "not text that UTF-8 can encode",
        }.items():
            with (
                self.subTest(ascii(text)),
                pytest.raises(ValueError, match=f"^{re.escape(problem)}"),
            ):
                parse_framing(text)
