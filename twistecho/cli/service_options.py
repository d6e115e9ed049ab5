"""The options that say what a service does: its replies, their delays, and its faults."""

import secrets
from collections.abc import Callable, Sequence
from typing import Any

import click

from twistecho.base.files import lines_of
from twistecho.base.notation import FieldError
from twistecho.base.reply_formats import ReplyFormat
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.reply import AUTO
from twistecho.service.scenario.delay import AskedDelay, Constant, DelayPer
from twistecho.service.scenario.fault import Fault
from twistecho.service.scenario.faults import Faults
from twistecho.service.scenario.parsing import parse_delays, parse_fault
from twistecho.service.scenario.scenario import Scenario

from .option_types import SEED_TYPE, Command, Parsed, adding, choice_of

design_reply_option: Callable[[Command], Command] = click.option(
    "--reply", "-r", type=choice_of(ReplyFormat),
    help="Format of the replies.  [default: stamped; for sequential prefixed]",
)  # fmt: skip
"""Adds the format of replies where each design has its own."""


def _any_delay(text: str) -> AskedDelay:
    """Read a delay, that of a trace from its file. Raises ValueError."""
    return parse_delays(text, lines_of=lines_of)


def delay_options(
    delay: str, per: DelayPer, parse: Callable[[str], AskedDelay] = _any_delay
) -> Callable[[Command], Command]:
    """Give what adds the options that say how a service delays its replies, and their defaults."""
    return adding([
        click.option("--delay", "-d", type=Parsed("delay", parse), default=delay, show_default=True,
                     help="How long the server waits before it replies: 2, 20ms, 1min."),
        click.option("--delay-per", type=choice_of(DelayPer),
                     default=str(per), show_default=True,
                     help="Whether the delay holds for each reply, or once per connection."),
    ])  # fmt: skip


fault_options: Callable[[Command], Command] = adding([
    click.option("--fault", "faults", type=Parsed("fault", parse_fault), multiple=True,
                 help="What goes wrong, as for twist echo: KIND[:PROBABILITY][,option=value]; "
                      "repeatable."),
    click.option("--seed", type=SEED_TYPE,
                 help="Seed for delays, faults and messages.  [default: 0 for messages; for "
                      "delays and faults a new one, which is shown]"),
])  # fmt: skip
"""Adds the options that say what a service does wrong."""


def service_options(
    plan: Plan, delay: AskedDelay, delay_per: str, faults: Sequence[Fault], seed: int | None
) -> tuple[dict[str, Any], str]:
    """Give an `EchoServer`'s options, and what is to be said of them; the seed is never left open.

    It replies as is asked of it, and stamped where the clients are to find that out. Fails with one
    line where faults contradict each other.
    """
    reply = ReplyFormat.STAMPED if plan.reply == AUTO else plan.reply
    chosen = secrets.randbits(32) if seed is None else seed
    try:
        met = Faults(tuple(faults), chosen)
        Scenario(reply=reply, delay=delay, delay_per=delay_per, faults=met)
    except ValueError as error:
        problem = error.problem if isinstance(error, FieldError) else error
        raise click.UsageError(f"--fault: {problem}") from None
    options = {
        "reply": reply,
        "delay": delay.text,
        "delay_per": delay_per,
        "seed": chosen,
        "fault": [fault.text for fault in faults],
    }
    words = [f"faults {met}"] if faults else []
    words += [] if isinstance(delay, Constant) else [f"delay {delay}"]
    return options, ", ".join([*words, f"seed {chosen}"]) if words else ""
