"""This version and an older one: the costs of a message, a connection and a start, in pairs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from .cases import CASES, Case
from .measure import Sample, churn, memory, rate, start_up
from .pairs import Pair, compare, orders
from .programs import Programs
from .sides import both_sides, commit_named, ending_in_order

DEFAULT_CASES = ("echo-50", "delayed", "faults", "churn", "memory", "import", "help")
COMPARABLE = tuple(
    name for name, case in CASES.items() if case.measure in (rate, churn, memory, start_up)
)
"""The cases that measure our server or our start, without other parts of the product."""


def measure_against(
    name: str, cases: Sequence[str], pairs: int, seconds: float
) -> list[dict[str, Any]]:
    """Compare with a commit, case by case; print a line per case, and return JSON data."""
    commit = commit_named(name)
    found = []
    with ending_in_order(), both_sides(commit) as sides:
        print(f"new over old, {commit[:10]}: CPU time, or memory; the median's 95 % interval")
        for case in cases:
            costs = _pairs(CASES[case], sides, pairs, seconds)
            print(_line(case, costs), flush=True)
            found.append({"case": case, "against": commit, **_to_json(case, costs)})
    return found


def _pairs(case: Case, sides: Mapping[str, Programs], pairs: int, seconds: float) -> list[Pair]:
    """Run both in turn; the first run of each, which has to compile, does not count."""
    load = replace(case.load, seconds=seconds)

    def run(side: str) -> float:
        return _cost(case.measure(sides[side], case.peers[0], load))

    for side in sides:
        run(side)
    return [Pair(**{side: run(side) for side in order}) for order in orders(pairs)]


def _cost(sample: Sample) -> float:
    """Return the CPU microseconds; if none are measured, the figure itself: bytes."""
    return sample.user + sample.sys or sample.value


def _unit(case: str) -> str:
    return "bytes" if CASES[case].measure is memory else "us"


def _line(case: str, costs: Sequence[Pair]) -> str:
    ratio, low, high, old, new, pairs = compare(costs)
    return (
        f"  {case:10}{ratio:7.3f} ({low:.3f} to {high:.3f})"
        f"  old {old:10,.2f}  new {new:10,.2f} {_unit(case):5}  {pairs} pairs"
    )


def _to_json(case: str, costs: Sequence[Pair]) -> dict[str, Any]:
    samples = {side: [getattr(pair, side) for pair in costs] for side in Pair._fields}
    return {**compare(costs)._asdict(), "unit": _unit(case), "samples": samples}
