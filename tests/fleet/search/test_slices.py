"""What is recorded of each slice, and which slices are paired."""

import json
import unittest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twistecho.fleet.plans.turns import Turns
from twistecho.fleet.reports.outcome import Cause, Phase
from twistecho.fleet.search.slices import SliceRecording, Slices, pairs_alike, pairs_of

TURNS = Turns(4)
RESET = Cause(Phase.RECEIVE, "reset")


def recorded(took: float, numbers: tuple[int, ...], began: float = 5.0) -> SliceRecording:
    """Record 20 messages in each of these slices, half of them while it settles."""
    recording = SliceRecording(TURNS)
    recording.measure_from(began)
    for number in numbers:
        for at in range(10):
            for within in (0.04 * at, 0.5 + 0.1 * at):
                due = began + TURNS.begin_of(number) + within
                recording.reply(due, due, due + took, 1)
    return recording


class SliceRecordingTests(unittest.TestCase):
    """One fleet's recording."""

    def test_messages_count_in_the_slice_that_they_were_due_in(self) -> None:
        """Those of its beginning do not, though the report has them."""
        recording = recorded(3.0, (0, 3))
        first = recording.slices.slice(0)
        assert (first.answered, first.seconds) == (10, 1.5)
        assert set(first.times) == {"p50", "p90"}
        self.assertAlmostEqual(first.times["p50"], 3.0, delta=0.0015)
        assert recording.slices.slice(1).answered == 0
        assert recording.answered == 40

    def test_times_are_exact_to_a_thousandth(self) -> None:
        """And short ones to the microsecond."""
        for took in (0.000_001, 0.000_777, 0.002_047, 0.012_345, 1.234_567):
            found = recorded(took, (0,)).slices.slice(0).times["p50"]
            self.assertAlmostEqual(found, took, delta=took / 1900)

    def test_a_slice_has_few_different_times(self) -> None:
        """However many messages came: what is kept is bounded."""
        recording = recorded(0.1, ())
        due = 5.0 + TURNS.begin_of(0) + 1.0
        for number in range(20_000):
            recording.reply_in_turn(due, due + 0.032_768 + number / 1e6, 1)
        assert len(recording.slices._times[0]) < 1025

    def test_failures_count_for_the_pair_they_were_in(self) -> None:
        """In either slice of it; not those of connecting, nor interruptions."""
        recording = recorded(0.1, ())
        at = 5.0 + TURNS.begin_of(2)
        for cause in (
            RESET, Cause(Phase.CONNECT, "refused"), Cause(Phase.RECEIVE, "interrupted"), None
        ):  # fmt: skip
            recording.ended(cause, at + 0.1)
        assert [recording.slices.slice(number).failures for number in range(4)] == [0, 0, 1, 1]

    def test_recordings_of_threads_are_added(self) -> None:
        """Each knows when the run began."""
        whole = SliceRecording(TURNS)
        for _ in range(2):
            part = recorded(0.1, (0,))
            part.ended(RESET, 5.0 + TURNS.begin_of(0))
            whole.add(part)
        assert (whole.slices.slice(0).answered, whole.slices.slice(0).failures) == (20, 2)
        assert whole.measured_from == 5.0

    def test_what_counts_in_no_slice_is_not_counted(self) -> None:
        """A failure before the first one that does."""
        recording = recorded(0.1, ())
        recording.ended(RESET, 5.0 + TURNS.begin_of(-1) + 0.1)
        assert recording.slices.to_dict() == {"slices": [], "failed": []}


class WrittenTests(unittest.TestCase):
    """As JSON, which a process tells another one."""

    @given(
        st.lists(st.tuples(st.integers(0, 7), st.integers(0, 10**9)), max_size=40),
        st.lists(st.integers(0, 7), max_size=3),
    )
    def test_nothing_is_lost(self, took: list[tuple[int, int]], failed: list[int]) -> None:
        """What is read back, and added, says the same of every slice."""
        written, whole = Slices(TURNS), Slices(TURNS)
        for number, microseconds in took:
            written.took(number, microseconds)
        for number in failed:
            written.failed(number)
        whole.add(Slices.from_dict(json.loads(json.dumps(written.to_dict())), TURNS))
        assert whole.to_dict() == written.to_dict()
        for number in range(8):
            assert whole.slice(number) == written.slice(number)
            assert whole.slice(number).answered == sum(of == number for of, _ in took)

    def test_it_is_small(self) -> None:
        """Less than four bytes for each different time of a slice."""
        slices = Slices(TURNS)
        for microseconds in range(32_768, 65_536):
            slices.took(0, microseconds)
        assert len(json.dumps(slices.to_dict(), separators=(",", ":"))) < 4 * 1024 * 2

    def test_what_is_wrong_is_named(self) -> None:
        """With its path."""
        wrong = {"slices": [{"number": 0, "steps": [1], "times": ["x"]}], "failed": []}
        with pytest.raises(ValueError, match=r"slices\[0\]\.times\[0\]"):
            Slices.from_dict(wrong, TURNS)


class PairTests(unittest.TestCase):
    """Slices of both fleets."""

    def setUp(self) -> None:
        """Know whose the slices are."""
        slices = [[n for n in range(8) if TURNS.side_of(n) == side] for side in (0, 1)]
        self.ones, self.twos = (tuple(numbers) for numbers in slices)

    def test_each_pair_has_a_slice_of_either_side(self) -> None:
        """The first of a pair is A's, whichever came first."""
        sides = [recorded(0.1, self.ones).slices, recorded(0.2, self.twos).slices]
        pairs = pairs_of(TURNS, sides, 8)
        assert [(a.answered, b.answered) for a, b in pairs] == [(10, 10)] * 4
        assert len(pairs_of(TURNS, sides, 7)) == 3
        assert pairs_of(TURNS, sides, 1) == pairs_of(TURNS, sides, 0) == []

    def test_a_beside_itself_is_its_two_slices_of_a_block(self) -> None:
        """The later one comes first in every other block."""
        recording = recorded(0.1, self.ones)
        for number in self.ones[1::2]:  # the later one of each block
            for _ in range(4):
                due = 5.0 + TURNS.begin_of(number) + 1.0
                recording.reply(due, due, due + 0.1, 1)
        pairs = pairs_alike(TURNS, recording.slices, 8)
        assert [(a.answered, b.answered) for a, b in pairs] == [(10, 14), (14, 10)]
        assert len(pairs_alike(TURNS, recording.slices, 7)) == 1
