"""Checks of each field of a plan by itself: its type and its bounds."""

from typing import TYPE_CHECKING

from twistecho.base.decoding import MOST
from twistecho.base.notation import LONGEST_TIME, FieldError

from .arrivals import Arrivals
from .stages import Stages

if TYPE_CHECKING:
    from .plan import Plan

MOST_SEED = 10**100 - 1
"""The largest seed; the command line has the same limit."""

_LEAST = {"clients": 1, "repeat": 1, "pipeline": 1, "seed": 0, "first": 0}
"""The whole numbers of a plan, and the minimum of each."""

_KINDS: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(_LEAST, int),
    **dict.fromkeys(("timeout", "think", "warmup"), (int, float)),
    **dict.fromkeys(("rate", "duration", "ramp"), (int, float, type(None))),
    "reconnect": (int, type(None)),
    **dict.fromkeys(("ordered", "barrier", "literal"), bool),
    **dict.fromkeys(("messages", "sources", "weights"), tuple),
    "size": (str, int, type(None)),
    "payload": (str, bytes, type(None)),
    "reply": str,
    "arrivals": Arrivals,
    "protocol": (str, type, type(None)),
    **dict.fromkeys(("rate_stages", "client_stages"), (Stages, type(None))),
}


def shown(value: object) -> str:
    """Return a value as text for a message; an integer may have more digits than Python writes."""
    try:
        return repr(value)[:60]
    except ValueError:
        return "that many"


def check_kinds(plan: "Plan") -> None:
    """Refuse values of the wrong type; only a flag may be true or false."""
    for name, kinds in _KINDS.items():
        value = getattr(plan, name)
        if not isinstance(value, kinds) or (isinstance(value, bool) and kinds is not bool):
            raise FieldError(name, f"{shown(value)} is of the wrong type")
    inner: tuple[tuple[str, type | tuple[type, ...]], ...] = (
        ("messages", bytes), ("sources", str), ("weights", (int, float)),
    )  # fmt: skip
    for name, kind in inner:
        for value in getattr(plan, name):
            if not isinstance(value, kind) or isinstance(value, bool):
                raise FieldError(name, f"{shown(value)} is of the wrong type")


def check_counts(plan: "Plan") -> None:
    """Refuse whole numbers that are too small or too large."""
    for name, least in _LEAST.items():
        value, most = getattr(plan, name), MOST_SEED if name == "seed" else MOST
        if value < least:
            raise FieldError(name, f"{shown(value)} is not {least} or more")
        if value > most:
            raise FieldError(name, f"it is more than {most:.3g}")
    if plan.reconnect is not None and not 0 < plan.reconnect <= MOST:
        told = shown(plan.reconnect)
        raise FieldError("reconnect", f"{told} is not 1 or more, at most {MOST:.3g}")


def check_times(plan: "Plan") -> None:
    """Refuse times and rates that are too small or too large."""
    for name in ("timeout", "rate", "duration", "ramp"):
        _check_seconds(plan, name, least_is_allowed=False)
    for name in ("think", "warmup"):
        _check_seconds(plan, name, least_is_allowed=True)


def _check_seconds(plan: "Plan", name: str, *, least_is_allowed: bool) -> None:
    """Refuse a value that is not above 0 (or not 0, where allowed), or above `LONGEST_TIME`."""
    value = getattr(plan, name)
    if value is None or 0 < value <= LONGEST_TIME or (least_is_allowed and value == 0):
        return
    least = "0 or more" if least_is_allowed else "above 0"
    # An integer can be larger than any float.
    told = "inf" if value > LONGEST_TIME**9 else f"{value:g}"
    raise FieldError(name, f"{told} is not a number {least}, at most {LONGEST_TIME:g}")
