"""What is seen of a search: the answer in words, the table, the lines meanwhile, and the chart."""

import io
import threading
import unittest
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.fleet.output.test_live import Terminal
from tests.support.charts import texts
from tests.support.rate_steps import failing, search, step
from tests.support.reports import INTERRUPTED, REFUSED, RESET, client, report
from twistecho.fleet.output.highest_rate import (
    answer_of,
    circumstances,
    is_good,
    lines_below,
    mark,
    per_second,
    step_line,
    steps_table,
)
from twistecho.fleet.output.printer import Printer
from twistecho.fleet.output.rate_chart import draw_search, rate_charts
from twistecho.fleet.output.search_display import SearchDisplay, running_line
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.highest_rate import HighestRate
from twistecho.fleet.reports.progress import Progress
from twistecho.fleet.reports.rate_step import judge_step
from twistecho.fleet.reports.report import Part
from twistecho.fleet.reports.second import Second

FOUND = search(step(1000), step(1040, 0.02), step(1040, 0.02))
AT_LEAST = search(step(1000), *[step(1040, latency=0.004, service=0.001, unsent=99)] * 2)
BEGUN = Progress(4.0, 50, 0, 4000, {}, Second(3, {1000: 990, 2000: 10}), measured_from=1.0)


def said(found: HighestRate) -> list[str]:
    """Give the answer and the lines below it."""
    return [answer_of(found)[0], *(line for line, _ in lines_below(found))]


class AnswerTests(unittest.TestCase):
    """What was found comes first, then why no more was."""

    def test_a_figure(self) -> None:
        """What was tried next, and whose limit it was."""
        assert said(FOUND) == [
            "1,000/s with p99 < 5ms",
            "Next tried: 1,040/s did not pass, twice: p99 was 20.0 ms.",
            "The target was the limit.",
        ]
        assert is_good(FOUND)
        assert circumstances(FOUND) == (
            "localhost:5000, 50 clients, 3 steps of 5 s after 1 s of warm-up"
        )

    def test_a_part_of_the_fleet_that_ended(self) -> None:
        """The search ends with it, whatever it had found."""
        lost = replace(step(2000).report, parts=(Part("process 1 of 2", 0, 0, 0.0, "killed"),))
        found = search(step(1000), judge_step(2000, lost))
        assert (
            "The search ended because a part of the fleet ended: process 1 of 2: killed."
            in said(found)
        )
        assert not is_good(found)
        assert found.exit_code == 1

    def test_at_least(self) -> None:
        """And what would offer more."""
        first, tried, whose = said(AT_LEAST)
        assert first == "at least 1,000/s with p99 < 5ms"
        assert "the rate was not held: " in tried
        assert "%" not in tried
        assert whose.startswith("All clients were waiting for replies: more --clients")
        late = search(step(1000), *[step(1040, lag=0.02)] * 2)
        assert said(late)[2].startswith("The fleet was the limit")
        assert said(search(step(9), most=9.0)) == [
            "at least 9/s with p99 < 5ms",
            "Nothing above 9/s was tried: see --max-rate.",
        ]

    def test_none(self) -> None:
        """Not even the least, or nobody could offer that."""
        missed = search(step(1, 0.02), step(1, 0.02))
        assert said(missed)[:2] == [
            "not even 1/s with p99 < 5ms",
            "1/s did not pass, twice: p99 was 20.0 ms.",
        ]
        assert not is_good(missed)
        late = search(*[step(1, lag=0.02)] * 2)
        assert said(late)[0] == "INVALID: the fleet could not offer even 1/s"
        busy = search(*[step(1, latency=0.1, service=0.001, unsent=99)] * 2)
        assert said(busy)[0] == "INVALID: 50 clients could not offer even 1/s"

    def test_nobody_was_reached(self) -> None:
        """From the beginning, or from then on."""
        gone = failing(1000, REFUSED)
        assert said(search(gone)) == [
            "the target was not reached: connect:refused, nothing listens there"
        ]
        later = search(step(500), gone)
        assert said(later)[0] == (
            "at least 500/s with p99 < 5ms, then the target was not reached: connect:refused, "
            "nothing listens there"
        )
        assert not is_good(later)

    def test_interrupted(self) -> None:
        """It says so, and what had been found by then."""
        assert said(search(interrupted=True)) == ["no result yet (interrupted)"]
        wide = search(step(1000), step(2000, 0.02), step(2000, 0.02), interrupted=True)
        assert said(wide)[0] == "at least 1,000/s with p99 < 5ms (interrupted)"
        assert said(wide)[-1] == (
            "The search ended early: nothing else was tried between 1,000/s and 2,000/s."
        )

    def test_what_clients_failed_of_is_explained(self) -> None:
        """As everywhere else."""
        found = search(step(500), *[failing(1000, RESET, answered=1)] * 2)
        assert "receive:reset, the peer reset the connection." in said(found)[1]

    def test_rates_have_sensible_digits(self) -> None:
        """No more than anybody could mean."""
        for rate, text in {
            0.5: "0.5/s", 2.25: "2.25/s", 707.0: "707/s", 999.96: "1,000/s", 1960.4: "1,960/s",
            1_234_567.0: "1,234,567/s",
        }.items():  # fmt: skip
            assert per_second(rate) == text

    def test_marks(self) -> None:
        """Those that an encoding has."""
        assert (mark("utf-8", passed=True), mark("utf-8", passed=False)) == ("✓", "✗")
        for encoding in ("ascii", "latin-1", "no-such-encoding"):
            assert (mark(encoding, passed=True), mark(encoding, passed=False)) == ("+", "x")


