"""What options take: texts become values, or fail with one line that names the option."""

from typing import Any

import click

from twistecho.base.files import lines_of
from twistecho.base.notation import parse_rate, parse_seconds
from twistecho.base.seeding import parse_seed
from twistecho.fleet.conversation.custom_protocol import load_protocol
from twistecho.fleet.plans.target import Target, parse_sources, parse_target
from twistecho.service.scenario.parsing import parse_delays, parse_fault


class TargetType(click.ParamType[Target]):
    """``port``, ``host:port``, ``unix:path`` or a client endpoint description."""

    name = "target"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Target:
        """Read the text, or fail with one line."""
        try:
            return value if isinstance(value, Target) else parse_target(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class SecondsType(click.ParamType[float]):
    """A time: seconds, or a number with ``s``, ``ms`` or ``us``."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read the text, or fail with one line."""
        try:
            return value if isinstance(value, float) else parse_seconds(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class RateType(click.ParamType[float]):
    """So many a second: a number, or one with ``k`` or ``M``."""

    name = "rate"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read the text, or fail with one line; whether it makes sense is the plan's business."""
        try:
            return value if isinstance(value, float) else parse_rate(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class SourceType(click.ParamType[tuple[str, ...]]):
    """One local address, or several."""

    name = "address"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Read the text, or fail with one line."""
        try:
            return value if isinstance(value, tuple) else parse_sources(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class DelayType(click.ParamType[str]):
    """A delay, kept as text: the service reads it again."""

    name = "delay"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check the text, or fail with one line."""
        try:
            parse_delays(value, lines_of=lines_of)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return str(value)


class FaultType(click.ParamType[str]):
    """A fault, kept as text likewise."""

    name = "fault"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check the text, or fail with one line."""
        try:
            parse_fault(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return str(value)


class ProtocolType(click.ParamType[str]):
    """A protocol of the user's own, kept as text: the engine loads it again."""

    name = "module:class"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check that there is one, or fail with one line."""
        try:
            load_protocol(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return str(value)


class SeedType(click.ParamType[int]):
    """A whole number, 0 or more."""

    name = "seed"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read the text, or fail with one line."""
        try:
            return parse_seed(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
