"""The modes, in parts: what runs in each, and its greatest cost relative to the part's first mode.

Service and fleet run as for their users: the service is ``twist echo`` with its options, a fleet
carries out a plan. Goals are ratios of the CPU time per message to that of the part's first mode.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

SIZE = 64
"""Bytes of a message, unless a plan says otherwise."""

MESSAGE = "x" * SIZE

_CLIENTS = 50
_PREFIXED = len("Resposta => ")
_STAMPED = len("Resposta eco => b'' as Sat Jul 22 18:43:57 2017")


@dataclass(frozen=True)
class Service:
    """``twist echo`` with these options, driven by the C client in closed loops.

    Messages begin with ``text``; a reply is ``longer`` bytes longer than its message.
    """

    options: tuple[str, ...] = ("--reply=raw",)
    connections: int = _CLIENTS
    text: str = ""
    longer: int = 0


@dataclass(frozen=True)
class Fleet:
    """A fleet with these fields of a `Plan`, against the C server, which answers in a format."""

    plan: Mapping[str, Any] = field(default_factory=dict)
    answers: str = "raw"
    engine: str = "reactor"

    @property
    def fields(self) -> dict[str, Any]:
        """All fields of the plan except its duration."""
        return {"clients": _CLIENTS, "messages": [MESSAGE], **self.plan}


@dataclass(frozen=True)
class Least:
    """The least client, which is not ours, against the C server: a lower bound for all clients.

    It is the ``peer`` of `bench.programs`, with a ``rate`` in messages per second if it has one.
    """

    peer: str
    clients: int = _CLIENTS
    rate: float | None = None


Work = Service | Fleet | Least


@dataclass(frozen=True)
class Mode:
    """A row of the table; ``goal`` is the most that it may cost, as a ratio to the part's first."""

    name: str
    title: str
    work: Work
    goal: float | None = None


@dataclass(frozen=True)
class Part:
    """Modes that are compared with the first of them."""

    title: str
    modes: tuple[Mode, ...]


def _delayed(delay: str, *options: str) -> Service:
    return Service(("--reply=raw", f"--delay={delay}", *options), connections=2000)


def _formatted(reply: str) -> Fleet:
    return Fleet({"reply": reply}, reply)


_CORRUPT = ("--fault=corrupt:0.01", "--seed=7")
_IN_BAND = ("--reply=raw", "--in-band", "--seed=7")

PARTS: tuple[Part, ...] = (
    Part("service, 50 connections, 64 bytes", (
        Mode("raw", "raw", Service()),
        Mode("prefixed", "prefixed", Service(("--reply=prefixed",), longer=_PREFIXED), 1.10),
        Mode("stamped", "stamped", Service(("--reply=stamped",), longer=_STAMPED), 1.15),
        Mode("corrupt", "--fault corrupt:0.01", Service(("--reply=raw", *_CORRUPT)), 1.25),
        Mode("in-band", "--in-band, no message uses it", Service(_IN_BAND), 1.08),
        Mode("in-band-corrupt", "--in-band, each says !corrupt",
             Service(_IN_BAND, text="!corrupt "), 2.5),
    )),
    Part("service, 2,000 connections, 64 bytes, held for 10 ms", (
        Mode("delayed", "constant", _delayed("10ms")),
        Mode("uniform", "uniform:0.005,0.015", _delayed("uniform:0.005,0.015", "--seed=7"), 1.12),
        Mode("exponential", "exponential:0.01", _delayed("exponential:0.01", "--seed=7"), 1.12),
        Mode("delayed-corrupt", "constant, --fault corrupt:0.01",
             _delayed("10ms", *_CORRUPT), 1.15),
    )),
    Part("fleet, 50 clients, 64 bytes", (
        Mode("fleet-raw", "raw, closed", Fleet()),
        Mode("fleet-prefixed", "prefixed", _formatted("prefixed"), 1.25),
        Mode("fleet-stamped", "stamped", _formatted("stamped"), 1.25),
        Mode("fleet-auto-raw", "auto, replies raw", Fleet({"reply": "auto"})),
        Mode("fleet-auto-stamped", "auto, replies stamped",
             Fleet({"reply": "auto"}, "stamped")),
        Mode("fleet-default", "raw, the default message",
             Fleet({"messages": ["Ola mundo da internet! ({client}, {message})"]})),
        Mode("fleet-open-30k", "raw, open, 30,000/s", Fleet({"rate": 30_000.0}), 1.4),
        Mode("least-open-30k", "the least client in C, the same",
             Least("least client", rate=30_000.0)),
        Mode("fleet-open-10k", "raw, open, 10,000/s", Fleet({"rate": 10_000.0}), 2.2),
        Mode("least-open-10k", "the least client in C, the same",
             Least("least client", rate=10_000.0)),
        Mode("fleet-one", "raw, one client", Fleet({"clients": 1}), 1.5),
        Mode("least-one", "the least client in C, the same",
             Least("least client", clients=1, rate=0.0)),
    )),
    Part("fleet in threads, 50 clients, 64 bytes", (
        Mode("least-threads", "the least client in threads", Least("threads client")),
        Mode("threads-raw", "raw, closed", Fleet(engine="threads"), 1.25),
        Mode("threads-stamped", "stamped",
             Fleet({"reply": "stamped"}, "stamped", "threads"), 1.6),
    )),
)  # fmt: skip
"""All modes; the others of a part are compared with its first mode."""


def chosen(patterns: Sequence[str], *, with_first: bool = True) -> tuple[Part, ...]:
    """Return the parts with the modes whose names match; all modes without patterns.

    The first mode of a part is added if any other one is chosen, unless ``with_first`` is False: a
    comparison of versions does not need it. Raises ValueError for a pattern that matches nothing.
    """
    for pattern in patterns:
        if not any(fnmatchcase(mode.name, pattern) for part in PARTS for mode in part.modes):
            raise ValueError(f"no mode is named {pattern!r}; they are {', '.join(_names())}")
    parts = []
    for part in PARTS:
        named = [mode for mode in part.modes if _is_named(mode, patterns)]
        if named and with_first and part.modes[0] not in named:
            named.insert(0, part.modes[0])
        if named:
            parts.append(Part(part.title, tuple(named)))
    return tuple(parts)


def _is_named(mode: Mode, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatchcase(mode.name, pattern) for pattern in patterns)


def _names() -> list[str]:
    return [mode.name for part in PARTS for mode in part.modes]
