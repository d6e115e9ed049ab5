"""Rounds in which each mode alternates with its reference: A B B A."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack

from bench.pairs import FEWEST_PAIRS, Pair, orders
from bench.programs import Programs

from .catalogue import Least, Mode, Part
from .turns import Turn, at_work

PAIRS_A_ROUND = 2
FEWEST_ROUNDS = -(-FEWEST_PAIRS // PAIRS_A_ROUND)
"""With fewer rounds the median has no interval; see `pairs`."""

Found = dict[str, list[Pair]]
"""The pairs of each mode, by its name: ``old`` is the reference."""


def beside_first(programs: Programs, parts: Sequence[Part], rounds: int) -> Found:
    """Measure each mode beside the first of its part; the result leaves out the first."""
    found: Found = {mode.name: [] for part in parts for mode in part.modes[1:]}
    for number in counted(rounds):
        for part in parts:
            first, *others = part.modes
            with at_work(programs, first.work) as reference:
                for mode in others:
                    with at_work(programs, mode.work) as turn:
                        found[mode.name] += pairs_in_turns(reference, turn, number)
    return found


def beside_old(sides: Mapping[str, Programs], parts: Sequence[Part], rounds: int) -> Found:
    """Measure each of our modes in both versions. A mode missing in the old one has no pairs."""
    modes = [mode for part in parts for mode in part.modes if is_ours(mode)]
    found: Found = {mode.name: [] for mode in modes}
    missing: set[str] = set()
    for number in counted(rounds):
        for mode in modes:
            if mode.name in missing:
                continue
            with ExitStack() as held:
                try:
                    old = held.enter_context(at_work(sides["old"], mode.work))
                except RuntimeError:
                    missing.add(mode.name)
                    continue
                new = held.enter_context(at_work(sides["new"], mode.work))
                found[mode.name] += pairs_in_turns(old, new, number)
    return found


def is_ours(mode: Mode) -> bool:
    """Return whether a mode measures this project."""
    return not isinstance(mode.work, Least)


def pairs_in_turns(old: Turn, new: Turn, number: int) -> list[Pair]:
    """Take turns: A B B A in the first round, counted from 0, B A A B in the next."""
    turns, first = {"old": old, "new": new}, number % 2
    ordered = list(orders(first + PAIRS_A_ROUND))[first:]
    return [Pair(**{side: turns[side]() for side in order}) for order in ordered]


def counted(rounds: int) -> Iterator[int]:
    """Count the rounds; on a terminal, show the number of the current one."""
    shown = sys.stderr.isatty()
    for number in range(rounds):
        if shown:
            print(f"\rround {number + 1} of {rounds}", end="", file=sys.stderr, flush=True)
        yield number
    if shown:
        print("\r\033[K", end="", file=sys.stderr, flush=True)
