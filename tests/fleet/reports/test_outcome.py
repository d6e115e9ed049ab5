"""Outcomes: how a conversation ended."""

import errno
import json
import unittest
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.reports import in_order
from twistecho.base.decoding import decode
from twistecho.base.reply_formats import ReplyFormat
from twistecho.fleet.reports.outcome import (
    REASON_OF_ERRNO,
    Cause,
    Difference,
    Outcome,
    Phase,
    reason_of_errno,
)

law = settings(max_examples=100, deadline=None)

counts = st.integers(0, 2**60)
times = st.floats(0, 1e9)
causes = st.builds(
    Cause,
    phase=st.sampled_from(Phase),
    reason=st.from_regex(r"[a-z][a-z:-]*", fullmatch=True),
    errno=st.none() | st.integers(1, 200),
)
COUNTS = (
    "sent", "messages", "failed", "outstanding", "unsent",
    "bytes_sent", "bytes_returned", "bytes_failed", "bytes_outstanding",
)  # fmt: skip
times = st.floats(0, 1e9)
outcomes = st.builds(
    Outcome,
    client=st.integers(0, 2**60),
    cause=st.none() | causes,
    **{name: st.integers(0, 2**60) for name in COUNTS},
    started=times,
    connected=st.none() | times,
    first_byte=st.none() | times,
    replied=st.none() | times,
    ended=times,
).map(in_order)


def outcome(cause: Cause | None = None) -> Outcome:
    """Make an outcome that ended so."""
    return Outcome(3, cause, 1, 1, 22, 22, 0.5, 0.6, 5.6, 5.7, first_byte=5.5)


class CauseTests(unittest.TestCase):
    """Why a conversation failed."""

    def test_its_text_is_phase_and_reason(self) -> None:
        """The stable identifier that summaries count by."""
        assert str(Cause(Phase.RECEIVE, "reset", errno.ECONNRESET)) == "receive:reset"
        assert str(Cause(Phase.CONNECT, "refused")) == "connect:refused"

    def test_the_system_s_number_does_not_count_in_comparisons(self) -> None:
        """One engine sees the number, the other does not: it is the same cause."""
        assert Cause(Phase.CONNECT, "refused", errno.ECONNREFUSED) == Cause(
            Phase.CONNECT, "refused"
        )

    def test_phase_and_reason_do_count(self) -> None:
        """Another phase or another reason is another cause."""
        assert Cause(Phase.CONNECT, "reset") != Cause(Phase.RECEIVE, "reset")
        assert Cause(Phase.CONNECT, "reset") != Cause(Phase.CONNECT, "refused")

    def test_the_phases_are_called_as_reports_show_them(self) -> None:
        """The text of a phase is its bare name."""
        assert [str(phase) for phase in Phase] == ["connect", "send", "receive", "close"]


class ReasonTests(unittest.TestCase):
    """The reasons that the system's numbers stand for."""

    def test_the_common_numbers_have_words(self) -> None:
        """What clients meet every day has a name of its own."""
        named = {
            errno.ECONNREFUSED: "refused",
            errno.ECONNRESET: "reset",
            errno.EPIPE: "broken-pipe",
            errno.ETIMEDOUT: "timeout",
            errno.EHOSTUNREACH: "unreachable",
            errno.EMFILE: "too-many-files",
            errno.ENOENT: "no-such-socket",
        }
        assert {number: reason_of_errno(number) for number in named} == named

    def test_another_number_is_called_by_its_symbol(self) -> None:
        """A number without a word of its own is told by the system's name for it."""
        assert reason_of_errno(errno.EISDIR) == "eisdir"

    def test_no_number_and_an_unknown_one_are_errors(self) -> None:
        """There is always a reason."""
        assert reason_of_errno(None) == "error"
        assert reason_of_errno(99999) == "error"

    @law
    @given(number=st.none() | st.integers(-10, 300) | st.sampled_from(sorted(REASON_OF_ERRNO)))
    def test_a_reason_is_one_word(self, number: int | None) -> None:
        """No reason holds the colon that separates it from its phase, nor a space."""
        reason = reason_of_errno(number)
        assert reason
        assert not set(reason) & set(": \n")


class OutcomeTests(unittest.TestCase):
    """What became of one client."""

    def test_without_a_cause_it_is_answered(self) -> None:
        """The text and the flag say so."""
        assert outcome().answered
        assert str(outcome()) == "answered"

    def test_with_a_cause_it_is_not(self) -> None:
        """The text is the cause."""
        failed = outcome(Cause(Phase.CLOSE, "timeout"))
        assert not failed.answered
        assert str(failed) == "close:timeout"


class BalanceTests(unittest.TestCase):
    """What was sent was answered, or failed, or is outstanding."""

    def test_what_adds_up_misses_nothing(self) -> None:
        """In messages and in bytes."""
        sent = replace(outcome(), sent=6, failed=2, outstanding=3)
        assert replace(sent, bytes_sent=32, bytes_failed=3, bytes_outstanding=7).balance == (0, 0)

    @law
    @given(outcome=outcomes)
    def test_what_was_sent_more_is_missing(self, outcome: Outcome) -> None:
        """Message by message and byte by byte; what was never sent plays no part."""
        messages, count = outcome.balance
        assert replace(outcome, sent=outcome.sent + 1).balance == (messages + 1, count)
        assert replace(outcome, bytes_sent=outcome.bytes_sent + 5).balance == (messages, count + 5)
        assert replace(outcome, unsent=outcome.unsent + 1).balance == (messages, count)


