"""``python -m bench``: this project beside its peers, in alternating rounds.

Peers take turns within a round, so that what else the machine does meets all of them; ratios are
medians of the ratios within each round. Needs Linux, two cores and gcc for the load; peers whose
toolchain is not there are left out.
"""

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path

from .cases import CASES, SERVERS, Case
from .found import print_case, print_markdown, to_json
from .measure import Sample
from .picture import plot
from .programs import Programs


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--case", action="append", choices=CASES, help="repeatable; default: all")
    parser.add_argument(
        "--peer", action="append", choices=SERVERS, help="beside ours; repeatable; default: all"
    )
    parser.add_argument(
        "--targets",
        action="store_true",
        help="only cases and peers for which a figure is asked, unless they are named",
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="how long one run lasts")
    parser.add_argument("--markdown", action="store_true", help="end with a table to paste")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw them there")
    return parser.parse_args()


def _cases(options: argparse.Namespace) -> list[str]:
    """Give the names of the cases that were chosen."""
    asked = [name for name, case in CASES.items() if case.wanted or case.bound is not None]
    chosen: list[str] = options.case or (asked if options.targets else list(CASES))
    return chosen


def _peers(case: Case, options: argparse.Namespace, programs: Programs) -> list[str]:
    """Give who takes part: ours, and of the others those chosen that the machine has."""
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


def main() -> None:
    """Measure what was chosen, and show it."""
    options = _options()
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
        options.json.write_text(json.dumps(to_json(all_found), indent=1) + "\n")
    if options.plot:
        plot(all_found, options.plot)


if __name__ == "__main__":
    main()
