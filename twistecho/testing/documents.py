"""Fields of a scenario as documents for another process; see `scenario.document`.

Texts are passed on unchanged: the process that reads them reports what is wrong with them.
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
    """Write fields as a document. Raises FieldError for a value that no document can hold."""
    return {name: _written(name, value) for name, value in fields.items()}


def _written(name: str, value: Any) -> Any:
    if value is None:
        return None
    try:
        return _WRITERS.get(name, _plain)(value)
    except (TypeError, ValueError) as error:
        read_field(name, value, 0)  # its message is better, if it refuses the value too
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
    """Write a delay; the path of a trace is made absolute."""
    if isinstance(value, AskedDelay):
        value = text_of_delay(value)
    if isinstance(value, str):
        return _TRACE.sub(lambda _: f"trace:{Path.cwd()}/", value, count=1)
    if isinstance(value, (int, float)):
        return value
    raise ValueError("a custom delay cannot be sent to another process: use echo_in_process")


def _fault(value: Any) -> Any:
    """Write a fault."""
    if not isinstance(value, Fault):
        return _plain(value)
    text = text_of_fault(value) or ""
    if replace(parse_fault(text), text=value.text) != value:
        raise ValueError(f"{text}: a fault for another process must be given as text")
    return text


def _faults(value: Any) -> list[Any]:
    if isinstance(value, (str, Fault)):
        value = [value]
    return [_fault(each) for each in getattr(value, "faults", value)]


def _on(value: Any) -> list[Any]:
    """Write answers; answers that are documents already stay unchanged."""
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
