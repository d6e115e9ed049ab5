"""Charts of a report: which there are, what they show, and the points on them."""

import tempfile
from dataclasses import replace
from pathlib import Path
from unittest import TestCase

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.charts import texts
from tests.support.reports import client, histogram_of, report
from tests.support.stages import STAGED_PLAN, staged_report
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
            assert said == ("example:7, engine reactor: no reply came, so there is nothing to draw")

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
        assert latency == "The slowest, 1.00 s, came between 7 s and 8 s."
        assert rate == "From 0 to 400 per second, of 200 asked."
        assert failures == ("connect: refused; receive: reset by peer. At most 3 in each second.")

    def test_a_long_run_is_drawn_in_minutes(self) -> None:
        """Each piece is named by its length."""
        intervals = tuple(Interval(float(n), answered=n % 3) for n in range(1800))
        found = replace(stalled(), measured=Measured(intervals=intervals))
        [rate] = charts_of(found)
        assert rate.shows == "Replies that came back right, in each 10 s."
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
    """The rate that was asked for, where it changes."""

    def test_it_goes_as_the_stages_do(self) -> None:
        """From the warm-up's on; a ramp is a slope."""
        chart = next(each for each in charts_of(staged_report()) if "per second" in each.title)
        asked, plan, ends = named(chart)["asked"], STAGED_PLAN, chart.x.high
        assert isinstance(asked, Line)
        assert plan.rate_stages is not None
        for (at, rate), stage in zip(asked.points[1::2], plan.rate_stages, strict=True):
            assert (rate, at <= ends) == (stage.begin, True)
        assert [rate for _, rate in asked.points[2::2]] == [each.end for each in plan.rate_stages]
