r"""Answers: groups, turns, what options write them as, and what is refused."""

import pickle
import re
import unittest
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twistecho.base.notation import FieldError
from twistecho.service.scenario.answers import MOST_GROUPS, On
from twistecho.service.scenario.delay import Trace
from twistecho.service.scenario.escapes import parse_on
from twistecho.service.scenario.parsing import parse_delays, parse_fault
from twistecho.service.scenario.patterns import Pattern

law = settings(max_examples=150, deadline=None)


def said(on: On, message: bytes, turn: int = 0) -> bytes | None:
    """Give the reply to a message that matches."""
    groups = on.match.groups_in(message)
    assert groups is not None
    return on.reply_to(groups, turn)


class ReplyTests(unittest.TestCase):
    """What an answer says."""

    def test_groups_of_the_match(self) -> None:
        r"""``\0`` is all that matched, not the message; a group that took no part is empty."""
        on = On(rb"(\w+) (\w+)?", rb"<\2,\1,\0>\\1")
        assert said(on, b"--ab cd--") == rb"<cd,ab,ab cd>\1"
        assert said(on, b"ab ") == rb"<,ab,ab >\1"

    def test_any_byte_may_be_in_a_group(self) -> None:
        """A message is bytes, whatever they mean."""
        assert said(On("(?s)^(.*)$", rb"\1\1"), bytes(range(256))) == bytes(range(256)) * 2

    def test_replies_in_turn(self) -> None:
        """Over and over."""
        on = On("a", ["one", b"two", ""])
        assert [said(on, b"a", turn) for turn in range(4)] == [b"one", b"two", b"", b"one"]

    def test_without_a_reply_there_is_none(self) -> None:
        """An empty one is another thing."""
        assert said(On("a"), b"a") is None
        assert said(On("a", ""), b"a") == b""

    def test_text_stands_for_its_utf8_bytes(self) -> None:
        """In the pattern and in the reply."""
        assert said(On("\u00e9+", "\u00fc"), "x\u00e9".encode()) == "\u00fc".encode()

    def test_the_longest_reply(self) -> None:
        """Of any turn, where each group holds a whole message."""
        assert On("(a)", ["12345", r"\0\1."]).longest_reply(100) == 201
        assert On("(a)", ["12345"]).longest_reply(100) == 5
        assert On("a").longest_reply(100) == 0

    @law
    @given(st.binary(max_size=20))
    def test_any_bytes_can_be_said(self, data: bytes) -> None:
        """A backslash is written twice."""
        assert said(On("a", data.replace(b"\\", b"\\\\")), b"a") == data

    def test_fields_may_be_texts_or_values(self) -> None:
        """Both make the same answer, which another process can be told."""
        texts = On("a", "b", delay="uniform:1,2", fault="reset:0.5", close=True, limit=2)
        values = On(
            Pattern(b"a"),
            [b"b"],
            delay=parse_delays("uniform:1,2"),
            fault=parse_fault("reset:0.5"),
            close=True,
            limit=2,
        )
        assert texts == values
        assert hash(texts) == hash(values)
        again = pickle.loads(pickle.dumps(texts))  # noqa: S301 - our own
        assert again == texts
        assert said(again, b"a") == b"b"

    def test_what_cannot_be_names_its_field(self) -> None:
        """And what was wrong."""
        cases: list[tuple[tuple[Any, ...], dict[str, Any], str]] = [
            (("(",), {}, "match: not a pattern: missing ): ("),
            ((5,), {}, "match: neither text nor bytes: int"),
            (("(?=a)",), {}, "match: not a pattern: invalid perl operator"),
            (("a", 5), {}, "reply: neither text nor bytes: int"),
            (("a", []), {}, "reply: the list is empty"),
            (("a", r"\1"), {}, r"reply: '\1': the pattern has 0 groups"),
            (("a", ["x", r"\q"]), {}, r"reply: '\q' is not a group: write a backslash twice"),
            (("a", "x\\"), {}, r"reply: '\' is not a group"),
            (("a", r"\0" * (MOST_GROUPS + 1)), {}, "reply: names groups more than 100 times"),
            (("a", "\ud800"), {}, "reply: not text that UTF-8 can encode"),
            (("a",), {"delay": "x"}, "delay: 'x' is not a number of seconds"),
            (("a",), {"delay": True}, "delay: not a delay: bool"),
            (("a",), {"delay": 10**400}, "delay: not a number of seconds, 0 to 1,000,000"),
            (("a",), {"fault": "refuse"}, "fault: refuse does not apply to messages"),
            (("a",), {"fault": 1}, "fault: not a fault: int"),
            (("a",), {"close": 1}, "close: neither true nor false: 1"),
            (("a",), {"limit": 0}, "limit: not a whole number, 1 or more: 0"),
            (("a",), {"limit": True}, "limit: not a whole number, 1 or more: True"),
        ]
        for arguments, named, problem in cases:
            with self.subTest(problem), pytest.raises(FieldError, match=re.escape(problem)):
                On(*arguments, **named)


