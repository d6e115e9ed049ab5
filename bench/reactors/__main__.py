"""``python -m bench.reactors``: other Twisted programs on the eager reactor.

Servers with twisted.web, AMP, LineReceiver and TLS run on Twisted's epoll reactor, on the eager one
and, if uvloop is installed, on Twisted's asyncio reactor with uvloop. Each of these two takes turns
with epoll, A B B A. Needs Linux, two cores and gcc for the load. The exit code is 1 if a case costs
more CPU time on the eager reactor than on epoll.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.modes.rounds import FEWEST_ROUNDS
from bench.sides import ending_in_order

from .cases import chosen, compared
from .rounds import measure
from .table import is_below, lines, to_json


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.reactors", description=__doc__)
    parser.add_argument("--rounds", type=int, default=6, help="default: %(default)s")
    parser.add_argument("--only", action="append", metavar="NAME", help="only this; repeatable")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE")
    options = parser.parse_args(arguments)
    if options.rounds < FEWEST_ROUNDS:
        parser.error(f"--rounds must be at least {FEWEST_ROUNDS}")
    try:
        options.cases = chosen(options.only or ())
    except ValueError as error:
        parser.error(f"--only: {error}")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the chosen cases, print the results, and return the exit code."""
    options = _options(arguments)
    try:
        with ending_in_order():
            found = measure(options.cases, compared(), options.rounds)
    except RuntimeError as error:
        raise SystemExit(f"a case cannot be measured: {error}") from None
    print("\n".join(lines(options.cases, found)))
    if options.json:
        figures = to_json(options.cases, found)
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    return int(any(is_below(case, found) for case in options.cases))


if __name__ == "__main__":
    sys.exit(main())
