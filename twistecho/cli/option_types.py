"""What options take, and how they are added: texts become values, or fail with one line."""

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
    """What a function reads from a text; fails with the one line of the ValueError it raises."""

    def __init__(self, name: str, parse: Callable[[str], _Value]) -> None:
        self.name = name
        self._parse = parse

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> _Value:
        """Read the text, unless it has been read, or fail with one line."""
        try:
            read: _Value = self._parse(value) if isinstance(value, str) else value
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return read


class Whole(click.IntRange):
    """A whole number of a range, in ASCII digits: Python's `int` takes others, and underscores."""

    name = "N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read the text, or fail with one line."""
        if isinstance(value, str) and re.fullmatch("-?[0-9]{1,18}", value) is None:
            self.fail(f"{value[:40]!r} is not a whole number", param, ctx)
        return super().convert(value, param, ctx)


_is_staged = later("twistecho.fleet.plans.stages:is_staged")


class StagesOr(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4
    """Stages of a load, where the text is meant to be some; or else a value of another type."""

    def __init__(self, kind: Any, parse: Callable[[str], Any]) -> None:
        self.name = kind.name
        self._kind = kind
        self._stages = Parsed("stages", parse)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read the text, or fail with one line."""
        staged = isinstance(value, str) and _is_staged(value)
        return (self._stages if staged else self._kind).convert(value, param, ctx)


def choice_of(kind: type[TextEnum]) -> "click.Choice[str]":
    """Give the type of an option that takes one of an enumeration's texts."""
    return click.Choice([str(each) for each in kind])


TIME_TYPE = Parsed("time", parse_seconds)
RATE_TYPE = Parsed("rate", parse_rate)
SEED_TYPE = Parsed("seed", later("twistecho.base.seeding:parse_seed"))


def adding(options: list[Callable[[Command], Command]]) -> Callable[[Command], Command]:
    """Give what adds options to a command, in the order in which its help shows them."""

    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


_writable = later(".output_files:writable")


def file_option(
    *names: str, parse: Callable[[str], Any] = _writable, **attributes: Any
) -> Callable[[Any], Any]:
    """Give an option that names a file to write."""
    return click.option(*names, type=Parsed("file", parse), metavar="FILE", **attributes)


def is_given(name: str) -> bool:
    """Say whether the user has given the option with this name."""
    source = click.get_current_context().get_parameter_source(name)
    return source not in {None, ParameterSource.DEFAULT}
