"""Stages of loads for laws, none of which takes long to count, and a report of some."""

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from twistecho.fleet.plans.plan import Arrivals, Plan
from twistecho.fleet.plans.stages import Stage, Stages
from twistecho.fleet.reports.report import Report, make_report
from twistecho.fleet.reports.staged_recorder import recording_for

from .reports import client

STAGED_PLAN = Plan(rate="10:1s,10..30:1s", warmup=0.5, clients=1)
"""A plan of a rate in two stages, of 10 and 20 messages."""

_TIMES = st.integers(1, 40).map(lambda number: number / 4) | st.floats(0.001, 10)


def _stages(values: "st.SearchStrategy[float]") -> "st.SearchStrategy[Stages]":
    held = st.builds(lambda value, seconds: Stage(value, value, seconds), values, _TIMES)
    stage = held | st.builds(Stage, values, values, _TIMES)
    some = st.lists(stage, min_size=1, max_size=5).filter(
        lambda each: any(s.integral for s in each)
    )
    return some.map(lambda each: Stages(tuple(each)))


rate_stages = _stages(st.integers(0, 40).map(float) | st.floats(0.01, 40))
"""Stages of a rate, of two thousand messages at most."""

client_stages = _stages(st.integers(0, 30).map(float))
"""Stages of clients."""

staged_plans = (
    st.builds(Plan, rate=rate_stages, clients=st.integers(1, 9), arrivals=st.sampled_from(Arrivals))
    | st.builds(Plan, clients=client_stages, warmup=st.floats(0, 9))
).flatmap(lambda plan: st.sampled_from([plan, *plan.divide(2)]))
"""Plans of them, and parts of such plans."""


def staged_report(sent: int = 30, *, late: int = 0, unsent: int = 0, lag: float = 0.0) -> Report:
    """Make a report of the plan: 10 messages in the first stage, the others in the second."""
    recording = recording_for(STAGED_PLAN)
    recording.connected(0.001, 0.001)
    recording.first_byte(0.05, 0.5)
    for number in range(sent):
        due = 0.5 + number / 10 if number < 10 else 1.5 + (number - 10) / 100
        handed = 2.6 if number >= sent - late else due
        recording.sent(lag, due)
        recording.reply(due, handed, handed + 0.1, 10)
    for _ in range(unsent):
        recording.unsent(2.0)
    recording.offered(0.5, 2.5)
    counts: dict[str, Any] = {"sent": sent, "bytes_sent": 10 * sent, "bytes_returned": 10 * sent}
    one = replace(client(0, sent, ended=3.0), unsent=unsent, **counts)
    return make_report(
        "threads", "h:1", STAGED_PLAN, [one], recording.measured(), stages=recording.stages()
    )
