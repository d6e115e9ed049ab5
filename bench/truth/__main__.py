"""``python -m bench.truth``: the fleet's figures beside tcpdump's, in the same runs.

Prints, for each percentile, the observed and the printed wire time, then the true and the printed
response time, and whether the report marks it. A case with a figure that does not hold is named,
and the exit code is 1. Needs Linux, gcc, and tcpdump with the right to listen. The package's
docstring defines the times, that of `verdict` when a figure holds.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, nullcontext
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, NamedTuple

from bench.programs import Programs
from twistecho.compare.launch import LaunchError

from .capture import CaptureError, Flow, captured, flows, noted
from .cases import ALL_CASES, CASES, LOADS, Case, served
from .verdict import Line, Printed, Schedule, Truth, judge, judge_connect, printed, seen

_FIRST = IPv4Address("127.1.0.1")
"""The local address of client 0: each client has its own, by which the observer identifies it."""

_SIZE = 64
_LONGEST = 120.0
"""Seconds after which a fleet that has not ended counts as failed."""


class FleetError(RuntimeError):
    """The fleet wrote no report: the message is its output."""


class Run(NamedTuple):
    """One run of the fleet: its report, its exit code, the observed flows, and packets lost."""

    report: dict[str, Any]
    code: int
    flows: dict[tuple[int, int], Flow]
    lost: int

    @property
    def rate(self) -> float:
        """The observed replies per second, from the first message to the last reply."""
        begins = [flow.sent.whole[0] for flow in self.flows.values() if flow.sent.whole]
        ends = [flow.came.whole[-1] for flow in self.flows.values() if flow.came.whole]
        if not ends:
            return 0.0
        replies = sum(len(flow.came.whole) for flow in self.flows.values())
        return replies * 1e9 / (max(ends) - min(begins))


class Bench:
    """Runs cases, and keeps the rates that the clients of closed loads reached."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self._folder, self._seconds = folder, seconds
        self._programs = Programs(folder)
        self._rates: dict[Case, float] = {}

    def problems(self, case: Case) -> list[str]:
        """Run a case and print the figures; return those that do not hold."""
        rate = self._asked(case)
        run = self._run(case, rate)
        if run.lost and case.server == "none" and case.load != "connect":
            print(f"{case.name}: tcpdump lost {run.lost:,} packets: repeated with a noted server")
            run = self._run(case._replace(server="noted"), rate)
        truth = seen(run.flows, int(_FIRST), Schedule(case.clients, rate, case.processes))
        found = printed(run.report)
        _print_head(case, rate, run, found)
        if problems := list(_unseen(case, run, truth, found)):
            print("\n".join(f"    {problem}" for problem in problems))
            return problems
        return _compare(case, truth, found)

    def _asked(self, case: Case) -> float | None:
        """Return an open load's rate, a share of the rate that the closed load reached."""
        share = LOADS[case.load]
        if share is None:
            return None
        if case.closed not in self._rates:
            self._run(case.closed, None)
        # At least one message: a closed load that was not observed at all is reported by itself.
        return max(1.0, float(f"{self._rates[case.closed] * share:.3g}"))

    def _run(self, case: Case, rate: float | None) -> Run:
        """Run a fleet beside an observer. Raises CaptureError if the observer cannot run."""
        report, notes = self._folder / "report.json", self._folder / "notes"
        report.unlink(missing_ok=True)
        with ExitStack() as stack:
            port = stack.enter_context(served(case.server, self._programs, notes))
            watched = nullcontext() if case.server == "noted" else captured(port, self._folder)
            capture = stack.enter_context(watched)
            command = [*_fleet(case, rate, port, self._seconds), f"--json={report}"]
            ended = subprocess.run(
                command, capture_output=True, text=True, timeout=_LONGEST, check=False
            )
        if not report.exists():
            raise FleetError((ended.stderr or ended.stdout).strip() or "the fleet has no report")
        pieces = noted(notes.read_bytes()) if capture is None else capture.segments()
        lost = 0 if capture is None else capture.lost
        run = Run(json.loads(report.read_text()), ended.returncode, flows(pieces, _SIZE), lost)
        if case.load == "closed":
            self._rates[case] = run.rate
        return run