class JsonTests(unittest.TestCase):
    """An outcome as JSON data."""

    def test_the_form(self) -> None:
        """Every field by its name, the cause as its text, the system's number beside it."""
        data = outcome(Cause(Phase.CONNECT, "refused", errno.ECONNREFUSED)).to_dict()
        assert data == {
            "client": 3,
            "cause": "connect:refused",
            "errno": errno.ECONNREFUSED,
            "sent": 1,
            "messages": 1,
            "failed": 0,
            "outstanding": 0,
            "unsent": 0,
            "bytes_sent": 22,
            "bytes_returned": 22,
            "bytes_failed": 0,
            "bytes_outstanding": 0,
            "started": 0.5,
            "connected": 0.6,
            "first_byte": 5.5,
            "replied": 5.6,
            "ended": 5.7,
            "offered_from": None,
            "offered_until": None,
            "reply": None,
            "difference": None,
            "reconnects": 0,
        }

    @law
    @given(outcome=outcomes)
    def test_an_outcome_comes_back_from_json(self, outcome: Outcome) -> None:
        """Written as JSON text and read again it is the same, its number included."""
        data = json.loads(json.dumps(outcome.to_dict()))
        assert decode(data, Outcome, "a value") == outcome
        assert decode(data, Outcome, "a value").to_dict() == outcome.to_dict()

    def test_an_unknown_phase_is_refused(self) -> None:
        """A cause must begin with one of the four phases."""
        for cause in ("", "refused", "teleport:refused", ":"):
            with (
                self.subTest(cause=cause),
                pytest.raises(ValueError, match=r"cause: .* is not one of connect"),
            ):
                decode({**outcome().to_dict(), "cause": cause}, Outcome, "a value")

    def test_a_cause_that_is_no_text_is_refused_as_documented(self) -> None:
        """The error is one of the three that the documentation names."""
        bad: tuple[object, ...] = (5, True, [], {}, 0)
        for cause in bad:
            with self.subTest(cause=cause), pytest.raises(ValueError, match="cause: "):
                decode({**outcome().to_dict(), "cause": cause}, Outcome, "a value")

    def test_a_count_that_is_no_whole_number_is_refused(self) -> None:
        """Nor is it text, null or true."""
        for field in COUNTS:
            for value in ("1", None, True, 1.5):
                with self.subTest(field=field, value=value), pytest.raises(ValueError, match=field):
                    decode({**outcome().to_dict(), field: value}, Outcome, "a value")

    def test_times_are_those_of_one_conversation(self) -> None:
        """None before its start or after its end; at both is right."""
        for field in ("connected", "first_byte", "replied"):
            for at, wrong in (
                (0.4, "0.4 is before started, 0.5"),
                (5.8, "5.8 is after ended, 5.7"),
            ):
                data = {**outcome().to_dict(), field: at}
                with pytest.raises(ValueError, match=f"{field}: {wrong}"):
                    decode(data, Outcome, "a value")
            for at in (0.5, 5.7):
                decode({**outcome().to_dict(), field: at}, Outcome, "a value")

    def test_what_was_found_of_replies_is_written_and_read(self) -> None:
        """The format, and how the first wrong bytes differed; the latter counts for nothing."""
        difference = Difference.between(b"Ola", b"x" * 41)
        found = replace(outcome(), reply=ReplyFormat.RAW, difference=difference)
        data = json.loads(json.dumps(found.to_dict()))
        assert data["reply"] == "raw"
        assert data["difference"] == {"expected": "b'Ola'", "came": f"{b'x' * 40!r}..."}
        read = decode(data, Outcome, "an outcome")
        assert (read, read.difference) == (found, difference)
        assert replace(found, difference=None) == found
        with pytest.raises(ValueError, match="reply: "):
            decode({**data, "reply": "auto"}, Outcome, "an outcome")

    def test_load_is_offered_from_a_time_to_a_later_one(self) -> None:
        """Both are there, or neither, as in files of older versions."""
        data = {**outcome().to_dict(), "offered_from": 0.6, "offered_until": 0.6}
        assert decode(data, Outcome, "an outcome").offered_until == 0.6
        for fields in ({"offered_from": 0.7}, {"offered_from": None}, {"offered_until": None}):
            with pytest.raises(ValueError, match="offered_until: it is not after offered_from"):
                decode({**data, **fields}, Outcome, "an outcome")

    def test_a_missing_field_is_refused(self) -> None:
        """No field is made up."""
        later = {"offered_from", "offered_until", "reply", "difference", "reconnects"}
        for field in later:
            known = {name: value for name, value in outcome().to_dict().items() if name != field}
            assert decode(known, Outcome, "a value") == outcome()
        for field in Outcome.__dataclass_fields__.keys() - later:
            data = outcome().to_dict()
            del data[field]
            with (
                self.subTest(field=field),
                pytest.raises(ValueError, match=f"{field}: it is missing"),
            ):
                decode(data, Outcome, "a value")
