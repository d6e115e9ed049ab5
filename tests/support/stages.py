"""Stages of loads for property tests, with few messages, and reports of some."""

from dataclasses import replace
from itertools import count, takewhile
from math import isfinite
from typing import Any

from hypothesis import strategies as st

from twistecho.fleet.plans.arrivals import Arrivals
from twistecho.fleet.plans.load import load_of
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.stages import Stage, Stages
from twistecho.fleet.reports.report import Report, make_report
from twistecho.fleet.reports.staged_recorder import recording_for

from .reports import REFUSED, RESET, client

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
"""Stages of a rate, with at most two thousand messages."""

client_stages = _stages(st.integers(0, 30).map(float))
"""Stages of clients."""

staged_plans = (
    st.builds(Plan, rate=rate_stages, clients=st.integers(1, 9), arrivals=st.sampled_from(Arrivals))
    | st.builds(Plan, clients=client_stages, warmup=st.floats(0, 9))
).flatmap(lambda plan: st.sampled_from([plan, *plan.divide(2)]))
"""Plans with stages, and parts of such plans."""


def report_of(plan: Plan) -> Report:
    """Make a report of a plan of one client, all of whose messages were answered at once."""
    recording = recording_for(plan)
    recording.connected(0.001, 0.001)
    load = load_of(plan, 0, 0.0)
    dues = list(takewhile(isfinite, (load.due(0.0) for _ in count())))
    for number, due in enumerate(dues):
        recording.sent(0.0, due)
        recording.reply(due, due, due + 0.001 * (1 + number % 90), 10)
    ends = plan.warmup + (plan.sends_for or 0.0)
    recording.offered(plan.warmup, ends)
    one = replace(client(0, len(dues), ended=ends), offered_from=plan.warmup, offered_until=ends)
    return make_report(
        "reactor", "h:1", plan, [one], recording.measured(), stages=recording.stages()
    )


def clients_report() -> Report:
    """Make a report of clients in stages; the second client could not connect."""
    plan = Plan(clients="2..4:2s,4:1s,4..0:1s", warmup=1.0)
    recording = recording_for(plan)
    outcomes = []
    for number in range(plan.clients):
        came, went = plan.turn_of(number), plan.over_for(number)
        if number == 1:
            recording.ended(REFUSED, came + 0.1)
            recording.left(REFUSED, came + 0.1, [])
            outcomes.append(client(number, 0, 0, REFUSED, connected=None, ended=came + 0.1))
            continue
        recording.connected(0.001, came + 0.001)
        recording.reply_in_turn(came + 0.001, went, 10)
        outcomes.append(client(number, 1, started=came, connected=came + 0.001, ended=went))
    return make_report(
        "reactor", "h:1", plan, outcomes, recording.measured(), stages=recording.stages()
    )


def failing_report(at: float) -> Report:
    """Make a report of the plan with two clients; one failed at ``at``; nothing was sent."""
    plan = replace(STAGED_PLAN, clients=2)
    recording = recording_for(plan)
    recording.connected(0.001, 0.001)
    recording.connected(0.001, 0.001)
    recording.ended(RESET, at)
    recording.left(RESET, at, [])
    outcomes = [client(0, 0, ended=3.0), client(1, 0, 0, RESET, ended=at)]
    outcomes = [replace(one, first_byte=None, replied=None) for one in outcomes]
    return make_report(
        "threads", "h:1", plan, outcomes, recording.measured(), stages=recording.stages()
    )


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
