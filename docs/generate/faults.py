"""The page about the kinds of fault: what each does, and the options it takes."""

import re
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any

from twistecho.service.scenario import parsing
from twistecho.service.scenario.fault import Fault, Kind, Schedule
from twistecho.service.scenario.fault_options import (
    DEFAULTS,
    FIELDS,
    MATCHING,
    SCHEDULE,
    parsers_of,
)

from .markdown import code, page, paragraphs, prose, table

_ENTRY = re.compile(r" {4}(?P<kind>[a-z]+)(?P<options>( +[a-z]+=\S*)*)( {2,}(?P<text>.*))?")
_MORE = re.compile(r" {5,}(?P<text>.*)")
_NEEDED = "must be given"
_TAKES = re.compile(r"(?P<name>[a-z]+)=(?P<value>[^\s`]*)")


def meanings() -> dict[str, str]:
    """Give what each kind does, from the docstring of `parsing`."""
    found: dict[str, str] = {}
    last = ""
    for line in _notation().splitlines():
        if (entry := _ENTRY.fullmatch(line)) and entry["kind"] in set(Kind):
            last = entry["kind"]
            found[last] = (entry["text"] or "").strip()
        elif last and (more := _MORE.fullmatch(line)):
            found[last] = f"{found[last]} {more['text'].strip()}".strip()
        else:
            last = ""
    return found


def _notation() -> str:
    return parsing.__doc__ or ""


def options_of(kind: Kind) -> list[str]:
    """Name all options of a kind, its own first."""
    return [*parsers_of(kind, scheduled=True), *["match"] * (kind in MATCHING)]


def written() -> str:
    """Write the page."""
    said = meanings()
    return page(
        "Kinds of fault",
        "`--fault KIND[:PROBABILITY][,option=value]` of `twist echo` takes these kinds, and so do "
        "the `faults` of a [scenario](scenario.md) and `echo_server.fault(...)` in tests. "
        "[Faults](../../faults.md#faults) has examples.",
        table(
            ("kind", "meaning", "options"),
            [(code(kind), prose(said[kind]), _own_options(kind)) for kind in Kind],
        ),
        "## Conditions",
        _conditions(),
        table(("condition", "takes", "default", "kinds"), _condition_rows()),
        "## The notation as a whole",
        _notation().partition("\n\n")[2].strip(),
        label="fault-kinds",
    )


def _own_options(kind: Kind) -> str:
    return "; ".join(
        f"{code(name)}: {_taken(kind, name)}, {_or_else(_default(kind, name))}".rstrip(", ")
        for name in parsers_of(kind, scheduled=False)
    )


def _or_else(default: str) -> str:
    return default and (default if default == _NEEDED else f"default {default}")


def _condition_rows() -> Iterator[tuple[str, ...]]:
    own = {name for kind in Kind for name in parsers_of(kind, scheduled=False)}
    takers: dict[str, list[Kind]] = {}
    for kind in Kind:
        for name in options_of(kind):
            if name not in own:
                takers.setdefault(name, []).append(kind)
    for name, kinds in takers.items():
        who = ", ".join(map(code, kinds))
        yield code(name), _taken(kinds[0], name), _default(kinds[0], name), who


def _taken(kind: Kind, name: str) -> str:
    """Say what an option takes: the texts of an enumeration, or as the docstring calls it."""
    parse: Callable[..., Any] | None = parsers_of(kind, scheduled=True).get(name)
    of = getattr(parse, "__self__", None)
    if isinstance(of, type) and issubclass(of, Enum):
        return ", ".join(code(str(each)) for each in of)
    return code(_values()[name])


def _values() -> dict[str, str]:
    """Give what stands for the value of each option in the docstring: ``pause=T`` takes ``T``."""
    found: dict[str, str] = {}
    for option in _TAKES.finditer(_notation()):
        if option["value"]:
            found.setdefault(option["name"], option["value"])
    return found


def _default(kind: Kind, name: str) -> str:
    if name == "rate":
        return _NEEDED
    usual: object = Schedule() if name in SCHEDULE else Fault(kind, **DEFAULTS.get(kind, {}))
    value = getattr(usual, FIELDS.get(name, name))
    if value is None:
        return ""
    unit = "s" * (FIELDS.get(name) == "seconds")
    return code(f"{value:g}{unit}" if isinstance(value, float) else str(value))


def _conditions() -> str:
    """Give the paragraphs of the docstring that say what the common options mean."""
    return "\n\n".join(
        part for part in paragraphs(_notation()) if "``every=" in part and "``limit=" in part
    )
