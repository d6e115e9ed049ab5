"""What people see of a search for the highest rate: the answer, whose limit it was, each step."""

from collections.abc import Iterator, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from twistecho.base.notation import written
from twistecho.fleet.reports.figures import read
from twistecho.fleet.reports.highest_rate import HighestRate, by_rate
from twistecho.fleet.reports.histograms import Latencies
from twistecho.fleet.reports.rate_step import Limit, RateStep
from twistecho.fleet.reports.requirements import Requirement

from .causes import REASONS
from .styles import BAD, GOOD, Line

_COLUMNS = ("rate", "answered", "p50", "p99", "max")
_PERCENTILES = [50.0, 99.0]

_WHOSE = {
    Limit.TARGET: "the target was the limit",
    Limit.FLEET: "the fleet was the limit: more --processes, or another machine, offer more",
    Limit.CLIENTS: "all clients were waiting for replies: more --clients, or a deeper --pipeline, "
    "offer more",
}


def per_second(rate: float) -> str:
    """Write a rate: ``1,960/s``, ``2.5/s``."""
    return f"{rate:,.0f}/s" if rate >= 1000 else f"{rate:,.4g}/s"


def answer_of(found: HighestRate) -> Line:
    """Say in one line what was found, and how the line is to look."""
    required = _required(found.requirements)
    if found.unreachable is not None:
        return f"Nobody was reached: {explained(found.unreachable)}", BAD
    if found.rate is None:
        if found.above is None:
            return "Nothing is known yet", "bold yellow"
        if found.limit is Limit.FLEET:
            return f"INVALID: the fleet could not offer even {per_second(found.above.rate)}", BAD
        return f"Not even {per_second(found.above.rate)}{required}", BAD
    if found.at_least:
        return f"At least {per_second(found.rate)}{required}", "bold yellow"
    low, high = found.interval
    return f"{per_second(found.rate)}{required}: between {_between(low, high)}", GOOD


def _between(low: float | None, high: float | None) -> str:
    return " and ".join(per_second(each) for each in (low, high) if each is not None)


def _required(requirements: Sequence[Requirement]) -> str:
    """Say under which requirements, where there are any."""
    return f" with {', '.join(map(str, requirements))}" if requirements else ""


def explained(cause: str) -> str:
    """Say what a cause of failure means: ``connect:refused, nobody listens there``."""
    known = REASONS.get(cause.partition(":")[2])
    return cause if known is None else f"{cause}, {known}"


def lines_below(found: HighestRate) -> Iterator[Line]:
    """Say why no higher rate was found, and whose limit that was."""
    above = found.above
    if above is None:
        if found.limit is Limit.MAX_RATE and not found.unreachable:
            yield f"Nothing above {per_second(found.most)} was tried: --max-rate", "yellow"
        return
    first = above.reasons[0] if above.reasons else "it did not pass"
    yield f"At {per_second(above.rate)}, twice: {first}", ""
    if found.rate is not None and found.limit is not None:
        yield f"At {per_second(above.rate)} {_WHOSE[found.limit]}", _style(found.limit)
    if not found.narrow and found.rate is not None:
        yield f"The highest rate was not found: {found.precision:.3g} were asked for", "yellow"


def _style(limit: Limit) -> str:
    return "" if limit is Limit.TARGET else "yellow"


def steps_table(found: HighestRate) -> Table:
    """Put the steps below each other in the order of their rates, the last try of each."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in _COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    for step in by_rate(found.steps):
        *cells, said = cells_of(step)
        table.add_row(*cells, Text(said, style="green" if step.passed else "red"))
    return table


def cells_of(step: RateStep) -> tuple[str, ...]:
    """Give the figures of a step, and at last what is to be thought of it."""
    latencies = Latencies(step.report.measured.latency).summary(_PERCENTILES)
    times = ["-"] * 3
    if latencies is not None:
        times = [written(each) for each in (*latencies.percentiles, latencies.max)]
    answered = read(step.report, "rate").value
    said = "passed" if step.passed else next(iter(step.reasons), "did not pass")
    return per_second(step.rate), "-" if answered is None else per_second(answered), *times, said


def step_line(step: RateStep) -> str:
    """Say in a line what a step has found."""
    rate, answered, p50, p99, _most, said = cells_of(step)
    return f"{rate}: {said}; {answered} answered, p50 {p50}, p99 {p99}"
