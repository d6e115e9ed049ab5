"""The fields of a scenario: each is given as a value or as text, and read by one function."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from twistecho.base.notation import FieldError, TextEnum
from twistecho.base.reply_formats import ReplyFormat

from .answers import On
from .delay import Drawn
from .delay_per import DelayPer
from .fault import Fault
from .faults import Faults
from .framing import Framing, parse_framing
from .parsing import parse_fault
from .values import bytes_of, read_delay, read_message_fault, truth

_Value = TypeVar("_Value")


def read_field(name: str, value: object, seed: int) -> Any:
    """Return the value of a field, drawn from ``seed`` unless the value has a seed already.

    Raises FieldError, whose field may be a path that begins with the name.
    """
    try:
        return _seed(value) if name == "seed" else FIELDS[name](value, seed)
    except FieldError as error:
        raise FieldError(f"{name}{error.field}", error.problem) from None
    except ValueError as error:
        raise FieldError(name, str(error)) from None


def _framing(value: object, _seed: int) -> Framing:
    if isinstance(value, Framing):
        return value
    if isinstance(value, (str, bytes)):
        return parse_framing(value)
    raise ValueError(f"not a framing: {type(value).__name__}")


def _delay(value: object, seed: int) -> Any:
    delay = read_delay(value, seed)
    if delay is None:
        raise ValueError("not a delay: None")
    return delay


def _ons(value: object, seed: int) -> tuple[On, ...]:
    if isinstance(value, On):
        return (seeded(value, seed),)
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise ValueError(f"not a list of answers: {type(value).__name__}")  # noqa: TRY004 - as documented
    ons = tuple(value)
    for at, on in enumerate(ons):
        if not isinstance(on, On):
            raise FieldError(f"[{at}]", f"not an answer: {type(on).__name__}")
    return tuple(seeded(on, seed) for on in ons)


def _faults(value: object, seed: int) -> Faults:
    if isinstance(value, Faults):
        return value
    if isinstance(value, (str, Fault)):
        value = [value]
    if isinstance(value, (bytes, Mapping)) or not isinstance(value, Iterable):
        raise ValueError(f"not a list of faults: {type(value).__name__}")  # noqa: TRY004 - as documented
    return Faults(tuple(_fault(at, each) for at, each in enumerate(value)), seed)


def _fault(at: int, value: object) -> Fault:
    try:
        if isinstance(value, str):
            return parse_fault(value)
    except ValueError as error:
        raise FieldError(f"[{at}]", str(error)) from None
    if isinstance(value, Fault):
        return value
    raise FieldError(f"[{at}]", f"not a fault: {type(value).__name__}")


def _one_of(kind: type[TextEnum]) -> Callable[[object, int], TextEnum]:
    def read(value: object, _seed: int) -> TextEnum:
        if not isinstance(value, str):
            raise ValueError(f"not a text: {type(value).__name__}")  # noqa: TRY004 - as documented
        return kind.parse(value)

    return read


def _seed(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("not a whole number, 0 or more")
    if value >= 10**100:
        raise ValueError("more than 100 digits")
    return value


FIELDS: dict[str, Callable[[Any, int], Any]] = {
    "framing": _framing,
    "banner": lambda value, _seed: bytes_of(value),
    "banner_delay": _delay,
    "banner_fault": lambda value, _seed: read_message_fault(value),
    "on": _ons,
    "reply": _one_of(ReplyFormat),
    "delay": _delay,
    "delay_per": _one_of(DelayPer),
    "faults": _faults,
    "in_band": lambda value, _seed: truth(value),
}
"""The function that reads each field of a scenario, except the seed."""


def seed_of(delay: object, faults: object) -> int:
    """Return the seed that faults or a delay have already; 0 where they have none."""
    if isinstance(faults, Faults) and faults.faults:
        return faults.seed
    seed = getattr(delay, "seed", None)
    return seed if isinstance(seed, int) else 0


def seeded(value: _Value, seed: int) -> _Value:
    """Return a field's value, drawn from another seed if it is drawn at all."""
    if isinstance(value, (Drawn, Faults)):
        return replace(value, seed=seed)
    if isinstance(value, tuple):
        return tuple(seeded(each, seed) for each in value)  # type: ignore[return-value]
    if isinstance(value, On) and isinstance(value.delay, Drawn):
        return value.with_delay(replace(value.delay, seed=seed))
    return value
