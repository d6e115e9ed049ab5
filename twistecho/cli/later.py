"""Imports at the time of the call, so that help texts and usage errors import little."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from twistecho.base.processes import ended_at_once


def imported(place: str) -> Any:
    """Import and return the object named ``module:name``; a leading dot means the package `cli`.

    Ctrl-C during the import ends the process at once. Errors of the import are passed on.
    """
    module, _, name = place.partition(":")
    with ended_at_once():
        return getattr(import_module(module, __package__), name)


def later(place: str) -> Callable[..., Any]:
    """Return a function that imports the function at a place when called, and calls it."""

    def call(*arguments: Any, **named: Any) -> Any:
        return imported(place)(*arguments, **named)

    return call
