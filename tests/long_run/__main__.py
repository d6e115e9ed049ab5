"""Hour-long runs of mixed faults: ``python -m tests.long_run``; see `tests.long_run`.

Bouts of visits, by misbehaving clients and by fleets of both engines, with one worker killed in
each, are followed by quiet points: all clients have closed, and the resources of the services'
processes, and of this one with its fleets, are recorded. The exit code is 0 if all of them stayed
flat and no reply was wrong, else 1. Ctrl-C ends it early and prints the results until then. It runs
at a low priority (--nice), on 127.0.0.1 only.
"""

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil
from twisted.internet.defer import Deferred, ensureDeferred, gatherResults
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from twistecho import Fleet, Plan, Report, run_threads
from twistecho.base.reply_formats import ReplyFormat
from twistecho.fleet.reports.verdict import invalid

from .probe.sitecustomize import measure
from .services import Place, Services, outside
from .verdict import Finding, Point, judge
from .visitors import visit

VISITORS = 16
COLUMNS = ("first", "last", "growth", "allowed")
BUSY_KINDS = ("connect:timeout", "receive:timeout", "send:timeout", "close:timeout")
"""Causes by which clients of the faultless service may fail: the machine was busy."""


class LongRun:
    """Bouts and quiet points until ``ends``, or until `stop`."""

    def __init__(self, services: Services, seconds: float, bout: float, seed: int) -> None:
        # In a file, not in memory: this process is one of those that must not grow.
        self._kept = tempfile.TemporaryFile("w+", encoding="ascii")  # noqa: SIM115 - for this object's lifetime
        self.tally: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.began = time.monotonic()
        self._ends, self._bout = self.began + seconds, bout
        self._services, self._chance = services, random.Random(seed)  # noqa: S311 - no secret
        self._fleets = [p for p in services.places if not p.metrics and p.service != "proxied"]

    def stop(self) -> None:
        """End after the current bout."""
        self._ends = time.monotonic()

    async def go(self, reactor: Any) -> None:
        """Run to the end. Raises RuntimeError for a service that has ended."""
        while time.monotonic() < self._ends:
            until = min(time.monotonic() + self._bout, self._ends)
            jobs = [deferToThread(self._visit, self._draw(), until) for _ in range(VISITORS)]
            jobs.append(deferToThread(self._run_threads, self._draw(), until))
            jobs.append(ensureDeferred(self._run_reactor(reactor, self._draw(), until)))
            jobs.append(deferLater(reactor, self._bout / 2, self._services.kill_a_worker))
            await gatherResults(jobs, consumeErrors=True)
            await self._quiet(reactor)

    def _draw(self) -> random.Random:
        return random.Random(self._chance.getrandbits(64))  # noqa: S311

    def _visit(self, chance: random.Random, until: float) -> None:
        while time.monotonic() < min(until, self._ends):
            kind, wrong = visit(self._services.places, chance)
            self.tally[kind] += 1
            if wrong:
                self._say_wrong(kind)

    def _run_threads(self, chance: random.Random, until: float) -> None:
        while time.monotonic() < min(until, self._ends):
            place, plan = self._plan(chance)
            self._check("threads", place, run_threads(plan, place.target))

    async def _run_reactor(self, reactor: Any, chance: random.Random, until: float) -> None:
        while time.monotonic() < min(until, self._ends):
            place, plan = self._plan(chance)
            self._check("reactor", place, await Fleet(reactor, place.target, plan).run())

    def _plan(self, chance: random.Random) -> tuple[Place, Plan]:
        """Choose a fleet's place and plan: closed or open, with many or few messages."""
        open_load = chance.random() < 0.3
        plan = Plan(
            clients=chance.randint(1, 25),
            messages=tuple(chance.randbytes(chance.randint(1, 1500)) for _ in range(3)),
            repeat=1 if open_load else chance.randint(1, 30),
            rate=chance.uniform(20, 400) if open_load else None,
            duration=1.0 if open_load else None,
            timeout=3.0,
            reply=ReplyFormat.RAW,
            pipeline=chance.randint(1, 4),
        )
        return chance.choice(self._fleets), plan

    def _check(self, engine: str, place: Place, report: Report) -> None:
        """Count a fleet; record errors: sums that do not add up, and wrong replies."""
        self.tally[f"{engine} fleet {place.service}"] += 1
        for reason in invalid(report):
            if "the load generator fell behind" in reason:  # it has a low priority
                self.tally[f"{engine} fleet late"] += 1
                continue
            self._say_wrong(f"{engine} fleet, {place.target}: {reason}")
        for cause in report.failures if place.service == "plain" else ():
            if cause in BUSY_KINDS:
                self.tally[f"{engine} fleet plain {cause}"] += 1
            else:
                self._say_wrong(f"{engine} fleet, {place.target}: {report.failures}")

    def _say_wrong(self, what: str) -> None:
        if len(self.wrong) < 100:
            self.wrong.append(what)

    async def _quiet(self, reactor: Any) -> None:
        """Wait until no client is connected, at most 30 s; record the resources."""
        until = time.monotonic() + 30
        while True:
            await deferLater(reactor, 0.5)
            held = await deferToThread(self._services.sample)
            left = {n: each for n, each in held.items() if each["connections"] or each["timers"]}
            if not left or time.monotonic() > until:
                break
        held["clients"] = measure() | outside(psutil.Process())
        at = time.monotonic() - self.began
        print(json.dumps([at, held]), file=self._kept)
        self._show(at, held["plain"])
        if left:
            self._say_wrong(f"at {at:.0f} s connections or timers are left: {left}")

    @property
    def points(self) -> dict[str, list[Point]]:
        """The quiet points of each process."""
        self._kept.seek(0)
        found: dict[str, list[Point]] = {}
        for at, held in map(json.loads, self._kept):
            for name, each in held.items():
                found.setdefault(name, []).append((at, each))
        return found

    def _show(self, at: float, held: dict[str, int]) -> None:
        """Print the progress, on a terminal in one line."""
        line = f"{at:6.0f} s  {self.tally.total():7,} visits  plain: {held}"
        end = "\r" if sys.stderr.isatty() else "\n"
        print(line[:118].ljust(118), end=end, file=sys.stderr, flush=True)


