"""The meaning of a comparison's timelines in one sentence: how clients were served.

A client's wait is the time from the start of its connect until its first reply. A server serves
*all at once* if the last wait is hardly longer than the first. It serves *one client at a time* if
the replies come at even distances that are not small compared with the first wait.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from .comparison import Comparison, Run

_HARDLY = 1.5
"""Up to this many times the first wait counts as hardly longer."""

_NO_TIME = 0.01
"""Seconds that make no difference: two clients on any busy machine differ by as much."""

_STEP = 0.3
"""The least mean distance between two clients of a staircase, as a multiple of the first wait."""

_EVEN = 0.6
"""The least share of distances that are at least half of their mean."""


class Way(Enum):
    """How clients were served."""

    AT_ONCE = "all at once"
    ONE_BY_ONE = "one client at a time"
    IN_TURN = "some clients while others waited"


@dataclass(frozen=True)
class Served:
    """How a run's clients were served; only clients with a reply count.

    There were ``clients`` of them, and the last one waited ``times`` as long as the first.
    """

    way: Way
    clients: int
    times: float


def served(run: Run) -> Served | None:
    """Return how the clients of a run were served; None if fewer than two got a reply."""
    waits = sorted(o.replied - o.started for o in run.report.outcomes if o.replied is not None)
    if len(waits) < 2:
        return None
    first, last = waits[0], waits[-1]
    times = last / first if first > 0 else float(len(waits))
    if last - first < _NO_TIME or times <= _HARDLY:
        return Served(Way.AT_ONCE, len(waits), times)
    return Served(Way.ONE_BY_ONE if _is_staircase(waits) else Way.IN_TURN, len(waits), times)


def _is_staircase(waits: Sequence[float]) -> bool:
    """Return whether clients were answered one by one; ``waits`` is in ascending order."""
    distances = [late - early for early, late in pairwise(waits)]
    mean = (waits[-1] - waits[0]) / len(distances)
    even = sum(distance >= mean / 2 for distance in distances)
    return mean >= _STEP * waits[0] and even >= _EVEN * len(distances)


def meaning(comparison: Comparison, clients: int) -> str:
    """Return one sentence on the result of the runs with that many clients."""
    runs = comparison.of_size(clients)
    known = [(comparison.name(run), found) for run in runs if (found := served(run))]
    parts = [
        _part(way, [(name, found) for name, found in known if found.way is way])
        for way in dict.fromkeys(found.way for _, found in known)
    ]
    parts += _unanswered([(comparison.name(run), run) for run in runs])
    if not parts:
        return "With one client there is nothing to compare: no client waits for another."
    return "; ".join(parts) + "."


def _part(way: Way, found: Sequence[tuple[str, Served]]) -> str:
    """Return which servers served clients in this way, and how long the last client waited."""
    names = _listed([name for name, _ in found])
    if way is Way.AT_ONCE:
        return f"{names} served {way.value}"
    clients = {one.clients for _, one in found}
    last = f"the last of {clients.pop():,}" if len(clients) == 1 else "the last one"
    waited = sorted(round(one.times) for _, one in found)
    times = f"{waited[0]:,}"
    if waited[0] != waited[-1]:
        times += f" to {waited[-1]:,}"
    elif waited[0] < 3:
        times = f"{min(one.times for _, one in found):.2g}"
    return f"{names} served {way.value}: {last} waited {times} times as long as the first"


def _unanswered(runs: Sequence[tuple[str, Run]]) -> list[str]:
    """Return how many clients did not get all their right replies, if there were any."""
    left = [(name, run.clients - run.report.answered, run.clients) for name, run in runs]
    told = [(name, number, clients) for name, number, clients in left if number]
    if not told:
        return []
    name, number, clients = told[0]
    said = f"{name} left {number:,} of {clients:,} clients without a right answer"
    return [", ".join([said, *(f"{name} {number:,}" for name, number, _ in told[1:])])]


def _listed(words: Sequence[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last
