"""The plan that a command's options describe."""

from itertools import chain
from typing import Any

import click

from twistecho.base.notation import FieldError
from twistecho.fleet.conversation.custom_protocol import load_protocol
from twistecho.fleet.plans.arrivals import Arrivals
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.reply import AUTO, parse_reply

from .option_types import is_given
from .payloads import messages_from


def loadable(name: str) -> str:
    """Return the name of a protocol after loading it. Raises ValueError if it cannot be loaded."""
    load_protocol(name)
    return name


def plan_fields(
    messages: tuple[str, ...],
    reply: str | None,
    *,
    arrivals: str = str(Arrivals.CONSTANT),
    sources: tuple[tuple[str, ...], ...] = (),
    message_files: tuple[bytes, ...] = (),
    escapes: bool = False,
    weights: tuple[float, ...] | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """Return the fields of the plan that the options describe, or fail with a one-line error.

    Without an option for the reply format, clients detect it. ``fields`` are the plan's other
    fields, passed on unchanged.
    """
    given = is_given("messages")
    try:
        texts = messages_from(messages, message_files, given=given, escapes=escapes)
    except FieldError as error:
        raise click.UsageError(problem_with_option(error)) from None
    return {
        "messages": texts,
        "reply": parse_reply(reply or AUTO),
        "arrivals": Arrivals(arrivals),
        "sources": tuple(dict.fromkeys(chain.from_iterable(sources))),
        "weights": weights or (),
        **fields,
    }


def make_plan(messages: tuple[str, ...], reply: str | None, **options: Any) -> Plan:
    """Make the plan that the options describe, or fail with a one-line error; see `plan_fields`."""
    try:
        return Plan(**plan_fields(messages, reply, **options))
    except FieldError as error:
        raise click.UsageError(problem_with_option(error)) from None


_OPTION_OF = {"messages": "message", "ordered": "in-order"}


def problem_with_option(error: FieldError) -> str:
    """Describe a plan's error about one of its fields, naming the option instead of the field."""
    return error.said(lambda field: f"--{_OPTION_OF.get(field, field)}")
