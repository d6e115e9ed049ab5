"""Reading ``name:value,value,option=value``: how delays and faults are written."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from .duration import parse_seconds

_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Spec:
    """A name, the values that come first, and the options after them, all as text."""

    name: str
    values: tuple[str, ...]
    options: Mapping[str, str]

    def read(self, parsers: Mapping[str, Callable[[str], _Value]]) -> dict[str, _Value]:
        """Read the options with a parser each. Raises ValueError naming the one at fault."""
        read = {}
        for option, text in self.options.items():
            if option not in parsers:
                raise ValueError(f"{self.name} has no option {option!r}{_known(parsers)}")
            try:
                read[option] = parsers[option](text)
            except ValueError as error:
                raise ValueError(f"{option}: {error}") from None
        return read


def _known(parsers: Mapping[str, object]) -> str:
    return f": it has {', '.join(parsers)}" if parsers else ""


def parse_spec(text: str) -> Spec:
    """Cut the text at its first colon or comma and then at every comma.

    Raises ValueError where a value follows an option, or an option is given twice.
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
    """Read several times. Raises ValueError for the first that is none."""
    return [parse_seconds(text) for text in texts]


def whole(text: str) -> int:
    """Read a whole number, 0 or more, of at most 18 digits. Raises ValueError."""
    if not (text.isascii() and text.isdecimal()) or len(text) > 18:
        raise ValueError(f"{text[:40]!r} is not a whole number")
    return int(text)


def number(text: str) -> float:
    """Read a number. Raises ValueError in words of ours."""
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is not a number") from None


def probability(text: str) -> float:
    """Read a probability, 0 to 1. Raises ValueError."""
    value = number(text)
    if not 0 <= value <= 1:
        raise ValueError(f"{text} is not a probability, 0 to 1")
    return value


def check_kinds(data: Mapping[str, Any], kinds: type | tuple[type, ...], *names: str) -> None:
    """Raise TypeError, naming it, for the first of these fields that is of another kind."""
    for name in names:
        if not isinstance(data[name], kinds) or isinstance(data[name], bool):
            raise TypeError(f"{name}: {data[name]!r} is of the wrong type")
