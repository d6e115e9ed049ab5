"""The options of a service that a command starts itself."""

import secrets
from collections.abc import Sequence
from typing import Any

import click

from twistecho.base.files import lines_of
from twistecho.base.notation import FieldError
from twistecho.base.reply_formats import ReplyFormat
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.reply import AUTO
from twistecho.service.scenario.delay import AskedDelay, Constant
from twistecho.service.scenario.fault import Fault
from twistecho.service.scenario.faults import Faults
from twistecho.service.scenario.parsing import parse_delays
from twistecho.service.scenario.scenario import Scenario


def any_delay(text: str) -> AskedDelay:
    """Parse a delay; a trace is read from its file. Raises ValueError."""
    return parse_delays(text, lines_of=lines_of)


def service_options(
    plan: Plan, delay: AskedDelay, delay_per: str, faults: Sequence[Fault], seed: int | None
) -> tuple[dict[str, Any], str]:
    """Return the options for `EchoServer`, and a description of its faults and delay.

    The seed is always set. The reply format is the plan's; stamped if the clients detect the
    format. Fails with a one-line error if faults contradict each other.
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
