"""The wire: a message becomes a reply, byte for byte as the notebook writes it."""

import ast
import time
import unittest

from hypothesis import given, settings
from hypothesis import strategies as st

from twistecho.base.reply_formats import (
    CTIME_SIZE,
    MESSAGE_SIZE,
    REPLY_SIZE,
    REPLY_WRITERS,
    STAMPED_OVERHEAD,
    ReplyFormat,
    messages_of,
    prefixed,
    raw,
    stamped,
)

law = settings(max_examples=100, deadline=None)

CTIME = "Sat Jul 22 18:43:57 2017"
EVERY_BYTE = bytes(range(256))

messages = st.binary(max_size=MESSAGE_SIZE)
formats = st.sampled_from(ReplyFormat)
ctimes = st.integers(0, 2**33).map(time.ctime)


class NotebookTests(unittest.TestCase):
    """The replies are the notebook's own."""

    def test_stamped_is_what_the_notebook_shows(self) -> None:
        """The line that the notebook's clients print comes out byte for byte."""
        expected = b"Resposta eco => b'Ola mundo da internet!' as Sat Jul 22 18:43:57 2017"
        assert stamped(b"Ola mundo da internet!", CTIME) == expected

    def test_prefixed_is_what_the_notebook_shows(self) -> None:
        """The first server's reply comes out byte for byte."""
        assert prefixed(b"Ola mundo da internet!", CTIME) == b"Resposta => Ola mundo da internet!"

    def test_raw_is_the_message(self) -> None:
        """RFC 862: the bytes, nothing else."""
        assert raw(EVERY_BYTE, CTIME) == EVERY_BYTE

    @law
    @given(data=messages, now=ctimes)
    def test_stamped_is_python_s_own_formatting(self, data: bytes, now: str) -> None:
        """The reply equals the notebook's format string, evaluated by Python, for any bytes."""
        notebook = "Resposta eco => {data} as {time}".format(data=data, time=now)  # type: ignore[str-bytes-safe]  # noqa: UP032 - the notebook's line
        assert stamped(data, now) == notebook.encode()

    def test_quotes_are_written_as_python_writes_them(self) -> None:
        """A single quote makes the literal use double quotes, both make it escape."""
        assert stamped(b"it's", CTIME).startswith(b'Resposta eco => b"it\'s" as ')
        assert stamped(b'say "hi"', CTIME).startswith(b"Resposta eco => b'say \"hi\"' as ")
        assert stamped(b"'\"", CTIME).startswith(b"Resposta eco => b'\\'\"' as ")


class StampedTests(unittest.TestCase):
    """The guarantees for readers of a stamped reply."""

    @law
    @given(message=messages, now=ctimes)
    def test_the_literal_evaluates_to_the_message(self, message: bytes, now: str) -> None:
        """Between the head and the time stands a Python literal of the message."""
        text = stamped(message, now).decode("ascii")
        literal = text[len("Resposta eco => ") : -len(" as ") - CTIME_SIZE]
        assert ast.literal_eval(literal) == message
        assert text.endswith(now)

    def test_every_byte_value_is_written_in_ascii(self) -> None:
        """All 256 values give an ASCII reply without control characters."""
        text = stamped(EVERY_BYTE, CTIME).decode("ascii")
        assert text.isprintable()


class SizeTests(unittest.TestCase):
    """How long a reply can be."""

    @law
    @given(reply=formats, message=messages)
    def test_no_reply_is_longer_than_the_bound(self, reply: ReplyFormat, message: bytes) -> None:
        """A message of at most 1024 bytes gives at most REPLY_SIZE bytes, in every format."""
        assert len(REPLY_WRITERS[reply](message, CTIME)) <= REPLY_SIZE

    def test_the_bound_is_reached(self) -> None:
        """1024 bytes that are all written as an escape of four characters fill it."""
        assert len(stamped(bytes(MESSAGE_SIZE), CTIME)) == REPLY_SIZE

    def test_the_overhead_is_what_an_empty_literal_leaves(self) -> None:
        """The overhead of a stamped reply is its length without the bytes."""
        assert len(stamped(b"", CTIME)) == STAMPED_OVERHEAD

    def test_every_format_has_a_writer(self) -> None:
        """No format can be chosen that cannot be written."""
        assert set(REPLY_WRITERS) == set(ReplyFormat)

    def test_a_format_is_called_as_on_the_command_line(self) -> None:
        """The text of a format is its bare name."""
        assert [str(reply) for reply in ReplyFormat] == ["raw", "prefixed", "stamped"]


class MessagesOfTests(unittest.TestCase):
    """How a read is cut into messages."""

    @law
    @given(data=st.binary(max_size=50), times=st.integers(0, 100))
    def test_the_cut_loses_and_adds_nothing(self, data: bytes, times: int) -> None:
        """The messages in order are the bytes that were read; all but the last are full."""
        read = data * times
        cut = messages_of(read)
        assert b"".join(cut) == read
        assert all(len(message) == MESSAGE_SIZE for message in cut[:-1])
        assert all(0 < len(message) <= MESSAGE_SIZE for message in cut)

    def test_the_edges_of_1024(self) -> None:
        """1023 and 1024 bytes are one message, 1025 are two, 2048 are two, none is none."""
        sizes = {size: [len(m) for m in messages_of(bytes(size))] for size in (0, 1023, 1024)}
        assert sizes == {0: [], 1023: [1023], 1024: [1024]}
        assert [len(m) for m in messages_of(bytes(1025))] == [1024, 1]
        assert [len(m) for m in messages_of(bytes(2048))] == [1024, 1024]
