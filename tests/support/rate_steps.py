"""Sample steps of a search for the highest rate."""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tests.support.reports import client, report
from tests.support.seconds import report_of_seconds
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.highest_rate import HighestRate
from twistecho.fleet.reports.histograms import Latencies
from twistecho.fleet.reports.outcome import Cause
from twistecho.fleet.reports.rate_step import RateStep, judge_step
from twistecho.fleet.reports.report import Report
from twistecho.fleet.reports.requirements import parse_requirement

QUICK = parse_requirement("p99 < 5ms")


def histogram(seconds: float, times: int) -> str:
    """Encode ``times`` equal values."""
    latencies = Latencies()
    latencies.add_counts([(round(seconds * 1e6), times)])
    return latencies.encode()


def offered(
    rate: float = 100.0, latencies: Sequence[float] = (0.001,) * 5, **fields: Any
) -> Report:
    """Make a report of an offered rate; ``latencies`` are the reply times of each second."""
    made = report_of_seconds(latencies)
    return replace(made, plan=replace(made.plan, rate=rate), **fields)


def step(
    rate: float = 100.0,
    latency: float = 0.001,
    *,
    service: float | None = None,
    unsent: int = 0,
    lag: float = 0.0,
    own: float | None = None,
) -> RateStep:
    """Make a step whose replies all took ``latency`` seconds, ``own`` of them in the fleet."""
    made = offered(rate, (latency,) * 5)
    outcome = replace(made.outcomes[0], unsent=unsent)
    count = made.messages - made.measured.unmeasured
    texts: dict[str, Any] = {
        "service": histogram(service or latency, count),
        "lag": histogram(lag, count),
    }
    measured = replace(made.measured, **texts)
    if own is not None:
        shares, wire = histogram(own, count), histogram(latency - own, count)
        measured = replace(measured, own=shares, wire=wire, timed=count, timed_squares=count)
    return judge_step(rate, replace(made, outcomes=(outcome,), measured=measured), [QUICK])


def failing(rate: float, *causes: Cause, answered: int = 0) -> RateStep:
    """Make a step whose clients failed by these causes."""
    found = [
        client(
            number,
            answered,
            int(cause.phase != "connect"),
            cause,
            connected=None if cause.phase == "connect" else 0.1,
        )
        for number, cause in enumerate(causes)
    ]
    made = report(*found, plan=Plan(clients=len(found), messages=(b"x" * 10,), rate=rate, repeat=9))
    return judge_step(rate, made, [])


def random_latencies(seed: int, seconds: int = 5) -> Report:
    """Make a report of replies that take up to a second, at random."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    made = offered(100.0, (0.001,) * seconds)
    intervals = []
    for interval in made.measured.intervals:
        latencies = Latencies()
        latencies.add_counts((round(chance.random() * 1e6), 1) for _ in range(100))
        intervals.append(replace(interval, latency=latencies.encode()))
    return replace(made, measured=replace(made.measured, intervals=tuple(intervals)))


def search(*steps: RateStep, **fields: Any) -> HighestRate:
    """Make the result of a search from its steps."""
    plan = Plan(clients=50, messages=(b"x" * 10,), rate=1.0, duration=5.0, warmup=1.0)
    given = {"least": 1.0, "most": 1e6, "precision": 0.05} | fields
    return HighestRate("localhost:5000", plan, (QUICK,), steps=steps, **given)
