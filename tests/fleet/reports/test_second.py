"""One second of a run: its percentiles, as JSON between processes, and put together."""

import json
from unittest import TestCase

from hypothesis import given
from hypothesis import strategies as st

from twistecho.fleet.reports.second import Second, add_seconds

_LATENCIES = st.dictionaries(st.integers(0, 10**7), st.integers(1, 50), min_size=1, max_size=30)

_SECONDS = st.builds(
    Second,
    number=st.just(4),
    latencies=_LATENCIES,
    connected=st.integers(0, 9),
    bytes_returned=st.integers(0, 10**9),
    failures=st.dictionaries(
        st.sampled_from(["receive:reset", "connect:refused"]), st.integers(1, 99)
    ),
)


class SecondTests(TestCase):
    """The last whole second."""

    @given(_LATENCIES, st.sampled_from([1.0, 50.0, 90.0, 99.0, 100.0]))
    def test_a_percentile_is_that_of_the_sorted_latencies(
        self, latencies: dict[int, int], percent: float
    ) -> None:
        """The least latency that so many of the replies did not exceed."""
        every = sorted(value for value, count in latencies.items() for _ in range(count))
        within = [n for n in range(1, len(every) + 1) if n >= percent / 100 * len(every)]
        found = Second(0, latencies).percentile(percent)
        assert found == every[within[0] - 1] / 1e6

    def test_a_percentile_of_a_few_is_the_value_of_its_rank(self) -> None:
        """The first of two up to the half, then the second."""
        second = Second(0, {1000: 1, 2000: 1})
        found = [second.percentile(percent) for percent in (0.0, 50.0, 50.1, 99.0)]
        assert found == [0.001, 0.001, 0.002, 0.002]

    def test_a_second_without_replies_has_no_latency_to_tell(self) -> None:
        """Zero, and none answered."""
        assert Second(3, {}).percentile(99.0) == 0.0
        assert Second(3, {}).answered == 0

    @given(_SECONDS)
    def test_it_comes_back_from_json(self, second: Second) -> None:
        """The same."""
        assert Second.from_dict(json.loads(json.dumps(second.to_dict()))) == second

    @given(_SECONDS, _SECONDS)
    def test_parts_add_up(self, one: Second, two: Second) -> None:
        """Whatever there is to count."""
        both = add_seconds(4, [one, two])
        assert both.number == 4
        assert both.answered == one.answered + two.answered
        assert both.connected == one.connected + two.connected
        assert both.bytes_returned == one.bytes_returned + two.bytes_returned
        for cause in {*both.failures, *one.failures, *two.failures}:
            parts = one.failures.get(cause, 0) + two.failures.get(cause, 0)
            assert both.failures[cause] == parts
        for latency in {*both.latencies, *one.latencies, *two.latencies}:
            found = one.latencies.get(latency, 0) + two.latencies.get(latency, 0)
            assert both.latencies[latency] == found

    def test_nothing_is_a_second_in_which_nothing_happened(self) -> None:
        """Of the number that was asked for."""
        assert add_seconds(3, []) == Second(3, {})
