"""Charts of a report: which there are, what they show, and the points on them."""

import tempfile
from dataclasses import astuple, replace
from pathlib import Path
from unittest import TestCase

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.charts import texts
from tests.support.reports import client, histogram_of, report
from tests.support.stages import STAGED_PLAN, clients_report, report_of, staged_report
from tests.support.stalls import STALLED, stalled
from twistecho.base.reply_formats import ReplyFormat
from twistecho.fleet.conversation.conversation import Conversation
from twistecho.fleet.output.charts import charts_of, draw, percentile_curve
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.histograms import Interval, Latencies, Measured
from twistecho.fleet.reports.recorder import Recording
from twistecho.fleet.reports.report import Report
from twistecho.pictures.chart import Boxes, Chart, Line

ALL = [
    "Latency by percentile", "Latency over time", "Messages answered per second", "Failed clients",
]  # fmt: skip


def titles(found: Report) -> list[str]:
    """Give the titles of a report's charts."""
    return [chart.title for chart in charts_of(found)]


def named(chart: Chart) -> dict[str, Line | Boxes]:
    """Give a chart's marks by their labels."""
    return {mark.label: mark for mark in chart.marks}


class ChartTests(TestCase):
    """Which charts there are."""

    def test_a_chart_without_anything_to_show_is_left_out(self) -> None:
        """Of no reply, of no failure, of a run of one second, of one without any."""
        assert titles(stalled()) == ALL
        assert titles(stalled(seconds=5)) == ALL[:3]
        assert titles(stalled(seconds=1, warmup=0.0)) == ALL[:1]
        assert titles(replace(stalled(), measured=Measured())) == []
        failing = tuple(Interval(float(n), failures={"connect:refused": 1}) for n in range(3))
        assert titles(replace(stalled(), measured=Measured(intervals=failing))) == ALL[3:]
        assert titles(report(client(0, 5))) == ALL[:1]

    def test_those_who_were_interrupted_have_not_failed(self) -> None:
        """They are in no chart of failures."""
        stopped = tuple(Interval(float(n), failures={"receive:interrupted": 1}) for n in range(3))
        assert titles(replace(stalled(), measured=Measured(intervals=stopped))) == []

    def test_a_picture_has_the_target_and_all_charts(self) -> None:
        """Or says that there is nothing to draw."""
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "x.svg"
            draw(stalled("example:7"), str(path))
            drawn = texts(path.read_text(encoding="utf-8"))
            assert {"example:7, engine reactor", *ALL} <= set(drawn)
            draw(replace(stalled("example:7"), measured=Measured()), str(path))
            [said] = texts(path.read_text(encoding="utf-8"))
            assert said == (
                "example:7, engine reactor: no reply arrived, so there is nothing to draw"
            )

    def test_the_stall_is_drawn(self) -> None:
        """A gap in the latencies, no rate, three failures; the warm-up is shaded."""
        _, latency, rate, failures = charts_of(stalled())
        p50 = named(latency)["p50"]
        assert isinstance(p50, Line)
        assert [y is None for _, y in p50.points].index(True) == STALLED
        answered, asked = named(rate)["answered"], named(rate)["asked"]
        assert isinstance(answered, Line)
        assert isinstance(asked, Line)
        assert (STALLED, 0.0) in answered.points
        assert {y for _, y in asked.points} == {200.0}
        reset, refused = (named(failures)[name] for name in
                          ("receive: reset by peer", "connect: refused"))  # fmt: skip
        assert isinstance(reset, Boxes)
        assert isinstance(refused, Boxes)
        assert refused.boxes == ((6.0, 7.0, 0.0, 1.0),)
        assert reset.boxes == ((6.0, 7.0, 1.0, 3.0),)
        shade = named(rate)["warm-up"]
        assert isinstance(shade, Boxes)
        assert shade.boxes[0][:2] == (0.0, 2.0)

    def test_what_is_seen_is_said(self) -> None:
        """For those who do not see it."""
        percentiles, latency, rate, failures = (chart.seen for chart in charts_of(stalled()))
        assert "half took at most 311 us, 99 % at most 900 ms, the slowest 1.00 s" in percentiles
        assert latency == "The slowest, 1.00 s, arrived between 7 s and 8 s."
        assert rate == "From 0 to 400 per second, of 200 asked."
        assert failures == ("connect: refused; receive: reset by peer. At most 3 in each second.")

    def test_a_long_run_is_drawn_in_minutes(self) -> None:
        """Each piece is named by its length."""
        intervals = tuple(Interval(float(n), answered=n % 3) for n in range(1800))
        found = replace(stalled(), measured=Measured(intervals=intervals))
        [rate] = charts_of(found)
        assert rate.shows == "Right replies in each 10 s."
        assert rate.x.label == "minutes since the run began"
        assert rate.x.write(600.0) == "10"


class CurveTests(TestCase):
    """Latency by percentile."""

    @settings(max_examples=25)
    @given(st.lists(st.floats(1e-6, 100), min_size=1, max_size=300))
    def test_a_curve_rises_to_the_slowest_reply(self, latencies: list[float]) -> None:
        """Rarer is never faster, and the last point is 1 in all of them."""
        rarities, values = percentile_curve(histogram_of(latencies))
        assert rarities == sorted(rarities)
        assert values == sorted(values)
        assert rarities[-1] == len(latencies)
        assert abs(values[-1] - max(latencies)) <= max(latencies) * 0.002 + 1e-6


