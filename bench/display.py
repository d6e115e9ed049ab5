"""The cost of the display of a running fleet: ``python -m bench.display``.

One fleet runs against a service on this machine while the display, on a terminal of its own, is
switched on and off: a slice of time with it, one without, then in the other order. Prints, for each
engine, how the display changes the messages per second and the CPU time per message: the median and
the quartiles over the pairs of slices.
"""

import os
import pty
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from statistics import quantiles
from typing import Any, NamedTuple

from twistecho.base.reply_formats import ReplyFormat
from twistecho.eagerreactor import install_fastest
from twistecho.fleet.output import live
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.target import Target, parse_target
from twistecho.fleet.reports.progress import ProgressWatch
from twistecho.fleet.thread_engine.fleet import ThreadedFleet
from twistecho.testing.servers import EchoServers

_PAIRS = 16
_SLICE = 2.0
_PLAN = Plan(
    clients=50,
    messages=(b"x" * 64,),
    reply=ReplyFormat.RAW,
    duration=3600.0,  # it is stopped after the last slice
)


class Figures(NamedTuple):
    """A slice of time: messages per second, and CPU seconds per message."""

    rate: float
    cpu: float


def _slice(fleet: Any, display: live.Display) -> Figures:
    def read() -> tuple[float, float, int]:
        answered = sum(recording.answered for recording in fleet.recordings())
        return time.monotonic(), time.process_time(), answered

    with display:
        before = read()
        time.sleep(_SLICE)
        after = read()
    took, cpu, answered = (late - early for early, late in zip(before, after, strict=True))
    return Figures(answered / took, cpu / answered)


def watch(fleet: Any, name: str, stop: Callable[[], object]) -> None:
    """Measure a running fleet with and without the display; print the result; stop the fleet."""
    ours, theirs = pty.openpty()
    threading.Thread(target=_drain, args=(ours,), daemon=True).start()
    progress = ProgressWatch(fleet.outcomes, fleet.recordings, fleet.now)
    pairs = []
    with os.fdopen(theirs, "w") as terminal:
        time.sleep(_SLICE)
        for number in range(_PAIRS):
            found = {}
            for quiet in (True, False) if number % 2 else (False, True):
                display = live.Display(terminal, _PLAN, progress, quiet=quiet)
                found[quiet] = _slice(fleet, display)
            pairs.append((found[False], found[True]))
    stop()
    plain = quantiles(quiet.rate for _, quiet in pairs)[1]
    print(f"{name}: {plain:,.0f} messages per second without the display; with it")
    for what in Figures._fields:
        low, middle, high = quantiles(getattr(a, what) / getattr(b, what) - 1 for a, b in pairs)
        print(f"    {what:4} {middle:+.1%} ({low:+.1%} to {high:+.1%})")


def _drain(terminal: int) -> None:
    """Read the output, as a terminal would, until its other end is closed."""
    with suppress(OSError):
        while os.read(terminal, 65536):
            pass


def _threads(target: Target) -> None:
    fleet = ThreadedFleet(target, _PLAN)
    watching = threading.Thread(target=watch, args=(fleet, "threads", fleet.stop))
    watching.start()
    fleet.run()
    watching.join()


def _reactor(target: Target) -> None:
    install_fastest()
    from twisted.internet import reactor as global_reactor  # noqa: PLC0415 - it is installed now

    from twistecho.fleet.reactor_engine.fleet import Fleet  # noqa: PLC0415 - likewise

    reactor: Any = global_reactor
    fleet = Fleet(reactor, target, _PLAN)
    watching = threading.Thread(
        target=watch, args=(fleet, "reactor", lambda: reactor.callFromThread(fleet.stop))
    )
    reactor.callWhenRunning(lambda: fleet.run().addBoth(lambda _: reactor.stop()))
    reactor.callWhenRunning(watching.start)
    reactor.run(installSignalHandlers=False)
    watching.join()


def main() -> None:
    """Measure both engines."""
    live._SHOWN_AFTER = 0.0  # noqa: SLF001 - the display starts at once, to be measured
    with EchoServers() as servers:
        server = servers(reply="raw")
        target = parse_target(f"{server.host}:{server.port}")
        _threads(target)
        _reactor(target)


if __name__ == "__main__":
    main()
