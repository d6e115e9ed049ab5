"""The names of the engines, which run the clients."""

from typing import Literal

Engine = Literal["reactor", "threads"]
"""The name of an engine."""

ENGINES: tuple[Engine, ...] = ("reactor", "threads")
"""The names of the engines, as on the command line."""


def engine_named(name: str) -> Engine:
    """Return the engine of this name. Raises ValueError for an unknown name."""
    for engine in ENGINES:
        if engine == name:
            return engine
    raise ValueError(f"{name!r} is not an engine")
