"""A second as a line of JSON."""

import json
from dataclasses import replace
from unittest import TestCase

from twistecho.fleet.output.json_lines import to_json_line
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.progress import Progress
from twistecho.fleet.reports.readable import readable_counts
from twistecho.fleet.reports.second import Second


class LineTests(TestCase):
    """What is told."""

    def test_a_line_has_what_happened_in_it_and_how_far_the_run_is(self) -> None:
        """Counts of that second, latencies in figures, clients as they are now."""
        second = Second(7, {1_000: 98, 250_000: 2}, 3, 2_300, {"receive:reset": 1})
        line = to_json_line(second, Progress(8.3, 18, 2, 900), Plan(rate=100.0))
        assert "\n" not in line
        assert json.loads(line) == {
            "schema": 3,
            "start": 7.0,
            "warmup": False,
            "stage": None,
            "rate_asked": 100.0,
            "connected": 3,
            "answered": 100,
            "bytes_returned": 2_300,
            "failures": {"receive:reset": 1},
            "latency_seconds": readable_counts(second.latencies),
            "clients_connected": 18,
            "clients_ended": 2,
        }

    def test_a_second_that_begins_in_the_warm_up_is_of_it(self) -> None:
        """Where nothing came there is no latency, and in a closed load no rate is asked."""
        for number, warming in ((0, True), (2, True), (3, False)):
            line = to_json_line(Second(number, {}), Progress(9.0, measured_from=2.5), Plan())
            found = json.loads(line)
            assert found["warmup"] is warming
            assert found["latency_seconds"] is found["rate_asked"] is None

    def test_a_second_is_of_the_stage_in_which_it_begins(self) -> None:
        """Of none in the warm-up, after the last one, and while clients wait at a barrier."""
        plan = Plan(rate="10:2s,10..30:1s", warmup=1.0)

        def stages(plan: Plan, measured_from: float) -> list[int | None]:
            progress = Progress(9.0, measured_from=measured_from)
            told = [to_json_line(Second(number, {}), progress, plan) for number in range(6)]
            return [json.loads(line)["stage"] for line in told]

        assert stages(plan, 1.0) == [None, 1, 1, 2, None, None]
        together = replace(plan, barrier=True)
        assert stages(together, 1.0) == [None] * 6
        assert stages(together, 2.5) == [None, None, None, 1, 1, 2]