def _fleet(case: Case, rate: float | None, port: int, seconds: float) -> list[str]:
    """Return the command line of the fleet."""
    last = _FIRST + (case.clients - 1)
    load = ["-n1"] if case.load == "connect" else [f"--duration={seconds}", "--barrier"]
    return [
        *(sys.executable, "-m", "twistecho", "fleet", f"127.0.0.1:{port}"),
        *("--quiet", "--reply=raw", "--timeout=20"),
        *(f"--clients={case.clients}", f"--engine={case.engine}", f"--message={'x' * _SIZE}"),
        *(f"--source={_FIRST}-{last}", f"--processes={case.processes}"),
        *(load if rate is None else [*load, f"--rate={rate:g}"]),
    ]


def _unseen(case: Case, run: Run, truth: Truth, found: Printed) -> Iterator[str]:
    """Yield reasons why there is nothing to compare with."""
    if run.lost:
        yield f"tcpdump lost {run.lost:,} packets: its times are not reliable"
    elif truth.holes:
        yield f"{truth.holes:,} pieces were never seen: tcpdump's times are not reliable"
    elif not truth.wire:
        yield "no reply was seen"
    elif len(truth.wire) != found.answered:
        yield f"{len(truth.wire):,} replies were seen, {found.answered:,} are in the report"
    if case.load == "connect" and len(truth.connect) != case.clients:
        yield f"{len(truth.connect):,} of {case.clients:,} connections were seen"


def _compare(case: Case, truth: Truth, found: Printed) -> list[str]:
    """Print the figures side by side; return those that do not hold."""
    lines = list((judge_connect if case.load == "connect" else judge)(truth, found))
    for percent in dict.fromkeys(line.percent for line in lines):
        cells = [_cell(line) for line in lines if line.percent == percent]
        print(f"    p{percent}  " + "   ".join(cells))
    missing = dict.fromkeys(f"no {line.name} time" for line in lines if line.printed is None)
    wrong = (line for line in lines if not line.holds and line.printed is not None)
    return [*missing, *(f"{line.name} p{line.percent}" for line in wrong)]


def _cell(line: Line) -> str:
    """Write one figure: the true one, the printed one, and the verdict."""
    value = "-" if line.printed is None else f"{line.printed * 1e3:.3f}"
    if line.printed is None:
        word = "missing"
    elif line.holds:
        word = "marked" if line.marked else "holds"
    else:
        word = "FALSE"
    return f"{line.name} {line.true * 1e3:10.3f}  printed {value:>10} ms {word:7}"


def _print_head(case: Case, rate: float | None, run: Run, found: Printed) -> None:
    asked = "" if rate is None else f"{rate:,.0f}/s asked, "
    verdict = "INVALID" if found.invalid else "valid"
    samples = found.counts.get("wire", 0)
    counts = f"{found.answered:,} messages, {samples:,} sampled"
    print(f"{case.name}: {asked}{run.rate:,.0f}/s, {counts}, {verdict}, exit {run.code}")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.truth", description=__doc__)
    parser.add_argument(
        "--all", action="store_true", help=f"{len(ALL_CASES)} cases, not {len(CASES)}"
    )
    parser.add_argument(
        "--case",
        action="append",
        metavar="NAME",
        choices=[case.name for case in ALL_CASES],
        help="only this one; repeatable",
    )
    parser.add_argument("--list", action="store_true", help="list the names of the cases")
    parser.add_argument("--seconds", type=float, default=2.0, help="how long a load lasts")
    return parser.parse_args(arguments)


def _chosen(options: argparse.Namespace) -> list[Case]:
    if options.case:
        return [case for case in ALL_CASES if case.name in options.case]
    return list(ALL_CASES if options.all else CASES)


def _wrong(chosen: Sequence[Case], seconds: float) -> dict[str, list[str]]:
    """Run cases; return the problems by case. Raises CaptureError without an observer."""
    wrong: dict[str, list[str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), seconds)
        for case in chosen:
            try:
                problems = bench.problems(case)
            except (FleetError, LaunchError, subprocess.TimeoutExpired) as error:
                problems = [str(error)]
                print(f"{case.name}: {error}")
            if problems:
                wrong[case.name] = problems
    return wrong


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the chosen cases; return the exit code."""
    options = _options(arguments)
    chosen = _chosen(options)
    if options.list:
        print("\n".join(case.name for case in chosen))
        return 0
    try:
        wrong = _wrong(chosen, options.seconds)
    except (CaptureError, OSError, subprocess.CalledProcessError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{len(chosen) - len(wrong)} of {len(chosen)} cases hold")
    for name, problems in wrong.items():
        print(f"{name}: {', '.join(problems)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
