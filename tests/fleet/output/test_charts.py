"""Charts of a report: all kinds of file, from any report, and the points that they show."""

import tempfile
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from unittest import TestCase, skipIf

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.reports import histogram_of
from tests.support.stalls import STALLED, stalled
from twistecho.base.reply_formats import ReplyFormat
from twistecho.fleet.conversation.conversation import Conversation
from twistecho.fleet.output.charts import draw, moments, percentile_curve
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.histograms import Latencies, Measured
from twistecho.fleet.reports.recorder import Recording

_MAGIC = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}


@skipIf(find_spec("matplotlib") is None, "matplotlib is not installed")
class DrawTests(TestCase):
    """Pictures themselves."""

    def test_every_kind_of_file_is_drawn_from_any_report(self) -> None:
        """The suffix chooses; a report of nothing has a picture too."""
        with tempfile.TemporaryDirectory() as directory:
            nothing = replace(stalled(), measured=Measured())
            for (suffix, magic), report in zip(
                _MAGIC.items(), (stalled(), nothing, stalled(warmup=0.0)), strict=True
            ):
                path = Path(directory) / f"x{suffix}"
                draw(report, str(path))
                assert path.read_bytes().startswith(magic), suffix


class CourseTests(TestCase):
    """What is drawn."""

    def test_a_stall_is_a_second_without_replies_and_the_next_one_late(self) -> None:
        """Rate, latencies and failures of each second; the last one's rate is not guessed."""
        seconds = moments(stalled())
        assert (seconds[STALLED].rate, seconds[STALLED].p50) == (0.0, None)
        assert seconds[STALLED].failures == {"receive:reset": 2, "connect:refused": 1}
        late = seconds[STALLED + 1]
        assert late.p99 is not None
        assert 0.9 < late.p99 < 1.0
        assert seconds[-1].rate is None

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