class OptionTests(unittest.TestCase):
    """Answers as ``--on`` writes them."""

    def test_texts_and_what_they_are(self) -> None:
        """The first character is the delimiter; a fault takes the rest."""
        for text, on in {
            "/^QUIT/221 bye\\r\\n/close": On("^QUIT", b"221 bye\r\n", close=True),
            "/a//": On("a", ""),
            "//x/": On("", "x"),
            "|a/b|c/d|": On("a/b", "c/d"),
            r"/a\/b\\/c\/d/": On(r"a/b\\", "c/d"),
            r"/(\d+)/\1\\\x5c\x00\t/": On(r"(\d+)", b"\\1\\\\\\\\\0\t"),
            "/a/b/delay=uniform:1,2,limit=3": On("a", "b", delay="uniform:1,2", limit=3),
            "/a/b/limit=3,close,delay=1": On("a", "b", delay=1, close=True, limit=3),
            "/a/b/close,fault=drip,bytes=2,pause=5ms": On(
                "a", "b", close=True, fault="drip,bytes=2,pause=5ms"
            ),
            "/\udcff/\udcfe/": On(b"\xff", b"\xfe"),
        }.items():
            with self.subTest(ascii(text)):
                assert parse_on(text) == on

    def test_a_trace_is_read(self) -> None:
        """By what reads files, if there is something."""
        on = parse_on("/a/b/delay=trace:f,limit=2", lines_of=lambda _name: ["1", "2"])
        assert on.delay == Trace((1.0, 2.0), "trace:f")
        assert on.limit == 2
        with pytest.raises(ValueError, match="delay: a trace cannot be read here"):
            parse_on("/a/b/delay=trace:f")

    @law
    @given(st.text("ab/\\\r\n\t\u00e9|^.", max_size=10), st.sampled_from("/|,^."))
    def test_any_reply_can_be_written(self, reply: str, delimiter: str) -> None:
        """With backslashes before backslashes and delimiters."""
        text = reply.replace("\\", "\\\\").replace(delimiter, f"\\{delimiter}")
        on = parse_on(f"{delimiter}x{delimiter}{text}{delimiter}")
        assert said(on, b"x") == reply.encode()

    def test_what_is_none_is_refused(self) -> None:
        """With as much of the text as shows which one it is, and what was wrong."""
        for text, problem in {
            "": "'' is not /PATTERN/REPLY/[close][,option=value]",
            "abc": "'abc' is not /PATTERN/REPLY/",
            "\\a\\b\\": "is not /PATTERN/REPLY/",
            "/a/b": "'/a/b' has no '/' after the pattern and the reply",
            r"/a\/b/c": "has no '/' after",
            "/a/b/x": "'/a/b/x': 'x' is not an option: use close, delay, limit or fault",
            "/a/b/closed": "'closed' is not an option",
            "/a/b/closefault=reset": "'closefault=reset' is not an option",
            "/a/b/close,close": "close is given twice",
            "/a/b/limit=1,limit=2": "limit is given twice",
            "/a/b/limit=x": "limit: 'x' is not a whole number",
            "/a/b/limit=0": "limit: not a whole number, 1 or more: 0",
            "/a/b/delay=": "delay: '' is not a number of seconds",
            "/a/b/fault=": "fault: '' is not one of",
            "/a/b/fault=reset,close": "fault: reset: 'close' is not a number",
            "/(/b/": "match: not a pattern: missing ): (",
            r"/a/\1/": r"reply: '\1': the pattern has 0 groups",
        }.items():
            with self.subTest(ascii(text)), pytest.raises(ValueError, match=re.escape(problem)):
                parse_on(text)
