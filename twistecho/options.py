"""The options that commands share: the plan, the target, where output goes."""

import os
import secrets
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from .delay import DelayPer
from .delays import parse_delays
from .draw import parse_seed
from .faults import parse_fault, parse_faults
from .outputs import file_option
from .plan import NOTEBOOK_MESSAGE, Plan
from .protocols import load_protocol
from .securing import context_for
from .target import Target, parse_target, secured
from .tracefile import lines_of
from .wire import ReplyFormat

_Command = TypeVar("_Command", bound=Callable[..., Any])


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


_PLAN_OPTIONS = [
    click.option("--clients", "-c", type=click.IntRange(1), default=20, show_default=True,
                 help="Clients, all at once."),
    click.option("--message", "-m", "messages", multiple=True,
                 default=[NOTEBOOK_MESSAGE.decode()], show_default=True,
                 help="What each client sends; repeatable, in turn."),
    click.option("--repeat", "-n", type=click.IntRange(1), default=1, show_default=True,
                 help="Times that each client sends its messages."),
    click.option("--timeout", "-t", type=float, default=30.0, show_default=True,
                 help="Seconds for connecting, and for each whole reply."),
    click.option("--reply", "-r", type=click.Choice([str(f) for f in ReplyFormat]),
                 default="stamped", show_default=True, help="Format of the replies."),
    click.option("--verbose", "-v", is_flag=True, help="Print a line a reply."),
    file_option("--json", "json_file", help="Write the result as JSON; - is standard output."),
]  # fmt: skip


_FAULT_OPTIONS = [
    click.option("--fault", "faults", type=FaultType(), multiple=True,
                 help="KIND[:PROBABILITY][,option=value], as of twist echo; repeatable."),
    click.option("--seed", type=SeedType(),
                 help="What delays and faults are drawn from.  [default: a new one, shown]"),
]  # fmt: skip


def adding(options: list[Callable[[_Command], _Command]]) -> Callable[[_Command], _Command]:
    """Give what adds options to a command, in the order in which its help shows them."""

    def add(command: _Command) -> _Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


plan_options: Callable[[_Command], _Command] = adding(_PLAN_OPTIONS)
"""Adds the options that make a plan, and where its result goes."""


protocol_option: Callable[[_Command], _Command] = click.option(
    "--protocol", type=ProtocolType(), metavar="MODULE:CLASS",
    help="Speak a protocol of your own instead: see docs/protocols.md.",
)  # fmt: skip
"""Adds the option that names a protocol of the user's own."""


target_options: Callable[[_Command], _Command] = adding([
    click.option("--ca", metavar="FILE", help="Trust the authorities in FILE, for tls: targets."),
    click.option("--server-name", metavar="NAME",
                 help="Whom a tls: target's certificate must be for.  [default: its host]"),
    click.option("--insecure", is_flag=True, help="Do not verify a tls: target's certificate."),
])  # fmt: skip
"""Adds the options that say whom to trust."""


def secured_target(
    target: Target, *, ca: str | None, server_name: str | None, insecure: bool
) -> Target:
    """Give the target with what the options say of trust, or fail with one line."""
    given = {"ca": ca, "server-name": server_name, "insecure": insecure}
    for option, value in given.items():
        if value and not target.tls:
            raise click.UsageError(f"--{option}: {target} is not a tls: target")
    try:
        if any(given.values()):
            target = secured(target, ca=ca, server_name=server_name, insecure=insecure)
        if target.tls:
            context_for(target)
    except ValueError as error:
        raise click.UsageError(f"--{error}") from None
    return target


def delay_options(delay: str, per: DelayPer) -> Callable[[_Command], _Command]:
    """Give what adds the options that say how a service delays its replies, and their defaults."""
    return adding([
        click.option("--delay", "-d", type=DelayType(), default=delay, show_default=True,
                     help="Seconds for which a reply is held."),
        click.option("--delay-per", type=click.Choice([str(per) for per in DelayPer]),
                     default=str(per), show_default=True,
                     help="What is held: each reply, or each connection once."),
    ])  # fmt: skip


fault_options: Callable[[_Command], _Command] = adding(_FAULT_OPTIONS)
"""Adds the options that say what a service does wrong."""


def service_options(
    plan: Plan, delay: str, delay_per: str, faults: Sequence[str], seed: int | None
) -> tuple[list[str], str]:
    """Give the options of a service, and what is to be said of them; the seed is never left open.

    Fails with one line where faults contradict each other.
    """
    try:
        delayed = parse_delays(delay, lines_of=lines_of).longest if delay_per == "reply" else 0.0
        parse_faults(faults).multiply(delayed)
    except ValueError as error:
        raise click.UsageError(f"--fault: {error}") from None
    chosen = secrets.randbits(32) if seed is None else seed
    options = [f"--reply={plan.reply}", f"--delay={delay}", f"--delay-per={delay_per}"]
    options += [f"--seed={chosen}", *(f"--fault={fault}" for fault in faults)]
    words = [f"faults {' '.join(faults)}"] if faults else []
    words += [f"delay {delay}"] if ":" in delay else []
    return options, ", ".join([*words, f"seed {chosen}"]) if words else ""


def make_plan(
    clients: int,
    messages: tuple[str, ...],
    repeat: int,
    timeout: float,
    reply: str,
    *,
    ordered: bool = False,
    protocol: str | None = None,
) -> Plan:
    """Make the plan that the options ask for, or fail with one line."""
    try:
        return Plan(
            clients=clients,
            messages=tuple(os.fsencode(message) for message in messages),
            repeat=repeat,
            timeout=timeout,
            reply=ReplyFormat(reply),
            ordered=ordered,
            protocol=protocol,
        )
    except ValueError as error:
        raise click.UsageError(f"--{error}") from None
