"""Loads that change over time: successive stages, ``100:30s,100..2k:2min,2k:1min``.

Each stage is a value and its duration, or two values and the duration of the linear change from one
to the other. The values are a *rate*, in messages per second, or a number of *clients*. At any time
the number of clients is the value, rounded to the nearest whole number. Clients come in the order
of their numbers, and go in the same order.

Times are counted from the beginning of the first stage. The warm-up before it has its first value.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from typing import Any, Generic, TypeVar

from twistecho.base.notation import LONGEST_TIME, parse_rate, parse_seconds

MOST_STAGES = 100
"""The most stages of a plan: each has its own histograms."""

_LOWEST, _HIGHEST = 1e-6, 1e12
"""The bounds of a value other than 0."""

_SHORTEST = 1e-3
"""The shortest stage, in seconds."""

_Number = TypeVar("_Number")


class Staged(Generic[_Number]):
    """The type of a plan's field that takes a number, stages or their text, and reads as a number.

    It is for type checkers only: the plan itself converts the value.
    """

    def __get__(self, instance: object, owner: Any = None) -> _Number:
        """Return the number."""
        raise NotImplementedError

    def __set__(self, instance: object, value: "_Number | str | Stages") -> None:
        """Take a number, stages or their text."""
        raise NotImplementedError


@dataclass(frozen=True)
class Stage:
    """A value that changes linearly from ``begin`` to ``end`` within ``seconds``."""

    begin: float
    end: float
    seconds: float

    @property
    def integral(self) -> float:
        """The value's integral over the stage: of a rate, the number of messages."""
        return (self.begin + self.end) / 2 * self.seconds

    def __str__(self) -> str:
        """Return the text that is read back as this stage."""
        return f"{self.values}:{_time(self.seconds)}"

    @property
    def values(self) -> str:
        """The values alone: ``100``, ``100..2k``."""
        begin, end = _number(self.begin), _number(self.end)
        return begin if begin == end else f"{begin}..{end}"


