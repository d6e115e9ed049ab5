"""The cases: load, number of clients, server and engine."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import NamedTuple

from bench.programs import UNDER_TEST, Programs, running, twist_echo

LOADS = {"closed": None, "half": 0.5, "full": 1.0, "beyond": 3.0, "connect": None}
"""The rate of an open load, as a share of what the same clients reach in a closed one."""

_DELAYS = {"5ms": "5ms", "100ms": "100ms", "bimodal": "choice:0.001@0.9,0.05@0.1"}
_STALLS = ("1.0", "0.2")
"""A stalling server does nothing for a part of each period, in seconds: period and stall."""


class Case(NamedTuple):
    """One run beside an observer."""

    load: str
    clients: int
    server: str
    engine: str = "reactor"
    processes: int = 1

    @property
    def name(self) -> str:
        """The name of the case."""
        several = () if self.processes == 1 else (str(self.processes),)
        return "-".join((self.load, str(self.clients), self.server, self.engine, *several))

    @property
    def closed(self) -> "Case":
        """The closed load of the same clients, whose rate is their greatest."""
        return self._replace(load="closed")


def _several(*choices: tuple[object, ...]) -> tuple[Case, ...]:
    """Return the cases of all combinations."""
    return tuple(Case(*each) for each in product(*choices))  # type: ignore[arg-type]


CASES = (
    *_several(("closed",), (1, 50, 1000), ("none", "5ms")),
    *_several(("half", "full", "beyond"), (50, 1000), ("none", "5ms")),
    *_several(("closed", "half"), (50,), ("bimodal", "stalling")),
    *_several(("closed", "half", "beyond"), (50,), ("noted",)),
    Case("closed", 10_000, "100ms"),
    *_several(("closed",), (50, 200), ("none", "5ms"), ("threads",)),
    Case("beyond", 400, "none", "threads"),
    Case("half", 50, "5ms", "threads"),
    Case("closed", 50, "none", processes=2),
    Case("beyond", 50, "none", processes=2),
    Case("connect", 50, "none"),
    Case("connect", 2000, "none"),
    Case("connect", 200, "none", "threads"),
)
"""The cases that run without ``--all``. A *noted* server is the observer itself, not tcpdump."""

ALL_CASES = tuple(
    dict.fromkeys(
        (
            *CASES,
            *_several(
                ("closed", "half", "full", "beyond"),
                (1, 50, 1000),
                ("none", "5ms", "bimodal", "stalling"),
                ("reactor", "threads"),
            ),
            *_several(
                ("closed", "half", "full", "beyond"), (10_000,), ("100ms",), ("reactor",), (1, 2)
            ),
            *_several(
                ("closed", "half", "beyond"),
                (50, 1000),
                ("none", "5ms"),
                ("reactor", "threads"),
                (2,),
            ),
            *_several(("connect",), (1, 1000, 10_000), ("none",), ("reactor",)),
            *_several(("connect",), (1000, 10_000), ("none",), ("reactor",), (2,)),
            *_several(("connect",), (1, 1000), ("none",), ("threads",)),
            Case("connect", 1000, "none", "threads", 2),
        )
    )
)


@contextmanager
def served(server: str, programs: Programs, notes: Path) -> Iterator[int]:
    """Run a server for the block's time; yield its port. All servers echo.

    A *noted* server writes its observations to ``notes`` at the end.
    """
    if server in _DELAYS:
        options = ("--reply=raw", f"--delay={_DELAYS[server]}", "--seed=1", "--max-connections=0")
        with twist_echo(*options) as target:
            yield int(str(target).rpartition(":")[2])
        return
    if server == "noted":
        with running([*programs.command("observer"), str(notes)], UNDER_TEST) as process:
            yield int(process.port())
            process.tell()
            process.line()
        return
    stalling = [sys.executable, "-m", "bench.peers.stalling_server", *_STALLS]
    command = stalling if server == "stalling" else [*programs.command("c"), "0"]
    with running(command, UNDER_TEST) as process:
        yield int(process.port())
