"""The options of a test's server, as keywords: their types, and their names at run time."""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from os import PathLike
from typing import Any, TypeAlias, TypedDict

from twistecho.base.reply_formats import ReplyFormat
from twistecho.service.scenario.answers import On
from twistecho.service.scenario.delay import Delay
from twistecho.service.scenario.delay_per import DelayPer
from twistecho.service.scenario.fault import Fault
from twistecho.service.scenario.faults import Faults
from twistecho.service.scenario.framing import Framing
from twistecho.service.scenario.scenario import Scenario

AnyDelay: TypeAlias = Delay | float | str
"""A delay, a number of seconds, or a text: ``"20ms"``."""

AnyFaults: TypeAlias = Faults | Fault | str | Iterable[Fault | str]
"""Faults, or one, or their texts."""

File: TypeAlias = str | PathLike[str]
"""The name of a file."""

Place: TypeAlias = int | str
"""A port, or the description of an endpoint."""


class ScenarioFields(TypedDict, total=False):
    """The fields of a `Scenario`, as it takes them."""

    framing: Framing | str | bytes
    banner: bytes | str
    banner_delay: AnyDelay
    banner_fault: Fault | str | None
    on: On | Iterable[On]
    reply: ReplyFormat | str
    delay: AnyDelay
    delay_per: DelayPer | str
    faults: AnyFaults
    in_band: bool
    seed: int


class StartFields(ScenarioFields, total=False):
    """The same fields for starting a server; ``fault`` is another name for ``faults``."""

    fault: AnyFaults


class EchoServerOptions(StartFields, total=False):
    """The options of an `EchoServer`: those of ``twist echo`` with ``_`` for ``-``.

    ``scenario`` is a file, .toml or .json, or a `Scenario`; fields that are given as options take
    precedence over it.
    """

    scenario: Scenario | File
    port: Place | Sequence[Place]
    host: str
    proxy_from: str | Sequence[str]
    max_waiting: int
    max_messages: int
    max_waiting_total: int
    max_connections: int
    max_per_peer: int
    max_message_size: int
    max_received: int
    max_received_bytes: int
    idle: float | str
    stall: float | str
    drain: float | str
    metrics: Place
    control: Place
    control_host: str | Sequence[str]
    control_token_file: File
    log_payload: bool


class FaultOptions(TypedDict, total=False):
    """The options that a fault may have, besides its probability.

    ``for_`` stands for ``for``, which is a keyword in Python.
    """

    limit: int
    every: int
    after: int
    connection: int
    peer: str
    match: str | bytes
    at: str
    bytes: int
    pause: float | str
    for_: float | str
    times: float
    rate: float | str
    direction: str


SCENARIO_FIELDS = frozenset(ScenarioFields.__annotations__)
"""The names of the fields of a scenario."""


def checked(options: Mapping[str, Any], allowed: type, what: str) -> dict[str, Any]:
    """Return options by name, ``fault`` as ``faults``; None stands for an option not given.

    ``allowed`` is a TypedDict. Raises TypeError, as Python does, with one line for a name that is
    not in it, and for both names of one option.
    """
    __tracebackhide__ = True  # pytest shows the line of the test
    names = allowed.__annotations__
    given = {name: value for name, value in options.items() if value is not None}
    for name in given:
        if name not in names:
            near = get_close_matches(name, names, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(names))}"
            raise TypeError(f"{what} has no option {name!r}: {hint}")
    if "fault" in given:
        if "faults" in given:
            raise TypeError(f"{what}: fault is another name for faults: give only one of them")
        given["faults"] = given.pop("fault")
    return given


def divided(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options that are fields of a scenario, and the other options."""
    fields = {name: value for name, value in options.items() if name in SCENARIO_FIELDS}
    return fields, {name: value for name, value in options.items() if name not in fields}


def arguments_of(options: Mapping[str, Any]) -> list[str]:
    """Write keywords as options of ``twist echo``: ``delay_per="reply"``, ``in_band=True``.

    A list repeats its option; None and False stand for options not given.
    """
    arguments = []
    for name, value in options.items():
        option = f"--{name.replace('_', '-')}"
        for one in value if isinstance(value, (list, tuple)) else [value]:
            if one is True:
                arguments.append(option)
            elif one is not None and one is not False:
                arguments.append(f"{option}={one}")
    return arguments


def with_options(fault: Fault | str, options: Mapping[str, Any]) -> Fault | str:
    """Return a fault's text with the options that were given as keywords.

    Raises TypeError for unknown names, and for options of a fault that is not text.
    """
    given = checked(options, FaultOptions, "a fault")
    if not given:
        return fault
    if not isinstance(fault, str):
        raise TypeError("options go with the text of a fault")
    match = given.pop("match", None)
    texts = [f",{name.rstrip('_')}={_text(value)}" for name, value in given.items()]
    head, found, tail = _cut_at_match(fault)
    last = f",match={_text(match)}" if match is not None else ""
    return "".join([head, *texts, found, tail, last])


def _cut_at_match(fault: str) -> tuple[str, str, str]:
    """Split the text before the pattern, which extends to its end."""
    for found in (",match=", ":match="):
        if found in fault:
            return fault.partition(found)
    return fault, "", ""


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return str(value)
