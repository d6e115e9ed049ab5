"""``python -m bench.equals``: how often a comparison of two equal targets reports a difference.

It simulates comparisons as ``twistecho ab`` and ``twistecho diff`` make them, message by message:
response times are lognormal, and longer by other load on the machine. That load is *noise*, which
is correlated from slice to slice and sometimes much larger for one slice; or noise and a slow
*drift*; or noise and *waves* that repeat every few slices. Clients of both targets fail equally
rarely. The exit code is 1 if more than 6 % of the comparisons of any kind report "different".
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from math import exp, pi, sin, sqrt
from random import Random

from twistecho.fleet.plans.turns import Turns
from twistecho.fleet.reports.comparison import (
    IN_TURNS,
    ONE_AFTER_THE_OTHER,
    TIMES,
    Slice,
    compare,
)
from twistecho.fleet.reports.findings import Comparison
from twistecho.fleet.reports.histograms import rank_of

MOST = 0.06
"""The largest share of comparisons of equals that may report "different"."""

BACKGROUNDS = ("noise", "drift", "waves")
"""Kinds of other load on the machine; see the module's docstring."""

_MEMORY = 0.6  # correlation with the slice before
_NOISE, _DRIFT, _WAVES, _WIDTH = 0.05, 0.3, 0.2, 0.25
_BURST, _BURSTS = 1.0, 0.05  # size of a burst, and share of the slices with one
_FAILURE = 0.05  # the probability that clients fail in a slice


def background(random: Random, other: str, slices: int) -> Iterator[float]:
    """Yield, for each slice, the factor by which its times are longer."""
    phase, slope = random.uniform(0, 2 * pi), random.gauss(0, _DRIFT) / slices
    period = random.uniform(2, 9) if other == "waves" else slices / random.uniform(1, 3)
    height = {"noise": 0.0, "drift": _DRIFT, "waves": _WAVES}[other]
    level = random.gauss(0, _NOISE)
    for number in range(slices):
        wave = height * sin(phase + 2 * pi * number / period)
        slow = slope * number if other == "drift" else 0.0
        burst = _BURST if random.random() < _BURSTS else 0.0
        yield exp(level + slow + wave + burst)
        level = _MEMORY * level + sqrt(1 - _MEMORY**2) * random.gauss(0, _NOISE)


def slice_of(random: Random, factor: float, messages: int, slower: float = 1.0) -> Slice:
    """Return a slice of a closed load of about ``messages`` messages, slowed by both factors."""
    count = max(1, round(messages / factor / slower))
    times = sorted(factor * slower * exp(random.gauss(0, _WIDTH)) for _ in range(count))
    percentiles = {name: times[rank_of(at, count) - 1] for name, at in TIMES.items()}
    return Slice(1.0, count, percentiles, int(random.random() < _FAILURE))


def in_turns(random: Random, other: str, pairs: int, messages: int, slower: float) -> Comparison:
    """Simulate ``ab``: one background, in which the targets take turns."""
    turns = Turns(pairs, seed=random.getrandbits(32))
    found: list[dict[int, Slice]] = [{} for _ in range(pairs)]
    for number, factor in enumerate(background(random, other, 2 * pairs)):
        side = turns.side_of(number)
        found[number // 2][side] = slice_of(random, factor, messages, slower if side else 1.0)
    return compare([(both[0], both[1]) for both in found], IN_TURNS)


def one_after_the_other(
    random: Random, other: str, pairs: int, messages: int, slower: float
) -> Comparison:
    """Simulate ``diff``: two runs, each on a background of its own."""
    runs = [
        [slice_of(random, each, messages, factor) for each in background(random, other, pairs)]
        for factor in (1.0, slower)
    ]
    return compare(list(zip(*runs, strict=True)), ONE_AFTER_THE_OTHER)


SIMULATIONS = {"ab": in_turns, "diff": one_after_the_other}


def share_that_differs(
    kind: str, other: str, comparisons: int, pairs: int, messages: int, *, slower: float = 1.0
) -> float:
    """Simulate ``comparisons`` comparisons; return the share that reports "different"."""
    differ = 0
    for number in range(comparisons):
        random = Random(f"{kind}:{other}:{number}")  # noqa: S311 - a simulation
        differ += SIMULATIONS[kind](random, other, pairs, messages, slower).differs
    return differ / comparisons


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate all kinds, print the results, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.equals", description=__doc__)
    parser.add_argument("--comparisons", type=int, default=2000, help="of each kind")
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--messages", type=int, default=150, help="in a slice")
    options = parser.parse_args(arguments)
    sizes = options.pairs, options.messages
    shares = []
    for kind in SIMULATIONS:
        for other in BACKGROUNDS:
            shares.append(share_that_differs(kind, other, options.comparisons, *sizes))
            seen = share_that_differs(kind, other, options.comparisons // 10, *sizes, slower=1.1)
            print(
                f"{kind:4} {other:5}  {options.comparisons:,} comparisons of equals: "
                f"{shares[-1]:.1%} report different; of targets 10 % apart {seen:.0%} do",
                flush=True,
            )
    return int(max(shares) > MOST)


if __name__ == "__main__":
    sys.exit(main())
