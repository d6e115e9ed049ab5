"""The options that set a service's limits: their names, their texts, what each sets."""

from collections.abc import Callable, Mapping

from twistecho.service.echo.limits import Limits, shares_of
from twistecho.service.scenario.delay import parse_delay


def _number(text: str) -> int:
    if not text.isdecimal():
        raise ValueError(f"{text!r} is not a whole number, 0 or more")
    return int(text)


def _seconds(text: str) -> float:
    return parse_delay(text).longest


_Parser = Callable[[str], float]

_OPTIONS: dict[str, tuple[str, _Parser, str]] = {
    "max-waiting": (
        "waiting_bytes",
        _number,
        "Bytes that may wait on one connection before its peer is held back.",
    ),
    "max-messages": (
        "waiting_messages",
        _number,
        "Messages that may wait on one connection before its peer is held back.",
    ),
    "max-waiting-total": (
        "total_waiting_bytes",
        _number,
        "Bytes that may wait on all connections together.",
    ),
    "max-connections": ("connections", _number, "Connections in all; 0 for no bound."),
    "max-per-peer": (
        "connections_per_peer",
        _number,
        "Connections of one IPv4 address or IPv6 /64; 0 for no bound.",
    ),
    "idle": (
        "idle",
        _seconds,
        "Seconds without a message after which a connection is dropped; 0 for never.",
    ),
    "stall": (
        "stall",
        _seconds,
        "Seconds for which a peer may refuse to read before it is dropped; 0 for ever.",
    ),
}

BOUND_PARAMETERS = [
    [name, None, f"{getattr(Limits(), field):g}" if parse is _seconds else
     str(getattr(Limits(), field)), text]
    for name, (field, parse, text) in _OPTIONS.items()
]  # fmt: skip
"""The options in the form of `twisted.python.usage`: name, short name, default, text."""


def parse_limits(options: Mapping[str, str], workers: int = 1) -> Limits:
    """Make the limits that the options ask for, such that so many workers can share them.

    Raises ValueError that begins with the option.
    """
    values: dict[str, float] = {}
    for name, (field, parse, _) in _OPTIONS.items():
        try:
            values[field] = parse(options[name])
        except ValueError as error:
            raise ValueError(f"--{name}: {error}") from None
    try:
        limits = Limits(**values)  # type: ignore[arg-type]  # numbers of bytes come from _number
        shares_of(limits, workers)
    except ValueError as error:
        raise ValueError(_in_options_words(str(error))) from None
    return limits


def _in_options_words(problem: str) -> str:
    """Say what `Limits` said of a field, of the option that sets it."""
    for name, (field, _, _) in sorted(_OPTIONS.items(), key=lambda item: -len(item[1][0])):
        problem = problem.replace(f"{field}:", f"--{name}:")
        problem = problem.replace(f"{field} of", f"--{name} of")
    return problem