class StallTests(TestCase):
    """Coordinated omission in small: a server, in no time at all, that stalls for 0.3 of 1.5 s."""

    def p99(self, plan: Plan) -> float:
        """Give the 99th percentile of one client's response times, in seconds."""
        recording = Recording()
        conversation = Conversation(plan, 0, recording)
        conversation.connecting(0.0)
        now, sent = 0.0, conversation.connected(0.0)
        while not conversation.finished:
            if sent:
                # Its reply comes a millisecond later, or that much after the stall's end.
                into = now % 1.5
                now = max(now, now - into + 0.3 if into < 0.3 else now) + 0.001
                sent = conversation.received(sent, now)
            else:
                assert conversation.next_due is not None
                now = max(now, conversation.next_due)
                sent = conversation.wake(now)
        return recording_p99(recording)

    def test_an_open_load_sees_the_stall_and_a_closed_one_misses_it(self) -> None:
        """A fifth of what is due waits for up to 0.3 s: the 99th percentile is 0.285 s."""
        plan = Plan(
            clients=1, messages=(b"x",), repeat=3000, rate=100.0, reply=ReplyFormat.RAW
        )  # fmt: skip
        assert 0.27 < self.p99(plan) < 0.33
        assert self.p99(replace(plan, rate=None, think=0.009)) < 0.01


def recording_p99(recording: Recording) -> float:
    """Give the 99th percentile of the response times, in seconds."""
    summary = Latencies(recording.measured().latency).summary([99.0])
    assert summary is not None
    return summary.percentiles[0]


class StagesTests(TestCase):
    """Loads that change: what was asked for, where each stage is, and what was found of it."""

    def test_charts_over_time_have_the_stages_as_sections(self) -> None:
        """From the end of the warm-up on, each with its values; the others have none."""
        by_title = {chart.title: chart.sections for chart in charts_of(staged_report())}
        whole = [(0.5, 1.5, "1", "10"), (1.5, 2.5, "2", "10..30")]
        for title in ("Latency over time", "Messages answered per second"):
            assert [astuple(each) for each in by_title.pop(title)] == whole
        assert list(by_title.values()) == [(), ()]
        assert not any(chart.sections for chart in charts_of(stalled()))

    def test_stages_behind_a_barrier_begin_where_it_lifts(self) -> None:
        """So does the line of what was asked."""
        found = staged_report()
        later = replace(found.outcomes[0], offered_from=1.0, offered_until=2.9)
        late = replace(found, plan=replace(STAGED_PLAN, barrier=True), outcomes=(later,))
        rate = next(chart for chart in charts_of(late) if "per second" in chart.title)
        assert [section.begin for section in rate.sections] == [1.0, 2.0]
        asked = named(rate)["asked"]
        assert isinstance(asked, Line)
        assert [at for at, _ in asked.points] == [0.0, 1.0, 2.0, 2.0, 2.0]

    def test_each_stage_has_its_latencies_beside_the_others(self) -> None:
        """A pause is a gap; one stage alone has no such chart."""
        found = report_of(Plan(clients=1, rate="10:1s,0:1s,100:1s", warmup=0.2))
        chart = next(chart for chart in charts_of(found) if chart.title == "Latency by stage")
        drawn = {}
        for name in ("p50", "p99"):
            line = named(chart)[name]
            assert isinstance(line, Line)
            drawn[name] = [value and round(value, 3) for _, value in line.points]
        # In the first stage 3 to 12 ms; in the last 13 to 90 ms, and then 1 to 22 ms.
        assert drawn == {"p50": [0.007, None, 0.04], "p99": [0.012, None, 0.089]}
        assert "highest in stage 3 (100:1s)" in chart.seen
        assert "Latency by stage" not in titles(report_of(Plan(clients=1, rate="10:3s")))
        nothing = replace(found, stages=(), measured=replace(found.measured, latency=""))
        assert "Latency by stage" not in titles(nothing)

    def test_clients_in_stages_are_counted_over_time(self) -> None:
        """Beside how many the stages ask for; who had no connection is not there."""
        found = clients_report()
        chart = next(chart for chart in charts_of(found) if chart.title == "Clients connected")
        connected, asked = named(chart)["connected"], named(chart)["asked"]
        assert isinstance(connected, Line)
        assert isinstance(asked, Line)
        there = {round(at, 2): clients for at, clients in connected.points}
        assert (there[0.5], there[2.0], there[3.5]) == (1.0, 2.0, 3.0)
        assert asked.points == ((0.0, 2.0), (1.0, 2.0), (3.0, 4.0), (3.0, 4.0), (4.0, 4.0),
                                (4.0, 4.0), (chart.x.high, 0.0))  # fmt: skip
        assert chart.seen == "At most 3, of 4 asked at most."
        assert [section.text for section in chart.sections] == ["2..4", "4", "4..0"]
        assert "Clients connected" not in titles(staged_report())

    def test_it_goes_as_the_stages_do(self) -> None:
        """From the warm-up's on; a ramp is a slope."""
        chart = next(each for each in charts_of(staged_report()) if "per second" in each.title)
        asked, plan, ends = named(chart)["asked"], STAGED_PLAN, chart.x.high
        assert isinstance(asked, Line)
        assert plan.rate_stages is not None
        for (at, rate), stage in zip(asked.points[1::2], plan.rate_stages, strict=True):
            assert (rate, at <= ends) == (stage.begin, True)
        assert [rate for _, rate in asked.points[2::2]] == [each.end for each in plan.rate_stages]
