"""Consistent reports, fixed and drawn, for tests of code that reads reports."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from twistecho.base.reply_formats import ReplyFormat
from twistecho.fleet.plans.arrivals import Arrivals
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.reply import ASKED, parse_reply
from twistecho.fleet.reports.histograms import Latencies, Measured
from twistecho.fleet.reports.outcome import Cause, Difference, Outcome, Phase
from twistecho.fleet.reports.recorder import Recording
from twistecho.fleet.reports.report import Report, make_report

RESET = Cause(Phase.RECEIVE, "reset", 104)
REFUSED = Cause(Phase.CONNECT, "refused", 111)
INTERRUPTED = Cause(Phase.RECEIVE, "interrupted")
SIZE = 10
"""The bytes of every message here."""


def histogram_of(seconds: Iterable[float]) -> str:
    """Return the text of a histogram of these latencies."""
    latencies = Latencies()
    for one in seconds:
        latencies.record(one)
    return latencies.encode()


def outcome(client: int = 0, cause: Cause | None = None, **fields: Any) -> Outcome:
    """Make an outcome of a client whose one message was answered, with these fields changed."""
    answered = Outcome(client, cause, 1, 1, SIZE, SIZE, 0.0, 0.1, 0.2, 0.3)
    return replace(answered, **fields)


def client(
    number: int, answered: int, owed: int = 0, cause: Cause | None = None, **fields: Any
) -> Outcome:
    """Make a consistent outcome: ``answered`` messages got a reply, ``owed`` did not."""
    stopped = cause is not None and cause.reason == "interrupted"
    counts = {
        "sent": answered + owed,
        "messages": answered,
        "failed": 0 if stopped else owed,
        "outstanding": owed if stopped else 0,
        "bytes_sent": SIZE * (answered + owed),
        "bytes_returned": SIZE * answered,
        "bytes_failed": 0 if stopped else SIZE * owed,
        "bytes_outstanding": SIZE * owed if stopped else 0,
    }
    return outcome(number, cause, **(counts | fields))


def measured(found: Sequence[Outcome], *, took: float = 0.1, lag: float = 0.0) -> Measured:
    """Return the measurements of a run with these outcomes; every reply took ``took`` seconds."""
    recording = Recording()
    for one in found:
        if one.connected is not None:
            for _ in range(one.connects):
                recording.connected(one.connected - one.started, one.connected)
        for _ in range(one.sent):
            recording.sent(lag)
        for _ in range(one.messages):
            now = one.replied or one.ended
            recording.reply(now - took, now - took, now, one.bytes_returned // one.messages)
        recording.ended(one.cause, one.ended)
    return recording.measured()


def timed(measured: Measured, *, own: float) -> Measured:
    """Return the same with all messages timed; ``own`` seconds of each were the fleet's."""
    texts: dict[str, Any] = {}
    for name, field in (("wire", "latency"), ("connect_wire", "connect")):
        summary = Latencies(getattr(measured, field)).summary()
        if summary is not None:
            true = Latencies()
            true.add_counts([(round((summary.max - own) * 1e6), summary.count)])
            texts[name] = true.encode()
    count = Latencies(measured.latency).count
    shares = Latencies()
    shares.add_counts([(round(own * 1e6), count)])
    return replace(measured, **texts, own=shares.encode(), timed=count, timed_squares=count)


def report(*found: Outcome, plan: Plan | None = None, **fields: Any) -> Report:
    """Make a consistent report of consistent outcomes."""
    each = found[0].messages if found else 1
    plan = plan or Plan(clients=max(len(found), 1), messages=(b"x" * SIZE,), repeat=max(each, 1))
    made = make_report("threads", "localhost:5000", plan, found, measured(found))
    return replace(made, **fields)


