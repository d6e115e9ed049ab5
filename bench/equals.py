"""``python -m bench.equals``: how often a comparison of two equal targets says that they differ.

It simulates comparisons as ``twistecho ab`` and ``twistecho diff`` make them, message by message:
response times are lognormal, and longer by what else the machine does. That wanders from slice to
slice, each depending on those before, drifts slowly, and now and then is much more for a slice;
clients of both targets fail equally rarely. The exit code is 1 where more than 6 % of the
comparisons say "different".
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from math import exp, pi, sin, sqrt
from random import Random

from twistecho.fleet.plans.turns import side_of
from twistecho.fleet.reports.comparison import (
    IN_TURNS,
    ONE_AFTER_THE_OTHER,
    TIMES,
    Pairs,
    Slice,
    compare,
)
from twistecho.fleet.reports.findings import Comparison
from twistecho.fleet.reports.histograms import rank_of

MOST = 0.06
"""The largest share of comparisons of equals that may say "different"."""

_MEMORY = 0.6  # of what the machine did a slice before
_NOISE, _DRIFT, _WIDTH = 0.05, 0.3, 0.25
_BURST, _BURSTS = 1.0, 0.05  # how much more, and in which share of the slices
_FAILURE = 0.05  # the probability that clients fail in a slice


def background(random: Random, *, drift: bool, period: float) -> Iterator[float]:
    """Give by which factor a slice's times are longer, slice by slice, without an end."""
    phase, slope = random.uniform(0, 2 * pi), random.gauss(0, _DRIFT / 100)
    level = random.gauss(0, _NOISE)
    number = 0
    while True:
        slow = _DRIFT * sin(phase + 2 * pi * number / period) + slope * number if drift else 0.0
        burst = _BURST if random.random() < _BURSTS else 0.0
        yield exp(level + slow + burst)
        level = _MEMORY * level + sqrt(1 - _MEMORY**2) * random.gauss(0, _NOISE)
        number += 1


def slice_of(random: Random, factor: float, messages: int, slower: float = 1.0) -> Slice:
    """Give a slice of a closed load whose mean number of messages is this, on a machine as slow."""
    count = max(1, round(messages / factor / slower))
    times = sorted(factor * slower * exp(random.gauss(0, _WIDTH)) for _ in range(count))
    percentiles = {name: times[rank_of(at, count) - 1] for name, at in TIMES.items()}
    return Slice(1.0, count, percentiles, int(random.random() < _FAILURE))


def in_turns(
    random: Random, pairs: int, messages: int, *, drift: bool, slower: float
) -> Comparison:
    """Simulate ``ab``: one background, in which the targets take turns."""
    factors = background(random, drift=drift, period=pairs)
    found: list[tuple[Slice, Slice]] = []
    for number in range(0, 2 * pairs, 2):
        both: dict[int, Slice] = {}
        for at in (number, number + 1):
            side = side_of(at)
            both[side] = slice_of(random, next(factors), messages, slower if side else 1.0)
        found.append((both[0], both[1]))
    return compare(found, IN_TURNS)


def one_after_the_other(
    random: Random, pairs: int, messages: int, *, drift: bool, slower: float
) -> Comparison:
    """Simulate ``diff``: two runs, each on a background of its own."""
    runs: list[list[Slice]] = []
    for factor in (1.0, slower):
        factors = background(random, drift=drift, period=pairs / 3)
        runs.append([slice_of(random, each, messages, factor) for each in islice(factors, pairs)])
    both: Pairs = list(zip(*runs, strict=True))
    return compare(both, ONE_AFTER_THE_OTHER)


def share_that_differs(
    kind: str,
    comparisons: int,
    pairs: int,
    messages: int,
    *,
    drift: bool,
    slower: float = 1.0,
    seed: int = 0,
) -> float:
    """Simulate so many comparisons; give the share that says "different"."""
    simulate = in_turns if kind == "ab" else one_after_the_other
    differ = 0
    for number in range(comparisons):
        random = Random(f"{seed}:{kind}:{drift}:{number}")  # noqa: S311 - a simulation
        differ += simulate(random, pairs, messages, drift=drift, slower=slower).differs
    return differ / comparisons


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate all kinds, print what was found, and give the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.equals", description=__doc__)
    parser.add_argument("--comparisons", type=int, default=2000)
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--messages", type=int, default=200, help="in a slice")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    wrong = False
    for kind in ("ab", "diff"):
        for drift in (False, True):
            sizes = options.comparisons, options.pairs, options.messages
            share = share_that_differs(kind, *sizes, drift=drift, seed=options.seed)
            seen = share_that_differs(
                kind, sizes[0] // 10, *sizes[1:], drift=drift, slower=1.1, seed=options.seed
            )
            print(
                f"{kind:4} {'slow drift' if drift else 'no drift':10} of {sizes[0]:,} comparisons"
                f" of equals {share:.1%} say different; of targets 10 % apart {seen:.0%} do"
            )
            wrong = wrong or share > MOST
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
