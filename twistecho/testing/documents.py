"""Fields of a scenario on their way to another process: as documents, see `scenario.document`.

Texts go as they are: whoever reads them says what is wrong with them.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from twistecho.base.notation import FieldError
from twistecho.service.scenario.answers import On
from twistecho.service.scenario.delay import AskedDelay
from twistecho.service.scenario.document import (
    bytes_to,
    text_of_delay,
    text_of_fault,
    written_on,
)
from twistecho.service.scenario.fault import Fault
from twistecho.service.scenario.fields import read_field
from twistecho.service.scenario.framing import Framing
from twistecho.service.scenario.parsing import parse_fault

_TRACE = re.compile(r"trace:(?=[^/])")


def document_of(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Write fields. Raises FieldError for a value that no document can hold."""
    return {name: _written(name, value) for name, value in fields.items()}


def _written(name: str, value: Any) -> Any:
    if value is None:
        return None
    try:
        return _WRITERS.get(name, _plain)(value)
    except (TypeError, ValueError) as error:
        read_field(name, value, 0)  # which says it better, unless it takes what no text can say
        raise FieldError(name, str(error)) from None


def _plain(value: Any) -> Any:
    if isinstance(value, (str, int, float)):
        return str(value) if isinstance(value, str) else value
    raise TypeError(f"not a value: {type(value).__name__}")


def _bytes(value: Any) -> Any:
    return bytes_to(bytes(value)) if isinstance(value, (bytes, bytearray, memoryview)) else value


def _framing(value: Any) -> Any:
    return _bytes(value.text if isinstance(value, Framing) else value)


def _delay(value: Any) -> Any:
    """Write a delay; the file of a trace is found from any folder."""
    if isinstance(value, AskedDelay):
        value = text_of_delay(value)
    if isinstance(value, str):
        return _TRACE.sub(lambda _: f"trace:{Path.cwd()}/", value, count=1)
    if isinstance(value, (int, float)):
        return value
    raise ValueError("a delay of one's own cannot be sent to another process; echo_in_process can")


def _fault(value: Any) -> Any:
    """Write a fault."""
    if not isinstance(value, Fault):
        return _plain(value)
    text = text_of_fault(value) or ""
    if replace(parse_fault(text), text=value.text) != value:
        raise ValueError(f"{text}: to be sent to another process a fault must be given as text")
    return text


def _faults(value: Any) -> list[Any]:
    if isinstance(value, (str, Fault)):
        value = [value]
    return [_fault(each) for each in getattr(value, "faults", value)]


def _on(value: Any) -> list[Any]:
    """Write answers; those that are documents already stay as they are."""
    return [
        each if isinstance(each, dict) else _answer(each)
        for each in ([value] if isinstance(value, On) else value)
    ]


def _answer(value: On) -> dict[str, Any]:
    if not isinstance(value, On):
        raise TypeError(f"not an answer: {type(value).__name__}")
    return {
        **written_on(value),
        "delay": None if value.delay is None else _delay(value.delay),
        "fault": None if value.fault is None else _fault(value.fault),
    }


_WRITERS: dict[str, Callable[[Any], Any]] = {
    "framing": _framing,
    "banner": _bytes,
    "banner_delay": _delay,
    "banner_fault": _fault,
    "on": _on,
    "delay": _delay,
    "faults": _faults,
}
