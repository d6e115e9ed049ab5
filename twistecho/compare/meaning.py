"""What the timelines of a comparison mean, in one sentence: who was served, and who waited.

How long a client waited is from when it began to connect until its first reply. A server serves
*all at once* where the last one waited hardly longer than the first, and *one client at a time*
where they were answered at even distances, which are not small beside how long the first waited.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from .comparison import Comparison, Run

_HARDLY = 1.5
"""So many times as long as the first one is hardly longer."""

_NO_TIME = 0.01
"""Seconds that make no difference: that much is between two clients on any busy machine."""

_STEP = 0.3
"""The least distance between two clients of a staircase, in times that the first one waited."""

_EVEN = 0.6
"""The least share of distances that are no less than half of what they are on an average."""


class Way(Enum):
    """How clients were served."""

    AT_ONCE = "all at once"
    ONE_BY_ONE = "one client at a time"
    IN_TURN = "some clients while others waited"


@dataclass(frozen=True)
class Served:
    """How a run's clients were served, those that got a reply.

    There were ``clients`` of these, and the last one waited ``times`` as long as the first.
    """

    way: Way
    clients: int
    times: float


def served(run: Run) -> Served | None:
    """Say how the clients of a run were served; None where there were not two to compare."""
    waits = sorted(o.replied - o.started for o in run.report.outcomes if o.replied is not None)
    if len(waits) < 2:
        return None
    first, last = waits[0], waits[-1]
    times = last / first if first > 0 else float(len(waits))
    if last - first < _NO_TIME or times <= _HARDLY:
        return Served(Way.AT_ONCE, len(waits), times)
    return Served(Way.ONE_BY_ONE if _is_staircase(waits) else Way.IN_TURN, len(waits), times)


def _is_staircase(waits: Sequence[float]) -> bool:
    """Tell whether clients were answered one by one; ``waits`` has the shortest wait first."""
    distances = [late - early for early, late in pairwise(waits)]
    mean = (waits[-1] - waits[0]) / len(distances)
    even = sum(distance >= mean / 2 for distance in distances)
    return mean >= _STEP * waits[0] and even >= _EVEN * len(distances)


def meaning(comparison: Comparison, clients: int) -> str:
    """Say in one sentence what the runs with that many clients show."""
    runs = comparison.of_size(clients)
    known = [(comparison.name(run), found) for run in runs if (found := served(run))]
    parts = [
        _part(way, [(name, found) for name, found in known if found.way is way])
        for way in dict.fromkeys(found.way for _, found in known)
    ]
    parts += _unanswered([(comparison.name(run), run) for run in runs])
    if not parts:
        return "With one client there is nobody who could wait for another."
    return "; ".join(parts) + "."


def _part(way: Way, found: Sequence[tuple[str, Served]]) -> str:
    """Say who served clients in one way, and what that meant for the last one."""
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
    """Say how many clients were left without their right replies, where any were."""
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
