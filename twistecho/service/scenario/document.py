r"""Scenarios as JSON data, in files and over HTTP; the keys are the fields of a `Scenario`.

    {"framing": "line", "banner": "220 ready\r\n", "delay": "20ms", "faults": ["reset:0.1"],
     "on": [{"match": "^QUIT", "reply": "221 bye\r\n", "close": true}]}

Bytes are written as text (its UTF-8 bytes), or as ``{"base64": "..."}`` where they are not UTF-8.
Delays are texts or numbers of seconds. A missing or null key has the default of ``Scenario()``.
"""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from twistecho.base.notation import FieldError

from .answers import On
from .delay import AskedDelay, Constant, Delay
from .fault import Fault
from .fault_options import text_of
from .fields import FIELDS
from .parsing import LinesOf, no_files, parse_delays
from .scenario import Scenario

ON_KEYS = ("match", "reply", "delay", "fault", "close", "limit")
"""The keys of an answer."""


ReadDelay = Callable[[str], Delay]
"""Reads the text of a delay. Raises ValueError."""


def read_scenario(
    data: object,
    *,
    seed: int = 0,
    lines_of: LinesOf = no_files,
    known: Mapping[str, Delay] = MappingProxyType({}),
) -> Scenario:
    """Read a scenario. ``seed`` is the seed where the data has none.

    ``lines_of`` reads the file of a trace; ``known`` maps the texts of delays to their values, so
    that these are not read again. Raises FieldError with the path of the wrong field; the path is
    empty where the data as a whole is wrong.
    """

    def read_delay(text: str) -> Delay:
        return known[text] if text in known else parse_delays(text, lines_of=lines_of)

    read: dict[str, Any] = {"seed": seed}
    for name, value in _known(data, (*FIELDS, "seed"), "").items():
        with _under(name):
            read[name] = _field(name, value, read_delay)
    return Scenario(**read)


@contextmanager
def _under(name: str) -> Iterator[None]:
    """Put the key in front of the path of an error."""
    try:
        yield
    except FieldError as error:
        inner = error.field if error.field.startswith("[") or not error.field else f".{error.field}"
        raise FieldError(f"{name}{inner}", error.problem) from None
    except ValueError as error:
        raise FieldError(name, str(error)) from None


def _known(data: object, keys: tuple[str, ...], field: str) -> dict[str, Any]:
    """Return the items of an object without nulls. Raises FieldError for an unknown key."""
    if not isinstance(data, Mapping):
        raise FieldError(field, "not an object")
    for key in data:
        if key not in keys:
            near = get_close_matches(str(key)[:40], keys, 1)
            hint = f"did you mean {near[0]}?" if near else f"the fields are {', '.join(keys)}"
            raise FieldError(str(key)[:40], f"unknown field: {hint}")
    return {key: value for key, value in data.items() if value is not None}


def _field(name: str, value: Any, read_delay: ReadDelay) -> Any:
    if name in ("framing", "banner"):
        return bytes_from(value)
    if name in ("delay", "banner_delay"):
        return _delay(value, read_delay)
    if name == "on":
        if not isinstance(value, list):
            raise ValueError("not a list of answers")
        return _each(value, lambda each: _on(each, read_delay))
    return value


def _on(data: object, read_delay: ReadDelay) -> On:
    given = _known(data, ON_KEYS, "")
    if "match" not in given:
        raise FieldError("match", "it is missing")
    read = {}
    for name, value in given.items():
        with _under(name):
            read[name] = _part(name, value, read_delay)
    return On(**read)


def _each(values: list[Any], read: Callable[[Any], Any]) -> list[Any]:
    """Read each value of a list."""
    made = []
    for at, value in enumerate(values):
        with _under(f"[{at}]"):
            made.append(read(value))
    return made


def _part(name: str, value: Any, read_delay: ReadDelay) -> Any:
    if name == "delay":
        return _delay(value, read_delay)
    if name == "match":
        return bytes_from(value)
    if name == "reply":
        if isinstance(value, list):
            return _each(value, bytes_from)
        return bytes_from(value)
    return value


def _delay(value: Any, read_delay: ReadDelay) -> Any:
    return read_delay(value) if isinstance(value, str) else value


def bytes_from(value: object) -> bytes:
    """Read bytes. Raises ValueError."""
    if isinstance(value, str):
        try:
            return value.encode()
        except UnicodeEncodeError:
            raise ValueError("not text that UTF-8 can encode") from None
    if not (isinstance(value, Mapping) and list(value) == ["base64"]):
        raise ValueError('neither text nor {"base64": "..."}')
    try:
        return b64decode(value["base64"], validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise ValueError("base64: not valid base64") from None


def bytes_to(data: bytes) -> str | dict[str, str]:
    """Write bytes: as text where they are UTF-8, else as base64."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": b64encode(data).decode()}


def written(scenario: Scenario) -> dict[str, Any]:
    """Write a scenario in the form that `read_scenario` reads."""
    framing = scenario.framing.text
    return {
        "framing": framing if isinstance(framing, str) else bytes_to(framing),
        "banner": bytes_to(scenario.banner),
        "banner_delay": text_of_delay(scenario.banner_delay),
        "banner_fault": text_of_fault(scenario.banner_fault),
        "on": [written_on(on) for on in scenario.on],
        "reply": str(scenario.reply),
        "delay": text_of_delay(scenario.delay),
        "delay_per": str(scenario.delay_per),
        "faults": [text_of_fault(fault) for fault in scenario.faults.faults],
        "in_band": scenario.in_band,
        "seed": scenario.seed,
    }


def written_on(on: On) -> dict[str, Any]:
    """Write an answer as an element of ``on``."""
    replies = [bytes_to(reply) for reply in on.reply or ()]
    return {
        "match": bytes_to(on.match.source),
        "reply": replies if len(replies) > 1 else next(iter(replies), None),
        "delay": None if on.delay is None else text_of_delay(on.delay),
        "fault": text_of_fault(on.fault),
        "close": on.close,
        "limit": on.limit,
    }


def text_of_delay(delay: Delay) -> str:
    """Write a delay: the text it was read from, or an equivalent text."""
    if isinstance(delay, Constant) and not delay.text:
        return f"{delay.longest!r}s" if delay.longest else "0"
    return delay.text if isinstance(delay, AskedDelay) else str(delay)


def text_of_fault(fault: Fault | None) -> str | None:
    """Write a fault: the text it was read from, or an equivalent text."""
    return None if fault is None else text_of(fault)
