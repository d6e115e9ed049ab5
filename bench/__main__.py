"""``python -m bench``: this project beside its peers, in alternating rounds.

Peers take turns within a round, so that other load on the machine affects all of them; ratios are
medians of the ratios within each round. Needs Linux, two cores and gcc for the load; peers whose
toolchain is missing are left out. With ``--against COMMIT`` it compares this version with an older
one: see `against`. With ``--modes`` it measures the cost of a message in each mode, relative to the
plainest mode or, with both options, to the same mode of the older version: see `modes`.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from .against import COMPARABLE, DEFAULT_CASES, measure_against
from .cases import CASES, SERVERS, Case
from .found import print_case, print_markdown, to_json
from .measure import Sample
from .modes.catalogue import chosen
from .modes.measuring import measure_modes
from .modes.rounds import FEWEST_ROUNDS
from .pairs import FEWEST_PAIRS
from .picture import plot
from .programs import Programs

_ROUNDS, _MODE_ROUNDS = 5, 6


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--case", action="append", choices=CASES, help="repeatable; default: all")
    parser.add_argument(
        "--peer", action="append", choices=SERVERS, help="beside ours; repeatable; default: all"
    )
    parser.add_argument(
        "--targets",
        action="store_true",
        help="only cases and peers that have a goal, unless they are named",
    )
    parser.add_argument(
        "--rounds", type=int, help=f"default: {_ROUNDS}, or {_MODE_ROUNDS} with --modes"
    )
    parser.add_argument("--seconds", type=float, default=1.0, help="how long one run lasts")
    parser.add_argument("--markdown", action="store_true", help="end with a table to paste")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw them into FILE")
    against = parser.add_argument_group("beside an older version of itself")
    against.add_argument(
        "--against",
        metavar="COMMIT",
        help="compare the current files with this commit, by CPU time and memory; "
        f"default cases: {', '.join(DEFAULT_CASES)}",
    )
    against.add_argument("--pairs", type=int, default=15, help="runs of each version in a case")
    modes = parser.add_argument_group("every mode")
    modes.add_argument(
        "--modes",
        action="store_true",
        help="CPU time per message in each mode of service and fleet, as a ratio to the plainest "
        "or, with --against, to the same mode in that commit; exit code 1 if one is slower",
    )
    modes.add_argument(
        "--only", action="append", metavar="NAME", help="only these modes: 'fleet-*'; repeatable"
    )
    options = parser.parse_args()
    if options.modes:
        _check_modes(parser, options)
    elif options.against is not None:
        _check_against(parser, options)
    if options.only and not options.modes:
        parser.error("--only chooses modes: it needs --modes")
    if options.rounds is None:
        options.rounds = _MODE_ROUNDS if options.modes else _ROUNDS
    return options


def _check_modes(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """End if an option does not go with the measurement of modes."""
    for name in ("case", "peer", "targets", "seconds", "markdown", "plot", "pairs"):
        if getattr(options, name) != parser.get_default(name):
            parser.error(f"--modes has no --{name}")
    if options.rounds is not None and options.rounds < FEWEST_ROUNDS:
        parser.error(f"--rounds must be at least {FEWEST_ROUNDS}")
    try:
        chosen(options.only or ())
    except ValueError as error:
        parser.error(f"--only: {error}")


def _check_against(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """End if an option does not go with the comparison with an older version."""
    if options.peer or options.targets or options.markdown or options.plot:
        parser.error("--against has no other peers, targets, Markdown or plot")
    if others := set(options.case or ()) - set(COMPARABLE):
        parser.error(f"--against cannot compare {', '.join(sorted(others))}")
    if options.pairs < FEWEST_PAIRS:
        parser.error(f"--pairs must be at least {FEWEST_PAIRS}")


def _cases(options: argparse.Namespace) -> list[str]:
    """Return the names of the chosen cases."""
    asked = [name for name, case in CASES.items() if case.wanted or case.bound is not None]
    chosen: list[str] = options.case or (asked if options.targets else list(CASES))
    return chosen


def _peers(case: Case, options: argparse.Namespace, programs: Programs) -> list[str]:
    """Return the peers of a run: ours, and the chosen others that the machine has."""
    wanted = list(case.wanted) if options.targets and not options.peer else list(case.peers[1:])
    if options.peer:
        wanted = [peer for peer in wanted if peer.split()[0] in options.peer]
    return [case.peers[0], *filter(programs.available, wanted)]


def _run(case: Case, options: argparse.Namespace, programs: Programs) -> dict[str, list[Sample]]:
    load = replace(case.load, seconds=options.seconds)
    found: dict[str, list[Sample]] = {peer: [] for peer in _peers(case, options, programs)}
    for _ in range(options.rounds):
        for peer, samples in found.items():
            samples.append(case.measure(programs, peer, load))
    return found


def _write(figures: Any, path: Path) -> None:
    path.write_text(json.dumps(figures, indent=1) + "\n")


def main() -> None:
    """Measure the chosen cases, and print the results."""
    options = _options()
    if options.modes:
        patterns, compared = options.only or (), options.against
        sys.exit(measure_modes(patterns, options.rounds, compared, options.json))
    if options.against is None:
        _measure_peers(options)
        return
    cases = options.case or DEFAULT_CASES
    found = measure_against(options.against, cases, options.pairs, options.seconds)
    if options.json:
        _write(found, options.json)


def _measure_peers(options: argparse.Namespace) -> None:
    all_found: dict[str, dict[str, list[Sample]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        programs = Programs(Path(folder))
        for name in _cases(options):
            all_found[name] = _run(CASES[name], options, programs)
            print_case(name, all_found[name])
    if options.markdown:
        print()
        print_markdown(all_found)
    if options.json:
        _write(to_json(all_found), options.json)
    if options.plot:
        plot(all_found, options.plot)


if __name__ == "__main__":
    main()
