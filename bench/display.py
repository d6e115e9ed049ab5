"""What the display of a running fleet costs: ``python -m bench.display``.

Runs the same fleet again and again against a service on this machine, in turn with the display, on
a terminal of its own, and without it, each run in a process of its own. Only the seconds count in
which the display is shown. Prints the median of the pairs' ratios of messages a second, and of CPU
time a message.
"""

import json
import os
import pty
import subprocess
import sys
import threading
import time
from functools import partial
from statistics import median
from typing import NamedTuple

from twistecho.engines import Engine, run_engine
from twistecho.launch import LaunchedService
from twistecho.live import Display
from twistecho.plan import Plan
from twistecho.target import parse_target
from twistecho.wire import ReplyFormat

_PAIRS = 9
_CLIENTS = 50
_MESSAGES = 600_000
_FROM, _UNTIL = 3, -1  # the intervals that count: the display is shown from 2 seconds on


class Figures(NamedTuple):
    """One run: messages a second, and CPU seconds a message."""

    rate: float
    cpu: float


def run(engine: Engine, target: str, *, quiet: bool) -> Figures:
    """Run the fleet once, in this process."""
    repeat = _MESSAGES // _CLIENTS // (5 if engine == "threads" else 1)
    plan = Plan(clients=_CLIENTS, messages=(b"x" * 64,), repeat=repeat, reply=ReplyFormat.RAW)
    display = partial(Display, sys.stderr, plan, quiet=quiet)
    before = time.process_time()
    report = run_engine(engine, plan, parse_target(target), display=display)
    took = time.process_time() - before
    assert report.complete
    counted = report.measured.intervals[_FROM:_UNTIL]
    assert counted, "the run was too short"
    return Figures(sum(i.answered for i in counted) / len(counted), took / report.messages)


def _in_a_process(engine: str, target: str, kind: str) -> Figures:
    """Run it with a terminal for standard error, whose other end is read as it would be."""
    ours, theirs = pty.openpty()
    reader = threading.Thread(target=_drain, args=(ours,), daemon=True)
    reader.start()
    command = [sys.executable, "-m", __spec__.name, engine, target, kind]
    said = subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs, check=True).stdout
    os.close(theirs)
    reader.join()
    os.close(ours)
    return Figures(*json.loads(said))


def _drain(terminal: int) -> None:
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:
        return  # the terminal's other end has gone


def main() -> None:
    """Measure, or be one of the runs."""
    if sys.argv[1:]:
        engine: Engine = "threads" if sys.argv[1] == "threads" else "reactor"
        print(json.dumps(run(engine, sys.argv[2], quiet=sys.argv[3] == "quiet")))
        return
    with LaunchedService(["--reply", "raw"]) as target:
        for engine in ("reactor", "threads"):
            pairs = []
            for number in range(_PAIRS):
                kinds = ("shown", "quiet") if number % 2 else ("quiet", "shown")
                found = {kind: _in_a_process(engine, str(target), kind) for kind in kinds}
                pairs.append((found["shown"], found["quiet"]))
            rate = median(shown.rate / quiet.rate for shown, quiet in pairs)
            cpu = median(shown.cpu / quiet.cpu for shown, quiet in pairs)
            plain = median(quiet.rate for _, quiet in pairs)
            print(f"{engine}: {plain:,.0f}/s without; with it {100 * (rate - 1):+.1f} % "
                  f"messages a second, {100 * (cpu - 1):+.1f} % CPU a message")  # fmt: skip


if __name__ == "__main__":
    main()
