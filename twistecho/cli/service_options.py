"""The options of a service: its replies, their delays, and its faults."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from twistecho.base.reply_formats import ReplyFormat
from twistecho.service.scenario.delay_per import DelayPer

from .later import later
from .option_types import SEED_TYPE, Command, Parsed, adding, choice_of

if TYPE_CHECKING:
    from twistecho.service.scenario.delay import AskedDelay

design_reply_option: Callable[[Command], Command] = click.option(
    "--reply", "-r", type=choice_of(ReplyFormat),
    help="Format of the replies.  [default: stamped; for sequential prefixed]",
)  # fmt: skip
"""Adds the reply format; each design has its own default."""


_any_delay = later(".own_service:any_delay")


def delay_options(
    delay: str, per: DelayPer, parse: Callable[[str], "AskedDelay"] = _any_delay
) -> Callable[[Command], Command]:
    """Return a decorator that adds the options for a service's delay, with these defaults."""
    return adding([
        click.option("--delay", "-d", type=Parsed("delay", parse), default=delay, show_default=True,
                     help="How long the server waits before it replies: 2, 20ms, 1min."),
        click.option("--delay-per", type=choice_of(DelayPer),
                     default=str(per), show_default=True,
                     help="Whether the delay holds for each reply, or once per connection."),
    ])  # fmt: skip


fault_options: Callable[[Command], Command] = adding([
    click.option("--fault", "faults", multiple=True,
                 type=Parsed("fault", later("twistecho.service.scenario.parsing:parse_fault")),
                 help="Fault of the service, as for twist echo: KIND[:PROBABILITY][,option=value]; "
                      "repeatable."),
    click.option("--seed", type=SEED_TYPE,
                 help="Seed for delays, faults and messages.  [default: 0 for messages; for "
                      "delays and faults a new one, which is shown]"),
])  # fmt: skip
"""Adds the options for the service's faults."""
