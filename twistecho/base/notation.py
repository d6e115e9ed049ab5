"""How values are written: ``20ms``, ``10k``, ``name:value,option=value``, and in JSON."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self, TypeVar

_Value = TypeVar("_Value")


class TextEnum(StrEnum):
    """An enumeration of texts; reading any other text raises a one-line error."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the member for a text. Raises ValueError, which names all members."""
        try:
            return cls(text)
        except ValueError:
            raise ValueError(f"{text[:40]!r} is not one of {', '.join(map(str, cls))}") from None


class FieldError(ValueError):
    """A field of a value is invalid: ``field: problem``.

    If the message names an ``other`` field, ``problem`` comes before that name, ``rest`` after it.
    """

    def __init__(self, field: str, problem: str, other: str = "", rest: str = "") -> None:
        super().__init__(field, problem, other, rest)
        self.field = field
        self.problem = problem
        self.other = other
        self.rest = rest

    def __str__(self) -> str:
        """Return the message with the names of the fields."""
        return self.said(str)

    def said(self, name: Callable[[str], str]) -> str:
        """Return the message with other names for the fields, such as their options' names."""
        other = name(self.other) if self.other else ""
        return f"{name(self.field)}: {self.problem}{other}{self.rest}"


@dataclass(frozen=True)
class Spec:
    """A name, its values, and the options after the values, all as text."""

    name: str
    values: tuple[str, ...]
    options: Mapping[str, str]

    def read(self, parsers: Mapping[str, Callable[[str], _Value]]) -> dict[str, _Value]:
        """Read each option with its parser. Raises ValueError, which names the wrong option."""
        read = {}
        for option, text in self.options.items():
            if option not in parsers:
                has = f": it has {', '.join(parsers)}" if parsers else ""
                raise ValueError(f"{self.name} has no option {option!r}{has}")
            try:
                read[option] = parsers[option](text)
            except ValueError as error:
                raise ValueError(f"{option}: {error}") from None
        return read


def parse_spec(text: str) -> Spec:
    """Cut the text at its first colon or comma and then at every comma.

    Raises ValueError if a value follows an option, or an option is given twice.
    """
    cut = min((at for at in (text.find(":"), text.find(",")) if at >= 0), default=len(text))
    rest = text[cut + 1 :].split(",") if cut < len(text) else []
    values: list[str] = []
    options: dict[str, str] = {}
    for item in rest:
        name, equals, value = item.partition("=")
        if not equals and options:
            raise ValueError(f"{item!r} comes after an option")
        if name in options:
            raise ValueError(f"{name} is given twice")
        if equals:
            options[name] = value
        else:
            values.append(item)
    return Spec(text[:cut], tuple(values), options)


def seconds_of(texts: Sequence[str]) -> list[float]:
    """Read a list of times. Raises ValueError for the first text that is not a time."""
    return [parse_seconds(text) for text in texts]


def whole(text: str) -> int:
    """Read a whole number, 0 or more, of at most 18 digits. Raises ValueError."""
    if not (text.isascii() and text.isdecimal()) or len(text) > 18:
        raise ValueError(f"{text[:40]!r} is not a whole number")
    return int(text)


_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?(inf|nan)")


def number(text: str) -> float:
    """Read a number in ASCII digits, or ``inf`` or ``nan``. Raises ValueError."""
    if _NUMBER.fullmatch(text) is None:
        raise ValueError(f"{text[:40]!r} is not a number")
    return float(text)


def probability(text: str) -> float:
    """Read a probability, 0 to 1. Raises ValueError."""
    value = number(text)
    if not 0 <= value <= 1:
        raise ValueError(f"{text} is not a probability, 0 to 1")
    return value


_PER_SECOND = {"us": 1e6, "ms": 1e3, "s": 1.0}
_LONGER = {"min": 60.0, "h": 3600.0}

LONGEST_TIME = 1e6
"""The longest time, in seconds: eleven days, which fits every system call that waits."""


def check_time(seconds: float) -> None:
    """Raise ValueError unless a time in seconds is 0 to `LONGEST_TIME`."""
    if isinstance(seconds, int):  # which may have more digits than a float
        seconds = max(-1e300, min(seconds, 1e300))
    if not 0 <= seconds < math.inf:
        raise ValueError(f"{seconds:g} is not a number of seconds, 0 or more")
    if seconds > LONGEST_TIME:
        raise ValueError(f"{seconds:.10g} s is longer than {LONGEST_TIME:,.0f} s")


def parse_seconds(text: str) -> float:
    """Read ``5``, ``0.25``, ``5s``, ``20ms``, ``100us``, ``1min`` or ``1h``; return seconds.

    Raises ValueError with one line for anything else, for negative times and times longer than
    `LONGEST_TIME`.
    """
    unit = next((unit for unit in (*_PER_SECOND, *_LONGER) if text.endswith(unit)), "")
    try:
        value = number(text.removesuffix(unit))
    except ValueError:
        raise ValueError(
            f"{text[:40]!r} is not a number of seconds, or a time: 20ms, 2s, 1min, 1h"
        ) from None
    seconds = value * _LONGER.get(unit, 1.0) / _PER_SECOND.get(unit, 1.0)
    check_time(seconds)
    return seconds


def parse_share(text: str) -> float:
    """Read ``99%``, ``99`` or ``0.99``: a percentage, or a fraction if it is 1 or less.

    Raises ValueError with one line for anything else.
    """
    plain = text.removesuffix("%")
    value = number(plain.removesuffix(" "))
    if plain != text or value > 1:
        value /= 100
    if not 0 <= value <= 1:
        raise ValueError(f"{text[:40]} is not a share, 0% to 100%")
    return value


_MULTIPLES = {"k": 1e3, "M": 1e6}


def parse_rate(text: str) -> float:
    """Read ``500``, ``500/s``, ``2.5k`` or ``1M``; return the number per second.

    Raises ValueError with one line for anything else, and for negative and infinite numbers.
    """
    plain = text.removesuffix("/s")
    multiple = _MULTIPLES.get(plain[-1:], 1.0)
    try:
        rate = number(plain if multiple == 1.0 else plain[:-1]) * multiple
    except ValueError:
        raise ValueError(f"{text[:40]!r} is not a number per second") from None
    if not math.isfinite(rate) or rate < 0:
        raise ValueError(f"{text[:40]} is not a number per second, 0 or more")
    return rate


_BYTES = {"Ki": 1024.0, "Mi": 1024.0**2, "k": 1e3, "M": 1e6}


def parse_bytes(text: str) -> float:
    """Read ``500``, ``1k``, ``64Ki``, ``1M`` or ``1Mi``: a number of bytes. Raises ValueError."""
    unit = next((unit for unit in _BYTES if text.endswith(unit)), "")
    return number(text.removesuffix(unit)) * _BYTES.get(unit, 1.0)


def written(seconds: float) -> str:
    """Write a time in s, ms or us, with 3 significant digits."""
    for unit in ("s", "ms", "us"):
        value = seconds * _PER_SECOND[unit]
        if value >= 0.9995:
            return f"{value:.{_decimals(value)}f} {unit}"
    return f"{seconds * 1e6:.2f} us" if seconds else "0 s"


def _decimals(value: float) -> int:
    return 2 if value < 9.995 else 1 if value < 99.95 else 0


def escaped(text: str) -> str:
    """Return text from files or peers as one line without control characters for a terminal.

    Characters that are not printable are written as Python's `repr` writes them.
    """
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