class TableTests(unittest.TestCase):
    """The steps."""

    def test_it_has_room_in_80_columns(self) -> None:
        """Whatever was wrong; nothing is wrapped."""
        steps = [
            step(123_456.0),
            step(123_457.0, 0.02),
            step(123_458.0, latency=0.004, service=0.001, unsent=99),
            failing(123_459.0, RESET, RESET),
            failing(123_460.0, REFUSED),
            step(123_461.0, lag=0.02),
        ]
        stream = io.StringIO()
        Printer(stream).table(steps_table(search(*steps)))
        lines = stream.getvalue().splitlines()
        assert len(lines) == 2 + len(steps)
        assert max(len(line) for line in lines) <= 80
        for line, end in zip(lines[2:], ["passed", "missed p99 < 5ms", "rate not held",
                                         "2 clients failed", "not reached", "fleet was late"],
                             strict=True):  # fmt: skip
            assert line.rstrip().endswith(end)

    def test_a_step_in_a_line(self) -> None:
        """In columns."""
        assert step_line(step(1000), "utf-8")[0] == (
            "✓     1,000/s   p50 1.00 ms   p99 1.00 ms   passed"
        )
        nothing = step_line(failing(1000, REFUSED), "ascii")[0]
        assert nothing == "x     1,000/s   p50       -   p99       -   not reached"


class Watching:
    """Tells how far a step is, and notes when it has been asked a few times."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self._times = 0

    def __call__(self) -> Progress:
        """Tell."""
        self._times += 1
        if self._times > 2:
            self.asked.set()
        return BEGUN

    def seconds(self, after: int, *, over: bool = False) -> Sequence[Second]:  # noqa: ARG002
        """Tell of no second."""
        return ()


class DisplayTests(unittest.TestCase):
    """What is shown meanwhile."""

    def test_the_running_step(self) -> None:
        """A bar, the seconds left, what came in the last one."""
        plan = Plan(clients=50, rate=1000.0, duration=5.0, warmup=1.0, barrier=True)
        line = running_line(plan, BEGUN, "utf-8")
        assert line == ("      1,000/s   ━━━━━━━━━━━─────   2 s left, 1,000/s now, p99 1.00 ms")
        assert "###########-----" in running_line(plan, BEGUN, "ascii")
        assert "warming up" in running_line(plan, Progress(0.2), "ascii")
        assert "awaiting replies" in running_line(plan, replace(BEGUN, took=60.0), "ascii")

    def test_a_stream_gets_a_line_for_each_step(self) -> None:
        """And one that says what is searched for; but none where it is quiet."""
        for quiet in (False, True):
            stream = io.StringIO()
            with SearchDisplay(stream, "Searching\x1b", 0.05, quiet=quiet) as display:
                with display.meanwhile(Plan())(Watching()):
                    pass
                display.finished(step(1000))
            told = ["Searching\\x1b", step_line(step(1000), "utf-8")[0]]
            assert stream.getvalue().splitlines() == ([] if quiet else told)

    def test_a_terminal_gets_a_block_that_goes_away(self) -> None:
        """With the steps that are over, the running one, and how much is left."""
        stream, watch = Terminal(), Watching()
        plan = Plan(clients=50, rate=1020.0, duration=5.0, warmup=1.0)
        with SearchDisplay(stream, "Searching", 0.01) as display:
            for each in FOUND.steps:
                display.finished(each)
            with display.meanwhile(plan)(watch):
                assert watch.asked.wait(20)
        written = stream.getvalue()
        assert "Searching" in written
        assert "1,040/s" in written
        assert "missed p99 < 5ms" in written
        assert "1,020/s" in written
        assert "step 4, about 12 s to go" in written

    def test_a_reader_that_has_gone_ends_nothing(self) -> None:
        """The search goes on."""
        for stream in (Terminal(), io.StringIO()):
            stream.close()
            with SearchDisplay(stream, "Searching", 0.05) as display:
                display.finished(step(1000))
            assert stream.closed


class ChartTests(unittest.TestCase):
    """Rate against latency."""

    def drawn(self, found: HighestRate) -> list[str]:
        """Draw it; give the texts of the picture."""
        with TemporaryDirectory() as folder:
            path = Path(folder) / "x.svg"
            draw_search(found, str(path))
            return texts(path.read_text(encoding="utf-8"))

    def test_the_knee_and_what_was_required_are_drawn(self) -> None:
        """And the steps that did not pass are marked."""
        told = self.drawn(FOUND)
        for text in ("p50", "p99", "p99 < 5ms", "did not pass", "highest that passed: 1,000/s",
                     "localhost:5000: 1,000/s with p99 < 5ms"):  # fmt: skip
            assert text in told
        assert "at least: 1,000/s" in self.drawn(AT_LEAST)

    def test_all_points_are_inside(self) -> None:
        """None is on the edge, on scales of either kind."""
        for steps in ([step(1000)], [step(1), step(900, 0.004), step(1000, 3.0)], FOUND.steps):
            [chart] = rate_charts(search(*steps))
            for line in chart.marks:
                for x, y in getattr(line, "points", ()):
                    assert 0 <= chart.x.place(x) <= 1
                    assert 0 <= chart.y.place(y) <= 1

    def test_nothing_came(self) -> None:
        """There is a picture that says so."""
        interrupted = judge_step(5, report(client(0, 0, 1, INTERRUPTED), interrupted=True))
        for steps in ((), (interrupted,)):
            assert self.drawn(search(*steps)) == ["localhost:5000: no result yet; no reply arrived"]
        [only] = self.drawn(search(failing(5, REFUSED)))
        assert only.startswith("localhost:5000: the target was not reached")