@dataclass(frozen=True)
class Share:
    """One of several processes' share of a load: one client in ``parts``.

    Its n-th client, counted from 0, is number ``part + n * parts`` of all ``clients``.
    """

    part: int
    parts: int
    clients: int

    def __post_init__(self) -> None:
        """Raise ValueError for a part that is not one of the parts."""
        if not 0 <= self.part < self.parts <= self.clients:
            raise ValueError(f"there is no part {self.part} of {self.parts}")

    def rank(self, number: int) -> int:
        """Return the number among all clients of one of its own clients, both from 0."""
        return self.part + number * self.parts

    @property
    def own(self) -> int:
        """How many clients it has."""
        return -(-(self.clients - self.part) // self.parts)


@dataclass(frozen=True)
class Stages:
    """Stages in their order; ``share`` is one process's share of them, None for the whole.

    Raises ValueError for no stages or too many, and for values and times out of range.
    """

    stages: tuple[Stage, ...]
    share: Share | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for stages that cannot be carried out."""
        if not 0 < len(self.stages) <= MOST_STAGES:
            raise ValueError(f"{len(self.stages):,} stages are not 1 to {MOST_STAGES}")
        for number, stage in enumerate(self.stages, 1):
            for value in (stage.begin, stage.end):
                if value and not _LOWEST <= value <= _HIGHEST:
                    raise ValueError(
                        f"stage {number}: {value:g} is neither 0 nor {_LOWEST:g} to {_HIGHEST:g}"
                    )
            if not stage.seconds >= _SHORTEST:
                raise ValueError(f"stage {number}: it is shorter than 1ms")
        if not any(stage.integral for stage in self.stages):
            raise ValueError("the value is 0 in every stage")
        if self.seconds > LONGEST_TIME:
            raise ValueError(f"they take longer than {LONGEST_TIME:,.0f} s")

    def __str__(self) -> str:
        """Return the text that is read back as these stages; a share is named before it."""
        text = ",".join(map(str, self.stages))
        share = self.share
        return text if share is None else f"part {share.part + 1} of {share.parts} of {text}"

    def __len__(self) -> int:
        """Return the number of stages."""
        return len(self.stages)

    def __iter__(self) -> Iterator[Stage]:
        """Iterate over the stages."""
        return iter(self.stages)

    @cached_property
    def begins(self) -> tuple[float, ...]:
        """When each stage begins, and finally when the last one ends."""
        return tuple(accumulate((stage.seconds for stage in self.stages), initial=0.0))

    @property
    def seconds(self) -> float:
        """How long all of them take."""
        return self.begins[-1]

    @property
    def most(self) -> float:
        """The highest value of all stages."""
        return max(max(stage.begin, stage.end) for stage in self.stages)

    def at(self, seconds: float) -> float:
        """Return the value at a time: the first value before all stages, the last after them."""
        left = max(0.0, seconds)
        for stage in self.stages:
            if left < stage.seconds:
                return stage.begin + (stage.end - stage.begin) * left / stage.seconds
            left -= stage.seconds
        return self.stages[-1].end

    def number_at(self, seconds: float) -> int | None:
        """Return the number of the stage at a time, from 1; None before or after all stages."""
        if not 0 <= seconds < self.seconds:
            return None
        return bisect_right(self.begins, seconds)

    def whole(self) -> "Stages":
        """Return the stages of all processes together."""
        return replace(self, share=None)

    def to_json(self) -> str | dict[str, Any]:
        """Return the stages as JSON data: their text, or an object for a share."""
        text = str(self.whole())
        return text if self.share is None else {"stages": text, **vars(self.share)}


def parse_rates(text: str) -> Stages:
    """Read stages of a rate, ``100:30s,100..2k:2min``. Raises ValueError in one line."""
    return _parse(text, parse_rate)


def parse_counts(text: str) -> Stages:
    """Read stages of clients, ``10..200:1min,200:2min``. Raises ValueError in one line."""
    return _parse(text, _count)


def is_staged(text: str) -> bool:
    """Return whether a text looks like stages rather than a number."""
    return any(mark in text for mark in (":", ",", ".."))


def _parse(text: str, value: Callable[[str], float]) -> Stages:
    pieces = text.split(",", MOST_STAGES)
    if len(pieces) > MOST_STAGES:
        raise ValueError(f"more than {MOST_STAGES} stages")
    return Stages(tuple(_stage(number, piece, value) for number, piece in enumerate(pieces, 1)))


def _stage(number: int, text: str, value: Callable[[str], float]) -> Stage:
    values, colon, seconds = text.strip().partition(":")
    first, dots, last = values.partition("..")
    if not colon or last.startswith("."):
        raise ValueError(f"stage {number}: {text[:40]!r} is not like 100:30s or 100..200:30s")
    try:
        begin = value(first)
        return Stage(begin, value(last) if dots else begin, parse_seconds(seconds))
    except ValueError as error:
        raise ValueError(f"stage {number}: {error}") from None


def _count(text: str) -> float:
    if re.fullmatch("[0-9]{1,12}k?", text) is None:
        raise ValueError(f"{text[:40]!r} is not a number of clients")
    return float(int(text.removesuffix("k")) * (1000 if text.endswith("k") else 1))


def _number(value: float) -> str:
    """Return a text that is read back as the same number."""
    if value != int(value):
        return repr(float(value))
    whole = int(value)
    return f"{whole // 1000}k" if whole and not whole % 1000 else str(whole)


def _time(seconds: float) -> str:
    if seconds != int(seconds):
        return f"{float(seconds)!r}s"
    whole = int(seconds)
    unit, length = next(
        (each for each in (("h", 3600), ("min", 60)) if not whole % each[1]), ("s", 1)
    )
    return f"{whole // length}{unit}"


def add_stages(parts: Sequence[Stages]) -> Stages:
    """Return the sum of the stages of several loads that run, and change, at the same time.

    Raises ValueError where parts of one load are missing.
    """
    first, shares = parts[0], [part.share for part in parts]
    own = {share.part for share in shares if share is not None}
    if all(replace(part, share=first.share) == first for part in parts) and first.share is not None:
        alike = {(share.parts, share.clients) for share in shares if share is not None}
        if len(alike) == 1 and len(own) == len(parts) == first.share.parts:
            return first.whole()
    if own:
        raise ValueError(f"{first}: the other parts are missing")
    return Stages(
        tuple(
            Stage(sum(each.begin for each in one), sum(each.end for each in one), one[0].seconds)
            for one in zip(*parts, strict=True)
        )
    )
