"""The results: medians, ratios within a round, a table, JSON."""

from collections.abc import Iterator, Mapping, Sequence
from math import isnan
from statistics import median
from typing import Any, NamedTuple

from .cases import CASES
from .measure import Sample

Found = Mapping[str, Sequence[Sample]]
"""The samples of one case, by peer, in the order of the rounds; ours is the first peer."""


class Row(NamedTuple):
    """A line of the table; ``ratio`` is ours over theirs, ``wanted`` its goal.

    ``cpu_ratio`` is their CPU time per message over ours: it is still valid if other work shares a
    core and takes a different part of each peer's time.
    """

    case: str
    peer: str
    value: float
    user: float
    sys: float
    ratio: float
    cpu_ratio: float
    wanted: float | None
    reached: bool | None
    more: dict[str, float]


def rows(case: str, found: Found) -> Iterator[Row]:
    """Reduce the samples of a case to one row per peer."""
    asked = CASES[case]
    ours = next(iter(found.values()))
    for peer, samples in found.items():
        pairs = zip(ours, samples, strict=True)
        ratio = median(a.value / b.value if b.value else float("inf") for a, b in pairs)
        value = median(sample.value for sample in samples)
        wanted, what = asked.wanted.get(peer), ratio
        if samples is ours and asked.bound is not None:
            wanted, what = asked.bound, value
        reached = None if wanted is None else (what <= wanted if asked.less else what >= wanted)
        more = {key: median(sample.more[key] for sample in samples) for key in samples[0].more}
        user, system = (median(getattr(s, name) for s in samples) for name in ("user", "sys"))
        cpus = [
            (b.user + b.sys) / (a.user + a.sys) if a.user + a.sys else float("nan")
            for a, b in zip(ours, samples, strict=True)
        ]
        yield Row(case, peer, value, user, system, ratio, median(cpus), wanted, reached, more)


def print_case(case: str, found: Found) -> None:
    """Print the table of one case."""
    asked = CASES[case]
    print(f"\n{case}: {asked.title} ({asked.unit})")
    for row in rows(case, found):
        wanted = "" if row.wanted is None else f"{'<=' if asked.less else '>='} {row.wanted:g}"
        verdict = {None: "", True: "reached", False: "short"}[row.reached]
        more = " ".join(f"{key} {value:.3g}" for key, value in row.more.items())
        print(
            f"  {row.peer:16}{row.value:12,.2f}  user {row.user:6.2f} us  sys {row.sys:6.2f} us"
            f"  ratio {row.ratio:5.2f}  by CPU {row.cpu_ratio:5.2f}  {wanted:8}{verdict:8}{more}",
            flush=True,
        )


def print_markdown(all_found: Mapping[str, Found]) -> None:
    """Print all cases as one Markdown table."""
    print("| case | peer | median | user us | sys us | ratio | by CPU | asked | | more |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for case, found in all_found.items():
        sign = "<=" if CASES[case].less else ">="
        for row in rows(case, found):
            wanted = "" if row.wanted is None else f"{sign} {row.wanted:g}"
            verdict = {None: "", True: "reached", False: "short"}[row.reached]
            more = ", ".join(f"{key} {value:,.3g}" for key, value in row.more.items())
            cpu = f"{row.user:.1f} | {row.sys:.1f}" if row.user + row.sys else " | "
            by_cpu = "" if isnan(row.cpu_ratio) else f"{row.cpu_ratio:.2f}"
            figure = f"{row.value:,.0f}" if row.value >= 1000 else f"{row.value:,.2f}"
            cells = [case, row.peer, figure, cpu, f"{row.ratio:.2f}", by_cpu, wanted, verdict, more]
            print(f"| {' | '.join(cells)} |", flush=True)


def to_json(all_found: Mapping[str, Found]) -> list[dict[str, Any]]:
    """Return all rows, with the single samples, as JSON data."""
    return [
        {**row._asdict(), "samples": [sample.value for sample in found[row.peer]]}
        for case, found in all_found.items()
        for row in rows(case, found)
    ]
