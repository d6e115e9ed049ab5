"""The search for the highest rate that a target sustains, over the same connections."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.target import Target
from twistecho.fleet.reports.highest_rate import HighestRate
from twistecho.fleet.reports.rate_step import RateStep, judge_step
from twistecho.fleet.reports.report import Report
from twistecho.fleet.reports.requirements import Requirement
from twistecho.fleet.reports.verdict import HELD
from twistecho.fleet.runs.engine import Engine
from twistecho.fleet.runs.several_steps import run_steps_in_processes
from twistecho.fleet.runs.steps import ShownEach, run_steps

from .bisection import Bisection

FIRST = 1000.0
"""The first rate to try, in messages per second, unless the limits exclude it."""

_WARMUP = 0.2
_SHORTEST_WARMUP = 1.0
"""Seconds; for a shorter step its own length."""


@dataclass(frozen=True)
class Search:
    """The options of a search: see `HighestRate`; ``step_duration`` is in seconds, without warm-up.

    ``rate_tolerance`` and ``allowed_lag`` set when a step's figures can be believed.
    """

    plan: Plan
    requirements: tuple[Requirement, ...] = ()
    least: float = 1.0
    most: float = 1e6
    precision: float = 0.05
    step_duration: float = 5.0
    rate_tolerance: float = HELD
    allowed_lag: float | None = None

    def plan_at(self, rate: float) -> Plan:
        """Return the plan of a step at this rate."""
        duration = self.step_duration
        warmup = max(_WARMUP * duration, min(duration, _SHORTEST_WARMUP))
        return replace(
            self.plan, rate=rate, duration=duration, warmup=warmup, barrier=True, repeat=1
        )

    def judge(self, rate: float, report: Report) -> RateStep:
        """Judge the report of a step."""
        report = replace(report, allowed_lag=self.allowed_lag)
        return judge_step(rate, report, self.requirements, self.rate_tolerance)


def find_highest(
    engine: Engine,
    target: Target,
    search: Search,
    display: ShownEach,
    on_step: Callable[[RateStep], object] = bool,
    *,
    processes: int = 1,
) -> HighestRate:
    """Search for the highest rate; ``on_step`` is called with each step, from any thread.

    The search ends early if no client can connect to the target, or if one of the ``processes``
    that run the clients ends. Raises what `run_steps` raises.
    """
    bisection = Bisection(FIRST, search.least, search.most, search.precision)
    steps: list[RateStep] = []

    def following(report: Report | None) -> Plan | None:
        if report is not None and bisection.rate is not None:
            steps.append(search.judge(bisection.rate, report))
            on_step(steps[-1])
            if report.interrupted or steps[-1].unreachable or steps[-1].broken:
                return None
            bisection.tell(passed=steps[-1].passed)
        return None if bisection.rate is None else search.plan_at(bisection.rate)

    if processes > 1:
        run_steps_in_processes(engine, target, processes, following, display)
    else:
        run_steps(engine, target, following, display)
    return HighestRate(
        str(target),
        search.plan_at(search.least),
        search.requirements,
        search.least,
        search.most,
        search.precision,
        tuple(steps),
        interrupted=bool(steps) and steps[-1].report.interrupted,
    )
