"""What an engine records: totals, seconds, and recordings put together."""

import unittest
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from twistecho.base.decoding import decode
from twistecho.fleet.reports.histograms import HISTOGRAMS, Latencies, Measured, add_measured
from twistecho.fleet.reports.outcome import Cause, Phase
from twistecho.fleet.reports.recorder import Recording
from twistecho.fleet.reports.second import Second

law = settings(max_examples=60, deadline=None)
RESET = Cause(Phase.RECEIVE, "reset")

durations = st.floats(0, 2)
replies = st.tuples(durations, durations, durations, st.integers(1, 1000))
histories = st.lists(
    st.one_of(
        st.tuples(st.just("connected"), durations),
        st.tuples(st.just("early"), durations),
        st.tuples(st.just("parted"), st.none()),
        st.tuples(st.just("first_byte"), durations),
        st.tuples(st.just("sent"), durations),
        st.tuples(st.just("first_byte_on_wire"), durations),
        st.tuples(st.just("wire"), st.tuples(durations, durations, durations, st.integers(1, 9))),
        st.tuples(st.just("undelayed"), st.tuples(durations, durations)),
        st.tuples(st.just("ended"), st.booleans()),
        st.tuples(st.just("reply"), replies),
    ),
    max_size=40,
)


def play(history: list[tuple[str, object]], *recordings: Recording) -> None:
    """Tell recordings in turn what happened, a third of a second apart."""
    for number, (what, value) in enumerate(history):
        recording, now = recordings[number % len(recordings)], 10 + number / 3
        if what == "connected":
            recording.connected(float(str(value)), now)
        elif what == "early":
            recording.connected(float(str(value)), now, early=True)
        elif what == "parted":
            recording.parted()
        elif what == "ended":
            recording.ended(RESET if value else None, now)
        elif what == "reply":
            assert isinstance(value, tuple)
            waited, served, _, size = value
            recording.reply(now - served - waited, now - served, now, size)
        elif what in {"wire", "undelayed"}:
            assert isinstance(value, tuple)
            due, *others = value
            getattr(recording, what)(now - due, *others)
        else:
            getattr(recording, what)(value)


def count(text: str) -> int:
    """Say how many times a histogram holds."""
    return Latencies(text).count


