"""Lets a Python process write its resources to a file at each SIGUSR2; without a thread.

The environment's ``TWISTECHO_PROBE`` names the folder of the answers, ``PID.json``.
``TWISTECHO_LEAK`` makes every service keep its closed connections, to prove that a leak is found.
"""

import gc
import json
import os
import signal
import sys
from collections.abc import Sized
from typing import Any


def measure() -> dict[str, int]:
    """Count this process's objects, and the connections and timers of reactor and service."""
    seeding: Any = sys.modules.get("twistecho.base.seeding")
    if seeding:
        seeding._block.cache_clear()  # it is limited, but takes many minutes to fill
    gc.collect()
    reactor: Any = sys.modules.get("twisted.internet.reactor")
    found = gc.get_objects()
    held = {
        name: sum(len(each) for each in found if isinstance(each, Sized) and _is_a(each, name))
        for name in ("Timers", "Connections")
    }
    return {
        "connections": held["Connections"],
        "timers": held["Timers"],
        "calls": len(reactor.getDelayedCalls()) if reactor else 0,
        "objects": len(found),
        "blocks": sys.getallocatedblocks(),
    }


def _is_a(found: object, name: str) -> bool:
    """Return whether an object's class has this name, without calling the object's code."""
    return any(each.__name__ == name for each in type(found).__mro__)


def _answer(*_: object) -> None:
    path = os.path.join(os.environ["TWISTECHO_PROBE"], f"{os.getpid()}.json")  # noqa: PTH118
    with open(path + ".new", "w", encoding="ascii") as written:  # noqa: PTH123 - nothing imported
        json.dump(measure(), written)
    os.replace(path + ".new", path)  # noqa: PTH105


def _leak() -> None:
    from twistecho.service.echo.open_connections import Connections  # noqa: PLC0415 - only if asked

    kept, leave = [], Connections.leave

    def keep(self: Connections, connection: Any) -> None:
        leave(self, connection)
        kept.append(connection)

    Connections.leave = keep  # type: ignore[method-assign]


if "TWISTECHO_PROBE" in os.environ and __name__ == "sitecustomize":
    signal.signal(signal.SIGUSR2, _answer)
    if "TWISTECHO_LEAK" in os.environ:
        _leak()
