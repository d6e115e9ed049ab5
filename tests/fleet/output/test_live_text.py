"""What is said of a run while it goes on: the right figures, in as much room as there is."""

from dataclasses import replace
from unittest import TestCase

from twistecho.fleet.output.live_text import (
    BarLine,
    bar_line,
    clock,
    failures_line,
    figures_line,
    fitted,
    lines,
)
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.progress import Progress
from twistecho.fleet.reports.second import Second

PLAN = Plan(clients=20, repeat=100)
FAR = Progress(12.4, 18, 2, 500, {"receive:reset": 2}, Second(11, {1_000: 98, 250_000: 2}))
OPEN = Plan(clients=50, duration=30.0, rate=2000.0)
RUNNING = Progress(12.0, 50, 0, 23_990, second=Second(11, {2_400: 1_900, 57_000: 98}))
STAGED = Plan(rate="10:4s,10..1k:1min", warmup=2.0)


class PlainTests(TestCase):
    """Plain lines."""

    def test_they_say_all_that_is_known_now(self) -> None:
        """Time and what is left of it, clients, messages and rate, latencies, failures."""
        assert lines(PLAN, FAR, "threads") == [
            "threads engine",
            "12 s, 32 s left",
            "18 connected, 2 of 20 clients done",
            "500 messages answered, 100/s now",
            "p50 1.00 ms, p99 250 ms now",
            "2 failed: 2 receive:reset",
        ]

    def test_what_is_not_known_yet_is_not_said(self) -> None:
        """Before the first second is over there is neither rate, latency nor time left."""
        assert lines(PLAN, Progress(0.5, 3)) == [
            "0 s",
            "3 connected, 0 of 20 clients done",
            "0 messages answered",
        ]

    def test_where_nothing_came_there_are_dashes(self) -> None:
        """The rate is 0, and of nothing there is no percentile."""
        assert lines(PLAN, Progress(2.5, 3, second=Second(1, {})))[-2:] == [
            "0 messages answered, 0/s now",
            "p50 -, p99 - now",
        ]

    def test_an_open_load_says_what_it_asks_for(self) -> None:
        """Beside what came."""
        assert "23,990 messages answered, 1,998/s now of 2,000/s asked" in lines(OPEN, RUNNING)

    def test_the_stage_that_runs_is_named_with_its_load(self) -> None:
        """And what there is beside stages."""
        said = [lines(STAGED, Progress(at, measured_from=2.0))[1] for at in (1.0, 3.0, 6.5, 90.0)]
        assert said == [
            "warm-up",
            "stage 1 of 2, 10:4s",
            "stage 2 of 2, 10..1k:1min",
            "waiting for the last replies",
        ]


class BarTests(TestCase):
    """The line with the bar."""

    def test_it_has_what_there_is_room_for(self) -> None:
        """The bar stays; the stage's load goes first, then the share, then the engine's name."""
        at = Progress(34.0, measured_from=2.0)
        assert bar_line(STAGED, at, 110, "reactor") == BarLine(
            "reactor engine, stage 2 of 2, 10..1k:1min", 40, 34 / 66, "51 %  32 s left"
        )
        for width, before, behind in (
            (60, "reactor engine, stage 2 of 2", "51 %  32 s left"),
            (51, "reactor engine, stage 2 of 2", "32 s left"),
            (35, "stage 2 of 2", "32 s left"),
        ):
            found = bar_line(STAGED, at, width, "reactor")
            assert (found.before, found.behind) == (before, behind)
            assert len(before) + 2 + found.bar + 2 + len(behind) <= width

    def test_where_there_is_no_room_for_a_bar_there_is_text(self) -> None:
        """What is left of the time, and what runs as far as it goes."""
        at = Progress(34.0, measured_from=2.0)
        assert bar_line(STAGED, at, 24) == BarLine("stage 2 of 2, 32 s left", 0, 34 / 66, "")
        assert bar_line(STAGED, at, 20).before == "32 s left"
        assert bar_line(STAGED, at, 4).before == "32 s"

    def test_at_the_barrier_nobody_knows_how_much_is_done(self) -> None:
        """Nor how long it takes: it says how long it has taken."""
        plan = Plan(duration=30.0, barrier=True)
        assert bar_line(plan, Progress(3.0), 60) == BarLine("connecting", 40, None, "3 s")

    def test_clocks_have_the_units_that_they_need(self) -> None:
        """Seconds, minutes, hours."""
        assert [clock(at) for at in (0.4, 59.4, 59.6, 83.0, 3599.9, 7384.0, 1e6)] == [
            "0 s", "59 s", "1:00", "1:23", "1:00:00", "2:03:04", "278 h",
        ]  # fmt: skip


class FiguresTests(TestCase):
    """The figures below the bar."""

    def test_a_wide_terminal_has_all_of_them(self) -> None:
        """In their order."""
        assert figures_line(OPEN, replace(RUNNING, ended=1), 109, " · ") == (
            "1,998/s of 2,000/s asked · p50 2.40 ms · p99 57.0 ms · 50 of 50 connected · 1 done"
            " · 23,990 answered"
        )

    def test_a_narrow_one_has_those_that_matter_most(self) -> None:
        """Whole ones, never a part; the rate alone is cut where even that is too long."""
        for width, said in (
            (79, "1,998/s of 2,000/s asked, p50 2.40 ms, p99 57.0 ms, 50 of 50 connected"),
            (59, "1,998/s of 2,000/s asked, p99 57.0 ms, 50 of 50 connected"),
            (40, "1,998/s of 2,000/s asked, p99 57.0 ms"),
            (24, "1,998/s of 2,000/s asked"),
            (7, "1,998/s"),
        ):
            assert figures_line(OPEN, RUNNING, width) == said

    def test_a_closed_load_asks_for_no_rate_and_nothing_known_is_a_dash(self) -> None:
        """Whatever the width, the line has its usual form."""
        assert figures_line(PLAN, Progress(0.5, 3), 79) == (
            "-/s, p50 -, p99 -, 3 of 20 connected, 0 answered"
        )

    def test_clients_that_come_and_go_are_counted_against_those_there_should_be(self) -> None:
        """Not against all that ever are."""
        plan = Plan(clients="10..20:10s")
        assert "14 of 15 connected" in figures_line(plan, Progress(5.0, 14), 79)

    def test_pieces_of_the_same_line_go_by_their_ranks(self) -> None:
        """The first one that is left stays, cut; empty ones never counted."""
        pieces = [(1, "one"), (0, "two"), (2, ""), (2, "three")]
        assert [fitted(pieces, width) for width in (15, 14, 7, 2, 0)] == [
            "one, two, three", "one, two", "two", "tw", "",
        ]  # fmt: skip


class FailuresTests(TestCase):
    """Of what clients failed."""

    def test_a_line_has_room_for_the_most_frequent_causes(self) -> None:
        """Those that are left out are hinted at."""
        progress = Progress(3.0, failures={f"receive:e{n}": n for n in range(1, 8)})
        assert failures_line(progress) == (
            "28 failed: 7 receive:e7, 6 receive:e6, 5 receive:e5, 4 receive:e4, ..."
        )
        assert failures_line(progress, 45) == "28 failed: 7 receive:e7, 6 receive:e6, ..."
        assert failures_line(progress, 15) == "28 failed"
        assert failures_line(progress, 4) == "28 f"
