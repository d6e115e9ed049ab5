"""What is imported when it is called: an option's help, or a refusal, needs little of the rest."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from twistecho.base.processes import ended_at_once


def imported(place: str) -> Any:
    """Import what is at a place, ``module:name``; one that begins with a dot is in `cli`.

    Ctrl-C amid that ends the process at once. What importing raises goes on to the caller.
    """
    module, _, name = place.partition(":")
    with ended_at_once():
        return getattr(import_module(module, __package__), name)


def later(place: str) -> Callable[..., Any]:
    """Give what calls the function at a place, which it imports then; see `imported`."""

    def call(*arguments: Any, **named: Any) -> Any:
        return imported(place)(*arguments, **named)

    return call
