"""How far a run is: counted once, added up, and its last second told while it still records."""

import json
from unittest import TestCase, mock

from hypothesis import given
from hypothesis import strategies as st

from tests.support.samples import RESET, outcome
from twistecho.fleet.reports.outcome import Cause, Outcome, Phase
from twistecho.fleet.reports.progress import (
    KEPT,
    Progress,
    ProgressWatch,
    add_progress,
    last_of_all,
)
from twistecho.fleet.reports.recorder import Recording
from twistecho.fleet.reports.second import Second

_LATENCIES = st.dictionaries(st.integers(0, 10**7), st.integers(1, 50), min_size=1, max_size=30)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


class JsonTests(TestCase):
    """What a process tells another."""

    @given(st.floats(0, 1e6), st.none() | st.builds(Second, st.integers(0, 99), _LATENCIES))
    def test_it_comes_back_from_json(self, took: float, second: Second | None) -> None:
        """The same."""
        before = Progress(took, 3, 2, 9, {"receive:reset": 1}, second)
        assert Progress.from_dict(json.loads(json.dumps(before.to_dict()))) == before

    @given(st.sampled_from(sorted(Progress.__dataclass_fields__)), _JSON)
    def test_any_json_is_progress_or_refused_with_valueerror(self, name: str, data: object) -> None:
        """And nothing else."""
        for value in (data, {**Progress(1.0).to_dict(), name: data}):
            try:
                Progress.from_dict(value)
            except ValueError as error:
                assert str(error).startswith("not progress: ")


class WatchTests(TestCase):
    """A run that is watched."""

    def setUp(self) -> None:
        """Make a run of two recordings."""
        self.now = 0.0
        self.outcomes: list[Outcome] = []
        self.recordings = [Recording(), Recording()]
        self.watch = ProgressWatch(self.outcomes, lambda: self.recordings, lambda: self.now)

    def reply(self, at: float, took: float, recording: int = 0) -> None:
        """Have a reply come."""
        self.recordings[recording].reply(at - took, at - took, at, 10)

    def test_before_the_first_second_is_over_there_is_none_to_tell_of(self) -> None:
        """Counts are there at once."""
        self.recordings[0].connected(0.1, 0.1)
        self.reply(0.5, 0.25)
        self.now = 0.9
        assert self.watch() == Progress(took=0.9, connected=1, answered=1)

    def test_the_last_whole_second_is_told_whether_or_not_anything_came_since(self) -> None:
        """Of all recordings together, whether they have put it away or not."""
        self.reply(1.5, 0.25)
        self.reply(1.6, 0.25, recording=1)
        self.reply(2.1, 0.5, recording=1)
        self.now = 2.4
        assert self.watch().second == Second(1, {250_000: 2}, bytes_returned=20)
        self.now = 3.2
        assert self.watch().second == Second(2, {500_000: 1}, bytes_returned=10)
        self.now = 4.2
        assert self.watch().second == Second(3, {})

    def test_every_second_is_told_in_turn_once_it_has_settled(self) -> None:
        """However late one asks; that which goes on only where the run is over."""
        self.recordings[1].connected(0.1, 0.1)
        for at in (0.5, 2.5, 3.1):
            self.reply(at, 0.25)
        self.now = 3.1
        told = [Second(0, {250_000: 1}, 1, 10), Second(1, {})]
        assert self.watch.seconds(-1) == told
        assert self.watch.seconds(0) == told[1:]
        assert self.watch.seconds(1) == []
        self.now = 3.4
        assert self.watch.seconds(1) == [Second(2, {250_000: 1}, 0, 10)]
        for recording in self.recordings:
            recording.measured()
        assert [second.number for second in self.watch.seconds(1, over=True)] == [2, 3]

    def test_what_is_added_to_another_recording_meanwhile_counts_once(self) -> None:
        """As a thread's does when its client ends: the second is read again."""
        self.reply(0.5, 0.25, recording=1)
        self.now = 2.0
        second = Recording.second

        def adding(one: Recording, number: int) -> Second:
            if len(self.recordings) == 2:
                one.add(self.recordings[1])
                self.recordings = self.recordings[:1]
            return second(one, number)

        with mock.patch.object(Recording, "second", adding):
            assert self.watch.seconds(-1) == [Second(0, {250_000: 1}, 0, 10)]

    def test_watching_changes_nothing_of_what_is_recorded(self) -> None:
        """A run that was watched measures the same as one that was not."""
        unwatched = Recording()
        for at in (0.5, 1.2, 1.3, 3.5):
            unwatched.reply(at - 0.01, at - 0.01, at, 10)
            self.reply(at, 0.01)
            self.now = at
            self.watch()
            self.watch.seconds(-1)
        assert self.recordings[0].measured() == unwatched.measured()

    def test_clients_that_ended_are_no_longer_connected(self) -> None:
        """Those that failed are counted by cause, those that never connected apart."""
        for _ in range(3):
            self.recordings[0].connected(0.1, 0.1)
        self.outcomes += [outcome(0, 1.0), outcome(1, 1.0, cause=RESET)]
        self.outcomes += [outcome(2, 1.0, connected=None, cause=RESET)]
        progress = self.watch()
        assert (progress.connected, progress.ended) == (1, 3)
        assert progress.failures == {"receive:reset": 2}
        self.outcomes += [outcome(3, 1.5)]
        progress = self.watch()
        assert (progress.connected, progress.ended) == (0, 4)

    def test_who_ended_between_two_connections_had_none(self) -> None:
        """And is not taken for another one that ended."""
        for _ in range(2):
            self.recordings[0].connected(0.1, 0.1)
        self.recordings[0].parted()
        assert self.watch().connected == 1
        self.outcomes += [outcome(0, 1.0, cause=Cause(Phase.CONNECT, "refused"))]
        assert self.watch().connected == 1
        self.recordings[0].parted()
        self.recordings[0].connected(0.1, 1.5)
        assert self.watch().connected == 1
        self.outcomes += [outcome(1, 2.0)]
        assert self.watch().connected == 0