def report(run: LongRun) -> dict[str, Any]:
    """Judge a run; return the verdict and all its data."""
    findings: list[Finding] = []
    wrong, all_points = list(run.wrong), run.points
    for name, points in all_points.items():
        try:
            findings += judge(name, points)
        except ValueError as error:
            wrong.append(str(error))
    if not all_points:
        wrong.append("there was no quiet point")
    return {
        "flat": not wrong and all(each.flat for each in findings),
        "seconds": time.monotonic() - run.began,
        "findings": [asdict(each) | {"flat": each.flat} for each in findings],
        "wrong": wrong,
        "tally": dict(sorted(run.tally.items())),
        "points": all_points,
    }


def show(said: dict[str, Any]) -> None:
    """Print the verdict, then the figures."""
    visits, bad = sum(said["tally"].values()), [f for f in said["findings"] if not f["flat"]]
    number = len(next(iter(said["points"].values()), ()))
    answer = "Flat" if said["flat"] else "NOT FLAT" if bad else "NOT RIGHT"
    print(f"{answer}: {number} quiet points in {said['seconds'] / 60:.1f} min, {visits:,} visits")
    for line in said["wrong"]:
        print(f"wrong: {line}")
    print(f"{'process':<20} {'figure':<12}", *(f"{name:>12}" for name in COLUMNS))
    for each in said["findings"]:
        figures = (f"{each[name]:>12,.1f}" for name in COLUMNS)
        names = f"{each['process']:<20} {each['figure']:<12}"
        print(names, *figures, "" if each["flat"] else " GREW")


def main() -> int:
    """Run for the given minutes; return 0 if all is flat and right, else 1."""
    parser = argparse.ArgumentParser("python -m tests.long_run", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="duration [60]")
    parser.add_argument(
        "--bout", type=float, default=20.0, help="seconds between quiet points [20]"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the clients [0]")
    parser.add_argument("--nice", type=int, default=10, help="increment of the niceness [10]")
    parser.add_argument("--leak", action="store_true", help="let the services leak: must be found")
    parser.add_argument("--json", type=Path, help="write all results to this file")
    asked = parser.parse_args()
    os.nice(asked.nice)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as held:
        services = Services(held, folder, leak=asked.leak)
        run = LongRun(services, 60 * asked.minutes, asked.bout, asked.seed)
        problem = _in_reactor(run)
        said = report(run)
    if problem:
        said["wrong"].append(problem)
        said["flat"] = False
    show(said)
    if asked.json:
        asked.json.write_text(json.dumps(said, indent=1))
    return 0 if said["flat"] else 1


def _in_reactor(run: LongRun) -> str:
    """Run in the reactor, which SIGINT ends in order; return the traceback of an error, or ""."""
    from twisted.internet import reactor as global_reactor  # noqa: PLC0415 - an entry point may use it

    reactor: Any = global_reactor
    problems: list[str] = []
    reactor.suggestThreadPoolSize(VISITORS + 8)
    done: Deferred[None] = ensureDeferred(run.go(reactor))
    done.addErrback(lambda failure: problems.append(failure.getTraceback()))
    done.addBoth(lambda _: reactor.running and reactor.callLater(0, _stop, reactor))

    def end() -> "Deferred[None]":
        run.stop()
        return done

    reactor.addSystemEventTrigger("before", "shutdown", end)
    reactor.run()
    return "\n".join(problems)


def _stop(reactor: Any) -> None:
    if not reactor._stopped:
        reactor.stop()


if __name__ == "__main__":
    sys.exit(main())
