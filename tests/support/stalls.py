"""A sample report: ten seconds of messages to a server that stalls for one of them."""

from tests.support.reports import histogram_of
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.histograms import Interval, Measured
from twistecho.fleet.reports.outcome import Cause, Outcome, Phase
from twistecho.fleet.reports.report import Report, make_report

RATE = 200
STALLED = 6
RESET = Cause(Phase.RECEIVE, "reset", 104)
REFUSED = Cause(Phase.CONNECT, "refused", 111)


def _second(number: int) -> tuple[Interval, list[float], list[float]]:
    """Make a second of the run, with its response and its service times."""
    quick = [0.0002 + 0.000001 * n for n in range(RATE)]
    if number == STALLED:
        return Interval(float(number), failures={"receive:reset": 2, "connect:refused": 1}), [], []
    late = [1 - n / RATE for n in range(RATE)] if number == STALLED + 1 else []
    response, service = late + quick, [0.9] * 5 * bool(late) + quick + quick[5:] * bool(late)
    interval = Interval(
        start=float(number),
        connected=20 if number == 0 else 0,
        answered=len(response),
        bytes_returned=22 * len(response),
        latency=histogram_of(response),
    )
    return interval, response, service


def stalled(target: str = "127.0.0.1:5000", *, seconds: int = 10, warmup: float = 2.0) -> Report:
    """Make the report of an open load on a server that stalls in one second."""
    found = [_second(number) for number in range(seconds)]
    measured = Measured(
        latency=histogram_of(value for _, response, _ in found for value in response),
        service=histogram_of(value for _, _, service in found for value in service),
        connect=histogram_of([0.0003] * 20),
        first_byte=histogram_of([0.0004] * 20),
        lag=histogram_of([0.00005] * 100),
        intervals=tuple(interval for interval, _, _ in found),
    )
    plan = Plan(clients=23, rate=float(RATE), duration=seconds - warmup, warmup=warmup)
    each = sum(interval.answered for interval, _, _ in found) // 20
    outcomes = [
        Outcome(n, None, each, each, 22 * each, 22 * each, 0.0, 0.001, 0.002, float(seconds))
        for n in range(20)
    ]
    outcomes += [Outcome(n, RESET, 1, 0, 22, 0, 0.0, 0.001, None, 6.5, failed=1, bytes_failed=22)
                 for n in (20, 21)]  # fmt: skip
    outcomes += [Outcome(22, REFUSED, 0, 0, 0, 0, 0.0, None, None, 6.7)]
    return make_report("reactor", target, plan, outcomes, measured, began=1.76e9)
