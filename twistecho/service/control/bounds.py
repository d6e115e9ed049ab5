"""How large a scenario may be that comes while the service runs: reading it holds up all replies.

A file may say more: it is read before there is a reply to hold up.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from twistecho.base.notation import FieldError
from twistecho.service.scenario.document import bytes_from
from twistecho.service.scenario.parsing import parse_fault
from twistecho.service.scenario.patterns import Pattern

MOST_IN_LIST = 1000
"""How many answers or faults there may be, each of which looks at every message."""

MOST_REPLIES = 10_000
"""How many replies all answers may have."""

LONGEST_TEXT = 4096
"""How many characters a delay or a fault may have: a choice looks at all its delays each time."""

MOST_INSTRUCTIONS = 100_000
"""How large all patterns may be, compiled: ``a{1000}`` has 1000, and a thousand take 0.2 ms."""


def check_size(document: Mapping[str, Any], known: Collection[Mapping[str, Any]] = ()) -> None:
    """Raise FieldError where a scenario is too large to be read while others wait.

    What is as in a ``known`` document may have any size, and what is no scenario is not looked at.
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
    """Give the answers; for what is none, one without anything."""
    return [each if isinstance(each, Mapping) else {} for each in _list(document.get("on"))]


def _texts(document: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """Give the texts of delays and faults, with their paths."""
    for name in ("delay", "banner_delay", "banner_fault", "faults"):
        yield name, document.get(name)
    for at, fault in enumerate(_list(document.get("faults"))):
        yield f"faults[{at}]", fault
    for at, on in enumerate(_answers(document)):
        for name in ("delay", "fault"):
            yield f"on[{at}].{name}", on.get(name)


def _check_patterns(document: Mapping[str, Any]) -> None:
    """Compile one pattern after the other, as long as all together are small enough."""
    left = MOST_INSTRUCTIONS
    for path, size in _sizes(document):
        left -= size
        if left < 0:
            raise FieldError(path, "with this one, all patterns together are too large")


def _sizes(document: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    for at, on in enumerate(_answers(document)):
        yield f"on[{at}].match", _size(on.get("match"))
        yield f"on[{at}].fault", _size_in(on.get("fault"))
    yield "banner_fault", _size_in(document.get("banner_fault"))
    for at, fault in enumerate(_list(document.get("faults"))):
        yield f"faults[{at}]", _size_in(fault)


def _size(source: object) -> int:
    """Give the size of a pattern; 0 where it is none."""
    try:
        return Pattern(bytes_from(source)).size
    except ValueError:
        return 0


def _size_in(fault: object) -> int:
    """Give the size of a fault's pattern; 0 where it has none."""
    try:
        match = parse_fault(fault).match if isinstance(fault, str) else None
    except ValueError:
        return 0
    return 0 if match is None else match.size
