"""Whether a report's figures hold, compared with the observer's. All times are in seconds.

A printed wire time holds within 5 % + 0.1 ms of the observer's. It is computed from a sample, whose
percentile lies, within three standard deviations, between two ranks of all values; it may be near
either. A printed response or connect time holds within 10 % + 0.2 ms of the true one, or if it is
marked; in a report that is INVALID as a whole all of them are marked.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any, NamedTuple

from twistecho.fleet.reports.histograms import Latencies
from twistecho.fleet.reports.report import Report
from twistecho.fleet.reports.verdict import invalid

from .capture import Flow

PERCENTS = (50, 90, 99)
_WIRE = (0.05, 0.1e-3)
_PRINTED = (0.1, 0.2e-3)
_CHANCE = 3.0
"""Standard deviations that a sample's rank may be off."""

_HISTOGRAMS = {"wire": "wire", "response": "latency", "connect": "connect"}
"""The names of the histograms in a report's JSON."""


class Schedule(NamedTuple):
    """The due times: ``clients`` in ``parts``, ``rate`` messages per second, None if closed."""

    clients: int
    rate: float | None = None
    parts: int = 1


@dataclass(frozen=True)
class Truth:
    """The observer's result: times in ascending order, and how many pieces it missed."""

    wire: Sequence[float]
    response: Sequence[float]
    connect: Sequence[float]
    holes: int = 0


@dataclass(frozen=True)
class Printed:
    """A report's figures: values by figure and percentile, and the count of values of each."""

    values: Mapping[str, Mapping[int, float]]
    counts: Mapping[str, int]
    marked: frozenset[tuple[str, int]]
    invalid: bool
    answered: int


class Line(NamedTuple):
    """One figure at one percentile; ``printed`` is None if the report has none."""

    name: str
    percent: int
    true: float
    printed: float | None
    marked: bool
    holds: bool


def printed(data: Mapping[str, Any]) -> Printed:
    """Read a report's JSON. Only this function uses the names of its fields."""
    texts = {name: data["measured"].get(field, "") for name, field in _HISTOGRAMS.items()}
    found = {name: Latencies(text) for name, text in texts.items() if text}
    report = Report.from_dict(data)
    marks: Mapping[str, Sequence[str]] = data["summary"].get("marked", {})
    return Printed(
        values={name: _at_ranks(latencies) for name, latencies in found.items()},
        counts={name: latencies.count for name, latencies in found.items()}
        | ({"wire": report.measured.samples} if "wire" in found else {}),
        marked=frozenset(
            (name, int(at[1:])) for name, each in marks.items() for at in each if at[1:].isdecimal()
        ),
        invalid=bool(invalid(report)),
        answered=data["summary"]["messages"],
    )


def _at_ranks(latencies: Latencies) -> dict[int, float]:
    values: list[tuple[int, int]] = []
    upto = 0
    for step in latencies.histogram().get_recorded_iterator():
        upto += step.count_added_in_this_iter_step
        values.append((upto, step.value_iterated_to))
    wanted = {percent: rank(percent, upto) for percent in PERCENTS}
    return {
        percent: next(value for count, value in values if count >= at) / 1e6
        for percent, at in wanted.items()
    }


def rank(percent: int, count: int) -> int:
    """Return the rank of a percentile, from 1: the least that ``percent`` % do not exceed."""
    return max(1, -(-percent * count // 100))


def at(percent: int, ordered: Sequence[float]) -> float:
    """Return a percentile of values in ascending order."""
    return ordered[rank(percent, len(ordered)) - 1]


def seen(found: Mapping[tuple[int, int], Flow], first: int, schedule: Schedule) -> Truth:
    """Return the true times of connections; client n connected from the address first + n."""
    flows = {address - first: flow for (address, _), flow in found.items()}
    wires = (b - a for flow in flows.values() for a, b in _pairs(flow))
    responses = _responses(flows, schedule)
    connects = (flow.connect for flow in flows.values() if flow.connect is not None)
    holes = sum(flow.sent.holes + flow.came.holes for flow in flows.values())
    return Truth(_ascending(wires), _ascending(responses), _ascending(connects), holes)


def _pairs(flow: Flow) -> Iterator[tuple[int, int]]:
    """Yield when each message with a reply was sent, and when the reply had arrived."""
    return zip(flow.sent.whole, flow.came.whole, strict=False)


def _ascending(nanoseconds: Iterator[int]) -> list[float]:
    return [each / 1e9 for each in sorted(nanoseconds)]


def _responses(flows: Mapping[int, Flow], schedule: Schedule) -> Iterator[int]:
    """Yield the response times that clients without delays of their own would have seen."""
    if schedule.rate is None:
        for flow in flows.values():
            yield from (came - sent for sent, came in _pairs(flow))
        return
    each, more = divmod(schedule.clients, schedule.parts)
    first = 0
    for part in range(schedule.parts):
        count = each + (part < more)
        members = [flows[number] for number in range(first, first + count) if number in flows]
        first += count
        yield from _of_part(members, round(1e9 * schedule.clients / schedule.rate))


def _of_part(members: Sequence[Flow], period: int) -> Iterator[int]:
    """Yield them for clients that began together; each has a message due every ``period``.

    The beginning of the schedule is estimated from the message that was sent least late.
    """
    offsets = [period * number // len(members) for number in range(len(members))]
    began = min(
        (
            sent - offset - number * period
            for flow, offset in zip(members, offsets, strict=True)
            for number, sent in enumerate(flow.sent.whole)
        ),
        default=0,
    )
    for flow, offset in zip(members, offsets, strict=True):
        due = began + offset
        free = due
        for sent, came in _pairs(flow):
            free = max(due, free) + came - sent
            yield free - due
            due += period


def _near(value: float, low: float, high: float, bounds: tuple[float, float]) -> bool:
    share, more = bounds
    return low * (1 - share) - more <= value <= high * (1 + share) + more


def judge(truth: Truth, found: Printed) -> Iterator[Line]:
    """Compare every printed figure with the observer's."""
    for percent in PERCENTS:
        yield _judge_wire(truth.wire, found, percent)
        yield _judge_printed("response", truth.response, found, percent)


def judge_connect(truth: Truth, found: Printed) -> Iterator[Line]:
    """Compare the figures of connecting."""
    for percent in PERCENTS:
        yield _judge_printed("connect", truth.connect, found, percent)


def _judge_wire(ordered: Sequence[float], found: Printed, percent: int) -> Line:
    true = at(percent, ordered)
    value = found.values.get("wire", {}).get(percent)
    if value is None:
        return Line("wire", percent, true, None, marked=False, holds=False)
    low, high = _by_chance(percent, ordered, found.counts["wire"])
    return Line("wire", percent, true, value, False, _near(value, low, high, _WIRE))


def _by_chance(percent: int, ordered: Sequence[float], drawn: int) -> tuple[float, float]:
    """Return the values between which the percentile of a sample of ``drawn`` values lies."""
    count, share = len(ordered), percent / 100
    left = max(0.0, 1 - drawn / count)
    off = _CHANCE * sqrt(share * (1 - share) / drawn * left) * count
    at_rank = rank(percent, count) - 1
    return ordered[max(0, int(at_rank - off))], ordered[min(count - 1, int(at_rank + off + 0.999))]


def _judge_printed(name: str, ordered: Sequence[float], found: Printed, percent: int) -> Line:
    true = at(percent, ordered)
    value = found.values.get(name, {}).get(percent)
    marked = found.invalid or (name, percent) in found.marked
    near = value is not None and _near(value, true, true, _PRINTED)
    return Line(name, percent, true, value, marked, marked or near)
