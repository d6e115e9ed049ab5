"""The course of a run: its seconds, and longer pieces that are put together exactly."""

from collections import Counter
from dataclasses import replace
from unittest import TestCase

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.reports import histogram_of
from tests.support.stalls import STALLED, stalled
from twistecho.fleet.output.course import MOST, moments
from twistecho.fleet.reports.histograms import Interval, Latencies, Measured
from twistecho.fleet.reports.report import Report

seconds = st.lists(
    st.tuples(
        st.lists(st.floats(1e-6, 10), max_size=5),
        st.dictionaries(st.sampled_from(["receive:reset", "connect:refused"]), st.integers(1, 9)),
    ),
    min_size=1,
    max_size=60,
)


def run(found: "list[tuple[list[float], dict[str, int]]]") -> Report:
    """Make a report of these seconds: the replies' latencies, and failures by cause."""
    intervals = tuple(
        Interval(float(n), 0, len(latencies), 0, failures, histogram_of(latencies))
        for n, (latencies, failures) in enumerate(found)
    )
    return replace(stalled(), measured=Measured(intervals=intervals))


class CourseTests(TestCase):
    """What the pieces of a run were like."""

    def test_a_stall_is_a_second_without_replies_and_the_next_one_late(self) -> None:
        """Rate, latencies and failures of each second; the last one's rate is not guessed."""
        found = moments(stalled())
        assert (found[STALLED].rate, found[STALLED].p50) == (0.0, None)
        assert found[STALLED].failures == {"receive:reset": 2, "connect:refused": 1}
        late = found[STALLED + 1]
        assert late.p99 is not None
        assert 0.9 < late.p99 < 1.0
        assert found[-1].rate is None

    @settings(max_examples=25, deadline=None)
    @given(seconds, st.integers(1, 20))
    def test_pieces_are_of_what_their_seconds_are_of(
        self, found: "list[tuple[list[float], dict[str, int]]]", most: int
    ) -> None:
        """As many as may be; every failure in one; percentiles those of all replies in them."""
        pieces = moments(run(found), most)
        assert 1 <= len(pieces) <= most
        failures: Counter[str] = Counter()
        for piece in pieces:
            failures.update(piece.failures)
            inside = [
                latency
                for n, (latencies, _) in enumerate(found)
                if piece.start <= n < piece.end
                for latency in latencies
            ]
            summary = Latencies(histogram_of(inside)).summary([50.0, 99.0])
            expected = (None,) * 3 if summary is None else (*summary.percentiles, summary.max)
            assert (piece.p50, piece.p99, piece.max) == expected
        assert failures == sum((Counter(each) for _, each in found), Counter())

    def test_the_rate_of_a_piece_is_of_its_whole_seconds(self) -> None:
        """The last second of a run was cut short, and is left out."""
        found: list[tuple[list[float], dict[str, int]]] = [([0.1] * 4, {}) for _ in range(7)]
        assert [piece.rate for piece in moments(run(found), 2)] == [4.0, 4.0]
        assert [piece.rate for piece in moments(run(found), 4)] == [4.0, 4.0, 4.0, None]

    def test_any_length_is_a_few_pieces(self) -> None:
        """Of damaged files too, in which a second may be at any time, and of none."""
        assert moments(replace(stalled(), measured=Measured())) == []
        for last in (1e3, 1e5, 1e9, 1e300):
            intervals = (Interval(0.0, answered=1), Interval(last, answered=1))
            pieces = moments(replace(stalled(), measured=Measured(intervals=intervals)))
            assert len(pieces) == 2
            assert pieces[1].end <= pieces[1].length * (MOST + 1)