class SumTests(TestCase):
    """The parts of a run."""

    def test_counts_add_up_and_the_longest_part_gives_the_time(self) -> None:
        """Failures by cause likewise."""
        parts = [
            Progress(3.1, 5, 1, 100, {"receive:reset": 1}, Second(2, {10: 3})),
            Progress(
                3.4, 6, 2, 200, {"receive:reset": 2, "connect:refused": 1}, Second(2, {10: 1})
            ),
        ]
        assert add_progress(parts) == Progress(
            3.4, 11, 3, 300, {"receive:reset": 3, "connect:refused": 1}, Second(2, {10: 4})
        )

    def test_a_part_that_lags_behind_is_not_added_to_another_second(self) -> None:
        """Its last second was told already."""
        parts = [Progress(3.1, second=Second(1, {10: 3})), Progress(3.1, second=Second(2, {20: 1}))]
        assert add_progress(parts).second == Second(2, {20: 1})

    def test_no_parts_are_a_run_that_has_not_begun(self) -> None:
        """Nothing, and no error."""
        assert add_progress([]) == Progress(0.0)

    def test_the_last_second_is_one_that_all_running_parts_have_told_of(self) -> None:
        """A part that tells later is waited for; one that has ended, or tells no more, is not."""
        one = [Second(number, {10: 1}) for number in (3, 4, 5)]
        two = [Second(number, {20: 1}) for number in (2, 3, 4)]
        assert last_of_all([one, two], [True, True]) == Second(4, {10: 1, 20: 1})
        assert last_of_all([one, two], [True, False]) == Second(5, {10: 1})
        assert last_of_all([one, two], [False, False]) == Second(5, {10: 1})
        assert last_of_all([one, []], [True, True]) == Second(5, {10: 1})
        stuck = [Second(0, {20: 1})]
        assert last_of_all([one, stuck], [True, True]) == Second(5 - KEPT + 1, {10: 1})
        assert last_of_all([[], []], [True, True]) is None
