"""Types of options, and how options are added: text becomes a value, or a one-line error."""

import re
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import click
from click.core import ParameterSource

from twistecho.base.notation import TextEnum, parse_rate, parse_seconds

from .later import later

_Value = TypeVar("_Value")

Command = TypeVar("Command", bound=Callable[..., Any])
"""A command that options are added to."""


class Parsed(click.ParamType, Generic[_Value]):  # type: ignore[type-arg]  # generic since click 8.4
    """A value that a function parses from text. Its ValueError becomes a one-line error."""

    def __init__(self, name: str, parse: Callable[[str], _Value]) -> None:
        self.name = name
        self._parse = parse

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> _Value:
        """Parse the text, unless it is parsed already, or fail with a one-line error."""
        try:
            read: _Value = self._parse(value) if isinstance(value, str) else value
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return read


class Whole(click.IntRange):
    """A whole number in a range, in ASCII digits only; Python's `int` takes more."""

    name = "N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Parse the text, or fail with a one-line error."""
        if isinstance(value, str) and re.fullmatch("-?[0-9]{1,18}", value) is None:
            self.fail(f"{value[:40]!r} is not a whole number", param, ctx)
        return super().convert(value, param, ctx)


_is_staged = later("twistecho.fleet.plans.stages:is_staged")


class StagesOr(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4
    """Stages of a load if the text looks like stages; otherwise a value of another type."""

    def __init__(self, kind: Any, parse: Callable[[str], Any]) -> None:
        self.name = kind.name
        self._kind = kind
        self._stages = Parsed("stages", parse)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Parse the text, or fail with a one-line error."""
        staged = isinstance(value, str) and _is_staged(value)
        return (self._stages if staged else self._kind).convert(value, param, ctx)


def choice_of(kind: type[TextEnum]) -> "click.Choice[str]":
    """Return the type of an option that takes one of an enumeration's values as text."""
    return click.Choice([str(each) for each in kind])


TIME_TYPE = Parsed("time", parse_seconds)
RATE_TYPE = Parsed("rate", parse_rate)
SEED_TYPE = Parsed("seed", later("twistecho.base.seeding:parse_seed"))


def adding(options: list[Callable[[Command], Command]]) -> Callable[[Command], Command]:
    """Return a decorator that adds options to a command, in the order of its help."""

    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


_writable = later(".output_files:writable")


def file_option(
    *names: str, parse: Callable[[str], Any] = _writable, **attributes: Any
) -> Callable[[Any], Any]:
    """Return an option that names a file to write."""
    return click.option(*names, type=Parsed("file", parse), metavar="FILE", **attributes)


def is_given(name: str) -> bool:
    """Return whether the user has set the option with this name."""
    source = click.get_current_context().get_parameter_source(name)
    return source not in {None, ParameterSource.DEFAULT}
