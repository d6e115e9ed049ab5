"""Sample comparisons, for tests of code that shows them."""

from collections.abc import Iterable
from dataclasses import replace

from tests.support.reports import histogram_of
from twistecho.compare.comparison import Comparison, Run, ServerCost
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.histograms import Measured
from twistecho.fleet.reports.outcome import Cause, Outcome, Phase
from twistecho.fleet.reports.report import Report

COST = ServerCost(cpu=0.25, memory_idle=2**24, memory_peak=2**25, processes=1, threads=21)
RESET = Cause(Phase.RECEIVE, "reset", 104)
REFUSED = Cause(Phase.CONNECT, "refused", 111)


def outcome(
    client: int,
    ended: float,
    *,
    connected: float | None = 0.0,
    replied: float | None = None,
    cause: Cause | None = None,
) -> Outcome:
    """Make an outcome of a client that began at once; by default it was answered at its end."""
    if cause is None and replied is None:
        replied = ended
    answered = int(cause is None)
    return Outcome(
        client, cause, answered, answered, answered, answered, 0.0, connected, replied, ended
    )


def run(design: str, outcomes: Iterable[Outcome], *, engine: str = "reactor") -> Run:
    """Make a run; the latencies are the times from connecting to the replies."""
    listed = tuple(outcomes)
    latency = histogram_of(
        o.replied - (o.connected or 0.0) for o in listed if o.replied is not None
    )
    plan = Plan(clients=len(listed))
    report = Report(engine, "127.0.0.1:5000", plan, listed, Measured(latency=latency))
    return Run(design, report, COST)


def staircase(clients: int = 20, step: float = 0.2) -> Run:
    """Make the run of a server that serves one client after the other; late ones retried."""
    return run(
        "sequential",
        (
            outcome(n, (n + 1) * step, connected=0.001 if n < 7 else 1.02)
            for n in range(clients)
        ),
    )  # fmt: skip


def wall(clients: int = 20, step: float = 0.2) -> Run:
    """Make the run of a server that serves all clients at once."""
    return run("threaded", (outcome(n, step, connected=0.001) for n in range(clients)))


def reconnecting(*took: float) -> Run:
    """Make the run of one client with these times to connect, one message per connection."""
    made = run("threaded", [replace(outcome(0, 3.0), reconnects=len(took) - 1)])
    plan = Plan(clients=1, repeat=len(took), reconnect=1)
    measured = replace(made.report.measured, connect=histogram_of(took))
    return replace(made, report=replace(made.report, plan=plan, measured=measured))


def broken() -> Run:
    """Make a run whose server was killed in the middle: answered, reset and refused."""
    outcomes = [outcome(0, 0.2), outcome(1, 0.4)]
    outcomes += [outcome(n, 0.5, cause=RESET) for n in range(2, 5)]
    outcomes += [outcome(n, 1.0, connected=None, cause=REFUSED) for n in range(5, 10)]
    return replace(run("forking", outcomes), server_ended="killed by SIGKILL")


def comparison(*runs: Run) -> Comparison:
    """Put runs together."""
    return Comparison({"delay": "0.2", "delay_per": "connection"}, runs)
