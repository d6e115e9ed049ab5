"""Regular expressions over messages: any byte matches, and none takes long."""

import pickle
from unittest import TestCase

from twistecho.service.scenario.patterns import Pattern


class PatternTests(TestCase):
    """What is found, and what is refused."""

    def test_any_byte_matches(self) -> None:
        """The text of a pattern stands for its UTF-8 bytes; a byte that is no text is a byte."""
        assert Pattern(b"^a.c$").found_in(b"a\xffc")
        assert Pattern("é+".encode()).found_in("café".encode())
        assert not Pattern(b"^b").found_in(b"ab")

    def test_groups(self) -> None:
        """The whole first; what took no part is empty."""
        pattern = Pattern(rb"(\w+) (\d+)?(\xff*)")
        assert pattern.groups == 3
        assert pattern.groups_in(b"!GET \xff\xff") == (b"GET \xff\xff", b"GET", b"", b"\xff\xff")
        assert pattern.groups_in(b"") is None

    def test_what_needs_more_than_bounded_time_is_refused_with_the_reason(self) -> None:
        """Look-ahead, what is not closed, and what would need too much memory."""
        for source, reason in (
            (b"(?=a)", "invalid perl operator: "),
            (b"(\xff", "missing "),
            (b"((a{999}){999}){999}", "invalid repetition|too large"),
            (b"[ab]{1000}" * 300, "too large"),  # 5 MB
        ):
            with self.subTest(source=source), self.assertRaisesRegex(ValueError, reason):
                Pattern(source)

    def test_a_pattern_that_would_take_for_ever_does_not(self) -> None:
        """Python's own ``re`` would take longer than anybody lives."""
        assert not Pattern(b"^(a+)+$").found_in(b"a" * 5000 + b"!")

    def test_another_process_gets_it(self) -> None:
        """It is compiled there again."""
        pattern = Pattern(b"(a)")
        received = pickle.loads(pickle.dumps(pattern))  # noqa: S301 - our own
        assert received == pattern
        assert received.groups_in(b"ba") == (b"a", b"a")
