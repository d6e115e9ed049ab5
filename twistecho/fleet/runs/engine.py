"""Who drives the clients of a run: the names of the engines."""

from typing import Literal

Engine = Literal["reactor", "threads"]
"""Who drives the clients."""

ENGINES: tuple[Engine, ...] = ("reactor", "threads")
"""The names of the engines, as on the command line."""


def engine_named(name: str) -> Engine:
    """Give the engine of this name. Raises ValueError."""
    for engine in ENGINES:
        if engine == name:
            return engine
    raise ValueError(f"{name!r} is not an engine")
