"""What is seen of a run: the right figures, at the right time, on the right kind of stream."""

import io
import threading
from unittest import TestCase
from unittest.mock import patch

from twistecho.fleet.output import live
from twistecho.fleet.output.live import Display, lines, time_left
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.progress import Progress
from twistecho.fleet.reports.second import Second

PLAN = Plan(clients=20, repeat=100)
FAR = Progress(12.4, 18, 2, 500, {"receive:reset": 2}, Second(11, {1_000: 98, 250_000: 2}))


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


class LinesTests(TestCase):
    """What is said."""

    def test_the_lines_say_all_that_is_known_now(self) -> None:
        """Time and what is left of it, clients, messages and rate, latencies, failures."""
        assert lines(PLAN, FAR) == [
            "12 s, 32 s left",
            "18 connected, 2 of 20 clients done",
            "500 messages answered, 100/s now",
            "p50 1.00 ms, p99 250 ms now",
            "2 failed: 2 receive:reset",
        ]

    def test_what_is_not_known_yet_is_not_said(self) -> None:
        """Before the first reply there is neither rate, latency nor time left."""
        assert lines(PLAN, Progress(0.5, 3)) == [
            "0 s",
            "3 connected, 0 of 20 clients done",
            "0 messages answered",
        ]

    def test_a_line_has_room_for_the_most_frequent_causes(self) -> None:
        """Those that are left out are hinted at."""
        failures = {f"receive:e{n}": n for n in range(1, 8)}
        [said] = [
            line for line in lines(PLAN, Progress(3.0, failures=failures)) if "failed" in line
        ]
        assert said == "28 failed: 7 receive:e7, 6 receive:e6, 5 receive:e5, 4 receive:e4, ..."


class StageTests(TestCase):
    """Which stage runs."""

    def test_the_stage_that_runs_is_named_with_its_load(self) -> None:
        """None in the warm-up; behind a barrier they count from there."""
        plan = Plan(rate="10:4s,10..1k:1min", warmup=2.0)
        said = [lines(plan, Progress(at, measured_from=2.0))[1] for at in (1.0, 3.0, 6.5, 90.0)]
        assert said[0].startswith("0 connected")
        assert said[1:] == ["stage 1 of 2, 10:4s", *["stage 2 of 2, 10..1k:1min"] * 2]
        assert time_left(plan, Progress(10.0, measured_from=2.0)) == 56.0


class TimeLeftTests(TestCase):
    """How long it will still take."""

    def test_a_barrier_is_where_counting_down_begins(self) -> None:
        """Until then all of it is left."""
        plan = Plan(duration=30.0, warmup=5.0, barrier=True)
        assert time_left(plan, Progress(took=9.0, measured_from=5.0)) == 35.0
        assert time_left(plan, Progress(took=9.0, measured_from=12.0)) == 33.0

    def test_a_duration_is_counted_down_with_the_warm_up_before_it(self) -> None:
        """Never below zero: what is outstanding is waited for."""
        plan = Plan(duration=30.0, warmup=5.0)
        assert time_left(plan, Progress(12.0)) == 23.0
        assert time_left(plan, Progress(40.0)) == 0.0

    def test_an_open_load_of_so_many_messages_takes_as_long_as_its_schedule(self) -> None:
        """20 clients with 100 messages each, at 100 a second: 20 seconds."""
        assert time_left(Plan(clients=20, repeat=100, rate=100.0), Progress(5.0)) == 15.0

    def test_a_closed_load_goes_on_as_it_went(self) -> None:
        """What failed clients would have sent is not waited for."""
        progress = Progress(10.0, answered=900, failures={"receive:reset": 2})
        assert time_left(PLAN, progress) == 10.0
        assert time_left(PLAN, Progress(10.0)) is None


class DisplayTests(TestCase):
    """Where and when it is said. Waiting is shortened, not relied upon."""

    def shown(self, stream: io.StringIO, wanted: int) -> str:
        """Show a run that lasts until it was asked so often how far it is; give what came."""
        asked = threading.Semaphore(0)

        def progress() -> Progress:
            asked.release()
            return FAR

        with (
            patch.multiple(live, _SHOWN_AFTER=0.0, _RENEWED_EVERY=0.001, _PLAIN_EVERY=0.001),
            Display(stream, PLAN, progress),
        ):
            for _ in range(wanted):
                assert asked.acquire(timeout=20)
        return stream.getvalue()

    def test_a_stream_that_is_no_terminal_gets_whole_plain_lines(self) -> None:
        """One at a time, with neither colour nor cursor movements in it."""
        text = self.shown(io.StringIO(), 3)
        assert "\x1b" not in text
        assert set(text.splitlines()) == {"; ".join(lines(PLAN, FAR))}
        assert text.endswith("\n")

    def test_a_terminal_gets_lines_that_are_renewed_and_go_away(self) -> None:
        """The cursor goes up again, and at the end every line is erased."""
        text = self.shown(Terminal(), 3)
        assert "p99 250 ms now" in text
        assert text.count("\x1b[2K") >= 3 * 4
        assert text.rstrip("\n").rindex("\x1b[2K") > text.rindex("p99 250 ms now")

    def test_quiet_shows_nothing_and_asks_nothing(self) -> None:
        """Neither on a terminal nor elsewhere: nobody is there who could."""
        before = threading.active_count()
        for stream in (Terminal(), io.StringIO()):
            with Display(stream, PLAN, lambda: FAR, quiet=True):
                assert threading.active_count() == before
            assert stream.getvalue() == ""

    def test_a_short_run_shows_nothing(self) -> None:
        """It is over before anybody could read it."""
        for stream in (Terminal(), io.StringIO()):
            with Display(stream, PLAN, lambda: FAR):
                pass
            assert stream.getvalue() == ""

    def test_a_reader_that_has_gone_does_not_end_the_run(self) -> None:
        """What cannot be written is not written, and nothing is raised or left running."""
        before = threading.active_count()

        class Gone(io.StringIO):
            """A stream that nobody reads."""

            def write(self, _text: str) -> int:
                """Fail as a pipe does."""
                raise BrokenPipeError

        class GoneTerminal(Gone, Terminal):
            """A terminal that has been closed."""

        for stream in (Gone(), GoneTerminal()):
            with patch.object(live, "_SHOWN_AFTER", 0.0), Display(stream, PLAN, lambda: FAR) as it:
                assert it._thread is not None
                it._thread.join(20)
                assert not it._thread.is_alive()
        assert threading.active_count() == before
