"""A search for the highest rate as text: the answer, what limited it, and each step."""

from collections.abc import Iterator, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from twistecho.base.notation import written
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.target import is_unverified
from twistecho.fleet.reports.highest_rate import HighestRate, by_rate
from twistecho.fleet.reports.histograms import Latencies
from twistecho.fleet.reports.rate_step import NOT_HELD, Limit, RateStep
from twistecho.fleet.reports.requirements import Requirement

from .causes import REASONS
from .styles import BAD, GOOD, Line
from .words import count, span

_COLUMNS = ("rate", "answered", "p50", "p99", "max")
_PERCENTILES = [50.0, 99.0]
_UNCERTAIN = "bold yellow"

_MARKS = {True: ("✓", "+"), False: ("✗", "x")}
"""The marks of a pass and of a failure, each with one for a stream of ASCII."""

_WHOSE = {
    Limit.TARGET: "The target was the limit.",
    Limit.FLEET: "The fleet was the limit: more --processes, or another machine, may offer more.",
    Limit.CLIENTS: "All clients were waiting for replies: more --clients, or a deeper --pipeline, "
    "may offer more.",
}


def mark(encoding: str, *, passed: bool) -> str:
    """Return the mark of a pass or a failure, in characters that an encoding has."""
    sign, plain = _MARKS[passed]
    try:
        sign.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return plain
    return sign


def per_second(rate: float) -> str:
    """Return a rate as text: ``1,960/s``, ``2.5/s``."""
    return f"{rate:,.0f}/s" if rate >= 1000 else f"{rate:,.4g}/s"


def answer_of(found: HighestRate) -> Line:
    """Return the answer in one line, with its style."""
    text, style = _answer(found)
    return text + (" (interrupted)" if found.interrupted else ""), style


def _answer(found: HighestRate) -> Line:
    required = required_by(found.requirements)
    if found.rate is None:
        if found.unreachable is not None:
            return f"the target was not reached: {explained(found.unreachable)}", BAD
        return _not_even(found, required)
    if found.unreachable is not None:
        gone = f"then the target was not reached: {explained(found.unreachable)}"
        return f"at least {per_second(found.rate)}{required}, {gone}", BAD
    if found.at_least:
        return f"at least {per_second(found.rate)}{required}", _UNCERTAIN
    return f"{per_second(found.rate)}{required}", GOOD


def _not_even(found: HighestRate, required: str) -> Line:
    if found.above is None:
        return "no result yet", _UNCERTAIN
    rate = per_second(found.above.rate)
    if found.limit is Limit.FLEET:
        return f"INVALID: the fleet could not offer even {rate}", BAD
    if found.limit is Limit.CLIENTS:
        return f"INVALID: {count(found.plan.clients, 'client')} could not offer even {rate}", BAD
    return f"not even {rate}{required}", BAD


def is_good(found: HighestRate) -> bool:
    """Return whether a rate was found, with target and fleet intact to the end."""
    return found.rate is not None and found.unreachable is None and found.broken is None


def required_by(requirements: Sequence[Requirement]) -> str:
    """Return the requirements, if there are any: `` with p99 < 5ms``."""
    return f" with {', '.join(map(str, requirements))}" if requirements else ""


def explained(cause: str) -> str:
    """Return a cause of failure with its meaning: ``connect:refused, nothing listens there``."""
    known = REASONS.get(cause.partition(":")[2])
    return cause if known is None else f"{cause}, {known}"


def circumstances(found: HighestRate) -> str:
    """Return one line with the target, the number of clients and the steps."""
    doubt = ", certificate not verified" if is_unverified(found.target) else ""
    steps = f"{count(len(found.steps), 'step')} of {_lengths(found.plan)}"
    return f"{found.target}{doubt}, {clients_of(found.plan)}, {steps}"


def clients_of(plan: Plan) -> str:
    """Return the number of clients, and the settings of their load that are not the default."""
    words = [count(plan.clients, "client")]
    if plan.pipeline > 1:
        words.append(f"{plan.pipeline} messages at once")
    if plan.reconnect is not None:
        words.append(f"a new connection every {count(plan.reconnect, 'message')}")
    if plan.size is not None:
        words.append(f"{plan.size} bytes")
    return ", ".join(words)


def _lengths(plan: Plan) -> str:
    """Return the length of a step."""
    return f"{span(plan.duration or 0.0)} after {span(plan.warmup)} of warm-up"


def lines_below(found: HighestRate) -> Iterator[Line]:
    """Yield why no higher rate was found, and what limited it."""
    if found.broken is not None:
        yield f"The search ended because a part of the fleet ended: {found.broken}.", BAD
    above, gone = found.above, found.unreachable is not None
    if above is not None and not (gone and found.rate is None):
        tried = "Next tried: " if found.rate is not None else ""
        yield f"{tried}{per_second(above.rate)} did not pass, twice: {_why(above)}.", ""
        if found.limit is not None:
            yield _WHOSE[found.limit], "" if found.limit is Limit.TARGET else "yellow"
    elif found.limit is Limit.MAX_RATE:
        yield f"Nothing above {per_second(found.most)} was tried: see --max-rate.", "yellow"
    if found.rate is not None and above is not None and not found.narrow:
        between = f"{per_second(found.rate)} and {per_second(above.rate)}"
        yield f"The search ended early: nothing else was tried between {between}.", "yellow"


def _why(step: RateStep) -> str:
    """Return why a step did not pass: its first reason, with a cause's meaning."""
    reason = next(iter(step.reasons), "it did not pass")
    _, _, cause = reason.rpartition(": ")
    if cause in step.verdict.intolerable:
        return reason.removesuffix(cause) + explained(cause)
    # The part in brackets, the required number and a remedy, is shown elsewhere.
    return reason.partition(" (")[0] if step.short_reason == NOT_HELD else reason


def steps_table(found: HighestRate) -> Table:
    """Show the steps below each other, in the order of their rates; of each rate the last try."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in _COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True, overflow="ellipsis")
    for step in by_rate(found.steps):
        *cells, said = cells_of(step)
        table.add_row(*cells, Text(said, style="green" if step.passed else "red"))
    return table


def cells_of(step: RateStep) -> tuple[str, ...]:
    """Return the figures of a step, and last its result."""
    latencies = Latencies(step.report.measured.latency).summary(_PERCENTILES)
    times = ["-"] * 3
    if latencies is not None:
        times = [written(each) for each in (*latencies.percentiles, latencies.max)]
    answered = step.answered
    said = "passed" if step.passed else step.short_reason
    return per_second(step.rate), "-" if answered is None else per_second(answered), *times, said


def step_line(step: RateStep, encoding: str) -> Line:
    """Return a step's results in one line of columns, with its style."""
    rate, _answered, p50, p99, _most, said = cells_of(step)
    sign = mark(encoding, passed=step.passed)
    line = f"{sign} {rate:>11}   p50 {p50:>7}   p99 {p99:>7}   {said}"
    return line, "green" if step.passed else "red"
