"""Makes many small changes; do the tests notice them? ``python -m tests.mutation``."""

import argparse
import sys

from .mutants import mutants_of
from .report import in_harmless_toml, known, sample
from .run import Run
from .selection import modules, selection


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.mutation", description=__doc__)
    parser.add_argument("--number", type=int, default=400, help="how many changes are drawn [400]")
    parser.add_argument("--seed", type=int, default=0, help="seed of the draw [0]")
    parser.add_argument("--servers", type=int, default=2, help="how many are tried at once [2]")
    parser.add_argument("--harmless", action="store_true", help="try those of harmless.toml too")
    parser.add_argument("-v", "--verbose", action="store_true", help="show each verdict")
    parser.add_argument("part", nargs="?", default="", help="a part of the paths of the modules")
    return parser.parse_args()


def main() -> int:
    """Draw changes, try them, print the survivors; return 1 if there are any, else 0."""
    asked, names = _arguments(), known()
    every = [mutant for path in modules() for mutant in mutants_of(path)]
    if stale := names.stale(every):
        sys.exit("harmless.toml names changes that no longer exist:\n" + "\n".join(map(str, stale)))
    offered = (mutant for mutant in every if asked.part in mutant.path)
    drawn = sample(offered, asked.number, asked.seed)
    tried = drawn if asked.harmless else [each for each in drawn if each.key not in names.reasons]
    found = selection()
    run = Run(found)
    run.go(tried, asked.servers)
    survivors = run.survivors()
    slow = sum("took too long" in verdict for verdict in run.verdicts.values())
    fell = found.branches < names.branches
    of_all = f"of {len(drawn)} changes, drawn from {len(every)} with seed {asked.seed}"
    lines = [
        f"\n{len(survivors)} {of_all}, were not noticed",
        f"{len(tried) - len(survivors)} were noticed, {slow} of them because a test took too long",
        f"{len(drawn) - len(tried)} were not tried: harmless.toml gives the reasons",
        f"{found.branches:.2%} of branches are taken{f', it was {names.branches:.2%}' * fell}",
        *(f"\n{in_harmless_toml(mutant)}" for mutant in survivors),
    ]
    if asked.verbose:
        lines += [f"{each.path}:{each.lines[0]} {said}" for each, said in run.verdicts.items()]
    print("\n".join(lines))  # noqa: T201 - a command
    return int(bool(survivors) or fell)


if __name__ == "__main__":
    sys.exit(main())