_plans = st.builds(
    Plan,
    clients=st.integers(1, 10**6),
    messages=st.lists(
        st.binary(min_size=1, max_size=20) | st.text(min_size=1, max_size=20).map(str.encode),
        min_size=1,
        max_size=4,
    ).map(tuple),
    repeat=st.integers(1, 10**6),
    timeout=st.floats(0, 1e6, exclude_min=True),
    reply=st.sampled_from(ASKED),
    ordered=st.booleans(),
    rate=st.none() | st.floats(1.0, 1e6),
    arrivals=st.sampled_from(Arrivals),
    seed=st.integers(0, 2**64),
    pipeline=st.integers(1, 100),
    warmup=st.floats(0, 1e6),
    barrier=st.booleans(),
    sources=st.lists(st.sampled_from(["127.0.0.1", "127.0.0.2", "::1"])).map(tuple),
    protocol=st.none() | st.just("module:Class"),
    first=st.integers(0, 10**6),
    literal=st.booleans(),
    reconnect=st.none() | st.integers(100, 10**6),
)
SIZES = ["1k", "uniform:64,4k", "lognormal:median=1k,sigma=1", "lognormal:median=9,sigma=3,max=99"]


@st.composite
def _drawn(draw: st.DrawFn, plan: Plan) -> Plan:
    """Draw a plan with messages of any kind: fixed, weighted, or with drawn sizes."""
    weights = st.lists(st.floats(1e-3, 1e9), min_size=(n := len(plan.messages)), max_size=n)
    size = draw(st.none() | st.integers(1, 2**24) | st.sampled_from(SIZES))
    kinds = st.sampled_from(["random", "text", "zeros"]) | st.binary(min_size=1, max_size=9)
    return replace(
        plan,
        weights=tuple(draw(st.just([]) | weights)),
        size=size,
        payload=None if size is None else draw(kinds),
    )


plans = _plans.flatmap(_drawn)
"""Plans of all kinds, except those whose fields exclude each other."""

counts = st.integers(0, 2**40)
times = st.floats(0, 1e6)


def in_order(one: Outcome) -> Outcome:
    """Return the outcome with its times between its start and its end."""
    times = [one.started, one.connected, one.first_byte, one.replied, one.ended]
    known = [time for time in times if time is not None]
    return replace(one, started=min(known), ended=max(known))


outcomes = st.builds(
    Outcome,
    client=st.integers(0, 10),
    cause=st.none()
    | st.builds(
        Cause,
        phase=st.sampled_from(Phase),
        reason=st.sampled_from(["refused", "reset", "closed", "mismatch", "timeout"]),
        errno=st.none() | st.integers(1, 133),
    ),
    sent=counts,
    messages=counts,
    failed=counts,
    outstanding=counts,
    unsent=counts,
    bytes_sent=counts,
    bytes_returned=counts,
    bytes_failed=counts,
    bytes_outstanding=counts,
    started=times,
    connected=st.none() | times,
    first_byte=st.none() | times,
    replied=st.none() | times,
    ended=times,
    reconnects=st.just(0) | counts,
).map(in_order)
"""Outcomes with any fields, which are not consistent."""


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
KNOWN = [("auto", reply) for reply in ReplyFormat]


@st.composite
def sound_reports(draw: st.DrawFn, first: int = 0) -> Report:
    """Draw a consistent report, of one to four clients."""
    repeat, reconnect = draw(st.integers(1, 3)), draw(st.sampled_from([None, 1, 2]))
    found = []
    asked, reply = draw(st.sampled_from([("stamped", None), ("auto", None), *KNOWN]))
    for number in range(first, first + draw(st.integers(1, 4))):
        cause = draw(st.sampled_from([None, RESET, INTERRUPTED, REFUSED]))
        if cause is REFUSED:
            found.append(client(number, 0, cause=cause, connected=None, replied=None))
        elif cause is None:
            found.append(client(number, repeat, ended=draw(st.floats(0.3, 3))))
        else:
            answered = draw(st.integers(0, repeat - 1))
            difference = draw(st.none() | st.builds(Difference, TEXTS, TEXTS))
            owed = repeat - answered
            found.append(client(number, answered, owed, cause, difference=difference))
    found = [replace(one, reply=reply) if one.messages else one for one in found]
    plan = Plan(
        clients=len(found),
        messages=(b"x" * SIZE,),
        repeat=repeat,
        first=first,
        reply=parse_reply(asked),
        reconnect=reconnect,
    )
    if reconnect:
        again = [max(0, (one.sent - 1) // reconnect) for one in found]
        found = [replace(one, reconnects=n) for one, n in zip(found, again, strict=True)]
    return report(*found, plan=plan)
