"""The options that set when messages are sent, and over how many connections."""

from collections.abc import Callable
from typing import Any

import click

from twistecho.fleet.plans.arrivals import Arrivals

from .later import later
from .option_types import (
    RATE_TYPE,
    SEED_TYPE,
    TIME_TYPE,
    Command,
    StagesOr,
    Whole,
    adding,
    choice_of,
)

_RATE = click.option(
    "--rate", type=RATE_TYPE, metavar="N",
    help="Messages per second, all clients together, on a schedule that does not depend on the "
    "server: 500, 10k.  [default: each client waits for its reply]",
)  # fmt: skip

_RATE_IN_STAGES = click.option(
    "--rate", type=StagesOr(RATE_TYPE, later("twistecho.fleet.plans.stages:parse_rates")),
    metavar="N|STAGES",
    help="Messages per second, all clients together, on a schedule that does not depend on the "
    "server: 500, 10k; or stages, each a number or a range with its time: "
    "100:30s,100..2k:2min,2k:1min.  [default: each client waits for its reply]",
)  # fmt: skip

_THINK = click.option(
    "--think", type=TIME_TYPE, default="0", show_default=True, metavar="TIME",
    help="Pause between a reply and the next message.",
)  # fmt: skip

_PIPELINE = click.option(
    "--pipeline", type=Whole(1), default=1, show_default=True,
    help="Messages that a client may have unanswered at once.",
)  # fmt: skip

reconnect_option: Callable[[Command], Command] = click.option(
    "--reconnect", type=Whole(1), metavar="N",
    help="Make a new connection after every N answered messages.  [default: one connection per "
    "client]",
)  # fmt: skip
"""Adds the option for a new connection after every N messages."""

_ARRIVALS = click.option(
    "--arrivals", type=choice_of(Arrivals), default=str(Arrivals.CONSTANT), show_default=True,
    help="How messages are spread in time when there is a rate.",
)  # fmt: skip


def _seed_option(drawn: str) -> Callable[[Any], Any]:
    """Return the option for the seed; its help names what is ``drawn`` from it."""
    return click.option(
        "--seed", type=SEED_TYPE, default=0, show_default=True,
        help=f"Seed for {drawn}.",
    )  # fmt: skip


message_seed_option: Callable[[Command], Command] = _seed_option(
    "sizes, payloads and weighted messages"
)
"""Adds the seed for the messages."""

load_options: Callable[[Command], Command] = adding([
    _RATE_IN_STAGES,
    _ARRIVALS,
    _seed_option("poisson arrivals, sizes, payloads and weighted messages"),
    _THINK,
    _PIPELINE,
    reconnect_option,
    click.option("--duration", type=TIME_TYPE, metavar="TIME",
                 help="How long to send, instead of --repeat."),
    click.option("--warmup", type=TIME_TYPE, default="0", show_default=True, metavar="TIME",
                 help="Time before the measurement: replies are checked, but their times do not "
                      "count."),
    click.option("--ramp", type=RATE_TYPE, metavar="N",
                 help="Connect N clients per second.  [default: all at once]"),
    click.option("--barrier", is_flag=True,
                 help="Send nothing until every client has connected or failed to connect."),
])  # fmt: skip
"""Adds the options that set when messages are sent."""

turns_load_options: Callable[[Command], Command] = adding([
    _RATE,
    _ARRIVALS,
    _seed_option("the order of turns, poisson arrivals, sizes, payloads and weighted messages"),
    _THINK,
    _PIPELINE,
])  # fmt: skip
"""Adds the options that set when messages are sent during a target's turn."""

paired_load_options: Callable[[Command], Command] = adding(
    [_RATE, _THINK, _PIPELINE, reconnect_option]
)
"""Adds the options under which two runs send the same messages, so that they can be compared."""
