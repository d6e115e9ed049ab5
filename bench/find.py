"""``python -m bench.find``: whether ``twistecho find`` finds a known limit.

Two servers have a known limit: a token bucket, which answers a given number of messages per second,
and a worker that handles one message after another, each for the same time. ``--runs`` searches run
against each server and each limit, each with another seed and a new server. A run is right if the
rate that it found is within 5 % of the limit; one that reports "at least" is not.

The limit of a requirement such as ``p99 < 50ms`` differs a little from that of the server. Evenly
spaced messages do not wait below it. Above it, at the rate r, their waiting time grows, up to
T * (r / limit - 1) at the end of a step of T seconds: with T = 5 s and 50 ms a rate up to 1 % above
the limit still meets the requirement, with T = 1 s one of 5 %. So a short step needs a tight
requirement, and the limit itself may lie just below the interval.

There are enough clients for the load: a few per cent above the limit, T * (r - limit) messages are
waiting at the end of a step, at most one per client.

The exit code is 0 if at least 19 of 20 runs of each limit are right. Needs Linux, two cores and
gcc.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

from .programs import LOAD, UNDER_TEST, Programs, running

NEAR = 0.05
"""The largest difference of a rate from the limit, as a share of the limit."""

LIMITS = {"bucket": (2000.0, 700.0), "worker": (1000.0,)}
"""The servers and their limits, in messages per second."""

_MESSAGE = "0123456789abcdef"
_BURST = 0.005  # seconds' worth of tokens that are kept


class Case(NamedTuple):
    """A server, and its limit in messages per second."""

    server: str
    limit: float

    def __str__(self) -> str:
        return f"{self.server} {self.limit:,g}/s"

    def command(self, programs: Programs) -> list[str]:
        """Return the server's command line."""
        rule = [1 / self.limit] if self.server == "worker" else [self.limit, _BURST]
        return [*programs.command(self.server), *map(repr, rule), str(len(_MESSAGE)), "0"]


class Found(NamedTuple):
    """The result of a search: messages per second, and the number of its steps.

    ``rate`` is None if even the lowest rate failed. With ``at_least`` it is not the server's limit;
    ``limit`` then names what limited it.
    """

    rate: float | None
    low: float | None
    high: float | None
    at_least: bool
    limit: str | None
    steps: int

    def near(self, limit: float) -> bool:
        """Return whether the rate is the server's limit, within `NEAR`."""
        return (
            self.rate is not None and not self.at_least and abs(self.rate - limit) <= NEAR * limit
        )

    def said(self, limit: float) -> str:
        """Return one line that compares it with the limit."""
        steps = f"{self.steps} steps"
        if self.rate is None:
            return f"no rate held, in {steps}"
        between = " to ".join(
            "?" if end is None else f"{end:,.1f}" for end in (self.low, self.high)
        )
        least = f"at least (by the {self.limit}) " if self.at_least else ""
        return f"{least}{self.rate:,.1f}/s ({between}), {self.rate / limit:.3f}, in {steps}"


def read(text: str) -> Found:
    """Read the JSON of ``twistecho find``. Raises ValueError for other text."""
    try:
        found = json.loads(text)
        low, high = found["interval"] or (None, None)
        whose, steps = found["limit"], len(found["steps"])
        return Found(found["rate"], low, high, found["at_least"], whose, steps)
    except (KeyError, TypeError) as error:
        raise ValueError(f"not what twistecho find writes: {error!r}") from None


def search(port: str, wanted: Sequence[str]) -> Found:
    """Run ``twistecho find``. Raises ValueError, with its last line, if it found nothing."""
    command = [sys.executable, "-m", "twistecho", "find", f"127.0.0.1:{port}", "--json=-"]
    same = ["--reply=raw", f"--message={_MESSAGE}"]
    ended = subprocess.run([*command, *same, *wanted], capture_output=True, text=True, check=False)
    try:
        return read(ended.stdout)
    except ValueError as error:
        said = ended.stderr.strip().splitlines() or [str(error)]
        raise ValueError(f"exit code {ended.returncode}: {said[-1]}") from None


def searches(case: Case, runs: int, wanted: Sequence[str]) -> Iterator[Found | None]:
    """Search ``runs`` times, and print a line for each; yield None if a search failed."""
    os.sched_setaffinity(0, {LOAD})
    with TemporaryDirectory() as folder:
        programs = Programs(Path(folder))
        for number in range(1, runs + 1):
            began, found = time.monotonic(), None
            with running(case.command(programs), UNDER_TEST) as server:
                try:
                    found = search(server.port(), [*wanted, f"--seed={number}"])
                    said = found.said(case.limit)
                except ValueError as error:
                    said = f"failed: {error}"
            print(f"{case}, run {number}: {said}, {time.monotonic() - began:.1f} s", flush=True)
            yield found


def verdict(case: Case, results: Sequence[Found | None]) -> tuple[bool, str]:
    """Return whether enough of the runs are right, and a line with their number."""
    found = [each for each in results if each is not None]
    near = sum(each.near(case.limit) for each in found)
    ratios = sorted(each.rate / case.limit for each in found if each.rate is not None)
    spread = f"; {ratios[0]:.3f} to {ratios[-1]:.3f}, median {median(ratios):.3f}" if ratios else ""
    return 20 * near >= 19 * len(results), (
        f"{case}: {near} of {len(results)} runs within {NEAR:.0%} of the limit{spread}"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.find",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--server", choices=list(LIMITS), help="only this one")
    add("--limit", type=float, action="append", help="in messages per second; repeatable")
    add("--runs", type=int, default=20, help="of each limit")
    add("--clients", type=int, default=500)
    add("--require", default="p99 < 50ms")
    add("--precision", default="2%", help="of the search")
    add("--step-duration", default="5s")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all searches, print their results, and return the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.runs < 1 or min(options.limit or [1]) <= 0:
        parser.error("--runs and --limit must be more than 0")
    wanted = [
        f"--clients={options.clients}",
        f"--require={options.require}",
        f"--precision={options.precision}",
        f"--step-duration={options.step_duration}",
    ]
    enough = True
    for server in [options.server] if options.server else LIMITS:
        for limit in options.limit or LIMITS[server]:
            case = Case(server, limit)
            right, said = verdict(case, list(searches(case, options.runs, wanted)))
            print(said, flush=True)
            enough = enough and right
    return int(not enough)


if __name__ == "__main__":
    sys.exit(main())
