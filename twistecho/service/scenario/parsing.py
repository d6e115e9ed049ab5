"""Reading faults as the command line gives them: ``KIND[:PROBABILITY][,option=value]``.

    refuse                    accept a connection and reset it at once
    reset    at=              RST before (default), in the middle of, or after a reply
    close    at=              FIN likewise
    silent                    no reply
    truncate bytes=N          the last N bytes of the reply are missing (default: half of it)
    corrupt                   one byte of the reply is another
    extra    bytes=N          N bytes follow the reply (default 1)
    drip     bytes=N pause=T  the reply comes N bytes at a time (1), T apart (10 ms)
    stall    for=T            nothing is read for T (1 s) from the arrival of the message
    late     times=X          X times (10) the delay

All take ``every=K`` (each Kth message of a connection), ``after=N`` (none of the first N) and
``connection=I`` (only there, counted from 0); for ``refuse`` connections are counted instead.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from twistecho.base.duration import parse_seconds
from twistecho.base.notation import Spec, number, parse_spec, probability, whole

from .fault import Fault, Faults, Kind, Moment, Schedule


def _moment(text: str) -> Moment:
    try:
        return Moment(text)
    except ValueError:
        raise ValueError(f"{text!r} is not one of {', '.join(map(str, Moment))}") from None


def _from_one(text: str) -> int:
    value = whole(text)
    if value < 1:
        raise ValueError(f"{text} is not 1 or more")
    return value


def _positive(text: str) -> float:
    seconds = parse_seconds(text)
    if not seconds:
        raise ValueError(f"{text} is not above 0")
    return seconds


def _times(text: str) -> float:
    value = number(text)
    if not 1 <= value <= 1e6:
        raise ValueError(f"{text} is not a multiple, 1 to 1000000")
    return value


_Parsers = Mapping[str, Callable[[str], Any]]

_SCHEDULE: _Parsers = {"every": _from_one, "after": whole, "connection": whole}

_OPTIONS: dict[Kind, _Parsers] = {
    Kind.RESET: {"at": _moment},
    Kind.CLOSE: {"at": _moment},
    Kind.TRUNCATE: {"bytes": _from_one},
    Kind.EXTRA: {"bytes": _from_one},
    Kind.DRIP: {"bytes": _from_one, "pause": _positive},
    Kind.STALL: {"for": _positive},
    Kind.LATE: {"times": _times},
}

_FIELDS = {"at": "at", "bytes": "size", "pause": "seconds", "for": "seconds", "times": "times"}

_DEFAULTS: dict[Kind, dict[str, Any]] = {
    Kind.EXTRA: {"size": 1},
    Kind.DRIP: {"size": 1, "seconds": 0.01},
    Kind.STALL: {"seconds": 1.0},
    Kind.LATE: {"times": 10.0},
}

MOST_EXTRA = 65536
"""The most bytes that ``extra`` may add: they are no part of what a service bounds otherwise."""


def parse_fault(text: str, *, scheduled: bool = True) -> Fault:
    """Read one fault. Raises ValueError with one line that says what is wrong.

    Where it is not ``scheduled`` it has neither a probability nor a schedule: it comes about.
    """
    spec = parse_spec(text)
    kind = _kind(spec.name)
    if len(spec.values) > scheduled:
        raise ValueError(f"{kind}: {spec.values[-1]!r} is no option")
    read = spec.read({**_OPTIONS.get(kind, {}), **(_SCHEDULE if scheduled else {})})
    if read.get("bytes", 0) > MOST_EXTRA:
        raise ValueError(f"{kind}: bytes: {read['bytes']} is more than {MOST_EXTRA}")
    fields = {_FIELDS[name]: read.pop(name) for name in _FIELDS.keys() & read.keys()}
    return Fault(
        kind=kind,
        probability=_probability(spec),
        schedule=Schedule(**read),
        text=text,
        **{**_DEFAULTS.get(kind, {}), **fields},
    )


def _kind(name: str) -> Kind:
    try:
        return Kind(name)
    except ValueError:
        raise ValueError(f"{name!r} is not one of {', '.join(map(str, Kind))}") from None


def _probability(spec: Spec) -> float:
    try:
        return probability(spec.values[0]) if spec.values else 1.0
    except ValueError as error:
        raise ValueError(f"{spec.name}: {error}") from None


def parse_faults(texts: Iterable[str], *, seed: int = 0) -> Faults:
    """Read several faults. Raises ValueError with one line, also where they contradict."""
    return Faults(tuple(parse_fault(text) for text in texts), seed)
