"""The options of each kind of fault: parsers, fields of `Fault`, and defaults."""

from collections.abc import Callable, Mapping
from typing import Any

from twistecho.base.networks import Network, parse_network
from twistecho.base.notation import number, parse_bytes, parse_seconds, whole

from .fault import OF_CONNECTIONS, OF_MESSAGES, Direction, Fault, Kind, Moment
from .patterns import Pattern

MOST_EXTRA = 65536
"""The most bytes that ``extra`` may add: no other limit of the service bounds them."""

Parsers = Mapping[str, Callable[[str], Any]]


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
        raise ValueError(f"{text} is not a factor from 1 to 1000000")
    return value


MOST_RATE = 1e12
"""The highest bandwidth that may be given, in bytes per second."""


def _bytes_per_second(text: str) -> float:
    try:
        rate = parse_bytes(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is not a number of bytes per second: 64Ki, 1M") from None
    if not 1 <= rate <= MOST_RATE:
        raise ValueError(f"{text[:40]} is not from 1 to {MOST_RATE:g} bytes per second")
    return rate


def _peer(text: str) -> Network:
    try:
        return parse_network(text)
    except ValueError as error:
        raise ValueError(f"{error}; it must be ADDRESS or ADDRESS/BITS") from None


def parse_match(text: str) -> Pattern:
    """Read a pattern to search messages for. Raises ValueError.

    Bytes of a command line that are not UTF-8 are kept as they are.
    """
    if not text:
        raise ValueError("match: the pattern is empty")
    try:
        return Pattern(text.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        raise ValueError(f"match: {text[:40]!a} is not valid text") from None
    except ValueError as error:
        raise ValueError(f"match: {error}") from None


_OWN: dict[Kind, Parsers] = {
    Kind.RESET: {"at": Moment.parse},
    Kind.CLOSE: {"at": Moment.parse},
    Kind.TRUNCATE: {"bytes": _from_one},
    Kind.EXTRA: {"bytes": _from_one},
    Kind.DRIP: {"bytes": _from_one, "pause": _positive},
    Kind.STALL: {"for": _positive},
    Kind.LATE: {"times": _times},
    Kind.BANDWIDTH: {"rate": _bytes_per_second, "direction": Direction.parse},
}

_SCHEDULE: Parsers = {"every": _from_one, "after": whole, "connection": whole}

_CONDITIONS: Parsers = {**_SCHEDULE, "peer": _peer, "limit": _from_one}


def parsers_of(kind: Kind, *, scheduled: bool) -> Parsers:
    """Return the parser of each option of a kind; without the conditions if not ``scheduled``.

    ``match`` is not included: see `MATCHING`.
    """
    common = _CONDITIONS if scheduled and kind in OF_CONNECTIONS | OF_MESSAGES else {}
    return {**_OWN.get(kind, {}), **common}


MATCHING = OF_MESSAGES
"""The kinds that have ``match``, which comes last and takes the rest of the text."""

SCHEDULE = frozenset(_SCHEDULE)
"""The options that are fields of `Schedule`."""

FIELDS = {"bytes": "size", "pause": "seconds", "for": "seconds"}
"""The field of a `Fault` for an option, where the names differ."""

DEFAULTS: dict[Kind, dict[str, Any]] = {
    Kind.EXTRA: {"size": 1},
    Kind.DRIP: {"size": 1, "seconds": 0.01},
    Kind.STALL: {"seconds": 1.0},
    Kind.LATE: {"times": 10.0},
}
"""The defaults of the fields of a `Fault` that depend on its kind."""


def text_of(fault: Fault) -> str:
    """Write a fault: the text it was read from, or for one made of values an equivalent text."""
    if fault.text:
        return fault.text
    usual = Fault(fault.kind, **DEFAULTS.get(fault.kind, {}))
    chance = "" if fault.probability == 1 else f":{fault.probability!r}"
    options = ""
    for name in parsers_of(fault.kind, scheduled=True):
        value, default = (_value(each, name) for each in (fault, usual))
        if value != default and value:
            options += f",{name}={_in_text(value)}"
    if fault.match is not None:
        options += f",match={fault.match.source.decode('utf-8', 'surrogateescape')}"
    return f"{fault.kind}{chance}{options}"


def _value(fault: Fault, option: str) -> Any:
    of = fault.schedule if option in SCHEDULE else fault
    return getattr(of, FIELDS.get(option, option))


def _in_text(value: object) -> str:
    return repr(value) if isinstance(value, float) else str(value)
