"""Importing a user's protocol, ``module:Class``, and making its readers."""

import importlib
import inspect
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twistecho.fleet.plans.plan import Plan

from .custom_reader import DialogueReader

_log = logging.getLogger(__name__)

ReaderOf = Callable[[int], DialogueReader | None]
"""Returns the reader of the client with this number; None where the plan's replies are echoes."""


def load_protocol(name: str) -> Callable[[int], Any]:
    """Import the class that ``module:Class`` names, also from the current directory.

    Raises ValueError, in one line, where there is no such class or it is not a `Dialogue`.
    """
    module_name, colon, class_name = name.partition(":")
    if not (module_name and colon and class_name):
        raise ValueError(f"{name!r} is not module:Class")
    found = getattr(_module(module_name), class_name, None)
    if found is None:
        raise ValueError(f"module {module_name} has no {class_name}")
    if not inspect.isclass(found):
        raise ValueError(f"{name} is not a class")
    return _checked(found, name)


def _checked(found: type, name: str) -> Callable[[int], Any]:
    """Return a class that is a `Dialogue`. Raises ValueError, in one line, for any other."""
    reply, request = (getattr(found, method, None) for method in ("reply", "request"))
    if reply is None:
        raise ValueError(f"{name} has no method reply(number, data)")
    _check_call(name, "a client's number", found, 0)
    _check_call(f"{name}.reply", "a number and bytes", reply, None, 0, b"")
    if request is not None:
        _check_call(f"{name}.request", "a number", request, None, 0)
    return found


def _module(name: str) -> object:
    # An installed command does not search the current directory. Last, so it replaces no module.
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.append(here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ValueError(f"there is no module {error.name or name}") from None
    except (Exception, SystemExit) as error:
        raise ValueError(f"module {name} cannot be imported: {error!r}") from error


def _check_call(name: str, what: str, called: Any, *arguments: Any) -> None:
    """Raise ValueError where ``called`` does not accept these arguments."""
    try:
        inspect.signature(called).bind(*arguments)
    except (TypeError, ValueError):
        raise ValueError(f"{name} cannot be called with {what}") from None


def readers_of(plan: Plan) -> ReaderOf:
    """Return a function from a client's number to its reader.

    The user's class's first exception is logged with its traceback. Raises ValueError, in one line
    that names ``protocol``, for a class that cannot be used.
    """
    kind, name = plan.protocol, plan.protocol_name
    if kind is None or name is None:
        return lambda _client: None
    try:
        protocol = load_protocol(kind) if isinstance(kind, str) else _checked(kind, name)
    except ValueError as error:
        raise ValueError(f"protocol: {error}") from error
    complaints = iter([_log.error])

    def broken(error: Exception) -> None:
        for complain in complaints:
            complain("%s failed; further failures are only counted", name, exc_info=error)
            break

    return lambda client: DialogueReader(lambda: protocol(client), plan.messages_of(client), broken)