class RecordingTests(unittest.TestCase):
    """One recording."""

    @law
    @given(history=histories, warmup=st.floats(0, 25))
    def test_intervals_add_up_to_the_totals(
        self, history: list[tuple[str, object]], warmup: float
    ) -> None:
        """Replies, bytes, connections and failures; the warm-up's replies are in intervals only."""
        recording = Recording(warmup)
        play(history, recording)
        answered = recording.answered
        measured = recording.measured()
        seconds = measured.intervals
        came = [value for what, value in history if what == "reply"]
        assert sum(second.answered for second in seconds) == len(came) == answered
        assert sum(count(second.latency) for second in seconds) == len(came)
        assert sum(s.bytes_returned for s in seconds) == sum(v[3] for v in came)  # type: ignore[index]  # replies
        assert count(measured.latency) == count(measured.service) == len(came) - measured.unmeasured
        connected = sum(what in {"connected", "early"} for what, _ in history)
        early = sum(what == "early" for what, _ in history)
        parted = sum(what == "parted" for what, _ in history)
        assert recording.connections == connected - parted
        assert (measured.early_connects, count(measured.connect)) == (early, connected - early)
        assert sum(second.connected for second in seconds) == connected
        failures = sum(value is True for what, value in history if what == "ended")
        assert sum(second.failures.get(str(RESET), 0) for second in seconds) == failures
        assert [second.start for second in seconds] == list(range(len(seconds)))

    def test_an_interval_holds_what_came_in_its_second(self) -> None:
        """A reply at 1.0 is of the second that begins then; empty seconds are there too."""
        recording = Recording()
        for now in (0.5, 0.999, 1.0, 3.5):
            recording.reply(now - 0.1, now - 0.1, now, 7)
        seconds = recording.measured().intervals
        assert [second.answered for second in seconds] == [2, 1, 0, 1]
        assert [second.bytes_returned for second in seconds] == [14, 7, 0, 7]

    def test_the_warm_up_goes_by_when_a_message_was_due(self) -> None:
        """Not by when its reply came; it can be moved to where the run really begins."""
        recording = Recording(1.0)
        recording.measure_from(2.0)
        recording.reply(1.999, 2.0, 5.0, 1)
        recording.reply(2.0, 2.0, 5.0, 1)
        measured = recording.measured()
        assert (measured.unmeasured, count(measured.latency)) == (1, 1)

    def test_response_and_service_time_are_told_apart(self) -> None:
        """The one counts from when the message was due, the other from when it was handed over."""
        recording = Recording()
        recording.reply(1.0, 1.2, 1.5, 1)
        recording.reply(1.0, 1.0, 1.3, 1)
        measured = recording.measured()
        response = Latencies(measured.latency).summary()
        service = Latencies(measured.service).summary()
        assert response is not None
        assert service is not None
        self.assertAlmostEqual(response.max, 0.5, delta=0.001)
        self.assertAlmostEqual(service.max, 0.3, delta=0.001)

    def test_the_second_that_runs_can_be_seen(self) -> None:
        """Who looks on sees the same latencies while it runs and after."""
        recording = Recording(0.5)
        for due, now in ((0.2, 0.3), (0.6, 0.8)):
            recording.reply(due, due, now, 1)
        recording.connected(0.1, 0.1)
        recording.ended(RESET, 0.9)
        running = recording.second(0)
        recording.reply(1.1, 1.1, 1.2, 1)
        assert running == recording.second(0)
        assert running == Second(0, {100_000: 1, 200_000: 1}, 1, 2, {"receive:reset": 1})
        assert recording.second(7) == Second(7, {})
        assert recording.last == 0
        recording.measured()
        assert recording.last == 1

    def test_what_is_put_away_at_the_moment_is_seen_once(self) -> None:
        """Who looks on meanwhile looks again."""
        recording = Recording()
        recording.reply(0.2, 0.2, 0.3, 5)
        seen_in, looks = Recording._seen_in, []

        def looking(one: Recording, number: int) -> Second:
            found = seen_in(one, number)
            looks.append(found)
            if len(looks) == 1:
                one.reply(1.1, 1.1, 1.2, 5)
                return Second(number, {})  # what it held has just been taken away
            return found

        with mock.patch.object(Recording, "_seen_in", looking):
            assert recording.second(0) == Second(0, {100_000: 1}, 0, 5)
        assert len(looks) == 2

    def test_what_was_timed_stands_for_others(self) -> None:
        """Both times so often; what was due in the warm-up does not count."""
        recording = Recording(5.0)
        recording.reply(6.0, 6.0, 6.1, 1)
        for due, stands_for in ((4.9, 7), (5.0, 3), (6.0, 1)):
            recording.wire(due, 0.01, 0.002, stands_for)
            recording.undelayed(due, 0.02)
        recording.connected(0.5, 1.0, 0.7)  # the system's time may be the coarser one
        recording.reply(7.0, 7.0, 7.2, 1)
        for _ in range(2):
            measured = recording.measured()
            assert (measured.timed, measured.timed_squares, measured.samples) == (2, 10, 1)
            assert (count(measured.wire), count(measured.own)) == (4, 4)
            assert count(measured.undelayed) == 2
        [own, wire, connect] = (
            Latencies(text).summary([50.0])
            for text in (measured.own, measured.wire, measured.connect_wire)
        )
        assert own and abs(own.max - 0.002) < 1e-5
        assert wire and abs(wire.max - 0.01) < 1e-4
        assert connect and abs(connect.max - 0.5) < 1e-3

    def test_measuring_does_not_end_it(self) -> None:
        """What came until now, and then more."""
        recording = Recording()
        for now in (1.1, 1.2, 1.3):
            recording.reply(1.0, 1.0, now, 5)
            measured = recording.measured()
        assert count(measured.latency) == measured.intervals[1].answered == 3
        assert measured.intervals[1].bytes_returned == 15


class AddingTests(unittest.TestCase):
    """Recordings of one run, a thread's each, are as good as one."""

    @law
    @given(history=histories, parts=st.integers(1, 4), warmup=st.floats(0, 25))
    def test_added_recordings_are_one_that_saw_all(
        self, history: list[tuple[str, object]], parts: int, warmup: float
    ) -> None:
        """However what happened was spread over them."""
        whole, spread = Recording(warmup), [Recording(warmup) for _ in range(parts)]
        play(history, whole)
        play(history, *spread)
        total = Recording(warmup)
        for part in spread:
            total.add(part)
        assert (total.answered, total.connections) == (whole.answered, whole.connections)
        assert total.measured() == whole.measured()

    @law
    @given(history=histories, parts=st.integers(1, 4))
    def test_values_add_up_like_recordings(
        self, history: list[tuple[str, object]], parts: int
    ) -> None:
        """Histograms and seconds of processes are put together exactly."""
        whole, spread = Recording(11), [Recording(11) for _ in range(parts)]
        play(history, whole)
        play(history, *spread)
        added = add_measured([part.measured() for part in spread])
        assert added == whole.measured()
        assert decode(added.to_dict(), Measured, "a value") == added

    def test_what_nobody_measured_is_nothing(self) -> None:
        """As of a part that was lost."""
        assert add_measured([]) == Measured() == Recording().measured()

    def test_every_histogram_is_a_field(self) -> None:
        """Their names are those of the value's fields."""
        assert set(HISTOGRAMS) < set(Measured.__dataclass_fields__)
