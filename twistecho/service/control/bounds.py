"""Size limits for a scenario that is sent to a running service: reading it delays all replies.

A scenario file may be larger: it is read before there are replies to delay.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from twistecho.base.notation import FieldError
from twistecho.service.scenario.document import bytes_from
from twistecho.service.scenario.parsing import parse_fault
from twistecho.service.scenario.patterns import Pattern

MOST_IN_LIST = 1000
"""The most answers, or faults; each of them is tried on every message."""

MOST_REPLIES = 10_000
"""The most replies of all answers together."""

LONGEST_TEXT = 4096
"""The most characters of a delay or a fault: a choice goes through all its delays each time."""

MOST_INSTRUCTIONS = 100_000
"""The most instructions of all patterns: ``a{1000}`` has 1000, and a thousand take 0.2 ms."""


def check_size(document: Mapping[str, Any], known: Collection[Mapping[str, Any]] = ()) -> None:
    """Raise FieldError where a scenario is too large to be read while the service runs.

    Fields that are equal in a ``known`` document may have any size. Invalid values are ignored:
    they are refused when the scenario is read.
    """
    new = {
        name: value
        for name, value in document.items()
        if not any(name in each and each[name] == value for each in known)
    }
    for name in ("on", "faults"):
        if len(_list(new.get(name))) > MOST_IN_LIST:
            raise FieldError(name, f"more than {MOST_IN_LIST}")
    for path, text in _texts(new):
        if isinstance(text, str) and len(text) > LONGEST_TEXT:
            raise FieldError(path, f"more than {LONGEST_TEXT} characters")
    if sum(len(_list(on.get("reply"))) for on in _answers(new)) > MOST_REPLIES:
        raise FieldError("on", f"more than {MOST_REPLIES} replies")
    _check_patterns(new)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _answers(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the answers; an empty one for each invalid value."""
    return [each if isinstance(each, Mapping) else {} for each in _list(document.get("on"))]


def _texts(document: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """Yield the texts of delays and faults, with their paths."""
    for name in ("delay", "banner_delay", "banner_fault", "faults"):
        yield name, document.get(name)
    for at, fault in enumerate(_list(document.get("faults"))):
        yield f"faults[{at}]", fault
    for at, on in enumerate(_answers(document)):
        for name in ("delay", "fault"):
            yield f"on[{at}].{name}", on.get(name)


def _check_patterns(document: Mapping[str, Any]) -> None:
    """Compile the patterns one by one; stop when all together are too large."""
    left = MOST_INSTRUCTIONS
    for path, size in _sizes(document):
        left -= size
        if left < 0:
            raise FieldError(path, "the patterns up to this one are too large together")


def _sizes(document: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    for at, on in enumerate(_answers(document)):
        yield f"on[{at}].match", _size(on.get("match"))
        yield f"on[{at}].fault", _size_in(on.get("fault"))
    yield "banner_fault", _size_in(document.get("banner_fault"))
    for at, fault in enumerate(_list(document.get("faults"))):
        yield f"faults[{at}]", _size_in(fault)


def _size(source: object) -> int:
    """Return the size of a pattern; 0 for an invalid one."""
    try:
        return Pattern(bytes_from(source)).size
    except ValueError:
        return 0


def _size_in(fault: object) -> int:
    """Return the size of a fault's pattern; 0 where it has none."""
    try:
        match = parse_fault(fault).match if isinstance(fault, str) else None
    except ValueError:
        return 0
    return 0 if match is None else match.size
