"""The options that commands share: what they take, what plan, target and service they make.

Texts become values, or fail with one line that names the option.
"""

import re
import secrets
import sys
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Generic, TypeVar

import click
from click.core import ParameterSource

from twistecho.base.files import lines_of
from twistecho.base.notation import FieldError, TextEnum, parse_rate, parse_seconds
from twistecho.base.reply_formats import ReplyFormat
from twistecho.base.seeding import parse_seed
from twistecho.fleet.conversation.custom_protocol import load_protocol
from twistecho.fleet.plans.plan import OWN_MESSAGE, Arrivals, Plan
from twistecho.fleet.plans.reply import ASKED, AUTO, parse_reply
from twistecho.fleet.plans.stages import Stages, is_staged, parse_counts, parse_rates
from twistecho.fleet.plans.target import Target, parse_target, secured
from twistecho.fleet.thread_engine.tls_client import context_for
from twistecho.service.scenario.delay import AskedDelay, Constant, DelayPer
from twistecho.service.scenario.fault import Fault
from twistecho.service.scenario.faults import Faults
from twistecho.service.scenario.parsing import parse_delays, parse_fault
from twistecho.service.scenario.scenario import Scenario

from .output_files import OutputFile, writable
from .payloads import checked_size, messages_from, parse_weights, read_message, read_payload

_Value = TypeVar("_Value")


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


class StagesOr(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4
    """Stages of a load, where the text is meant to be some; or else a value of another type."""

    def __init__(self, kind: Any, parse: Callable[[str], Stages]) -> None:
        self.name = kind.name
        self._kind = kind
        self._stages = Parsed("stages", parse)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read the text, or fail with one line."""
        staged = isinstance(value, str) and is_staged(value)
        return (self._stages if staged else self._kind).convert(value, param, ctx)


def _loadable(name: str) -> str:
    """Give the name of a protocol that can be loaded. Raises ValueError for another."""
    load_protocol(name)
    return name


def _any_delay(text: str) -> AskedDelay:
    """Read a delay, that of a trace from its file. Raises ValueError."""
    return parse_delays(text, lines_of=lines_of)


def read_file(name: str, parse: Callable[[str], _Value], *, or_input: bool = False) -> _Value:
    """Give what a function reads from the text of a file; ``-`` may be standard input.

    Raises ValueError with one line, which names the file, where that cannot be.
    """
    try:
        if or_input and name == "-":
            return parse(sys.stdin.read())
        return parse(Path(name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{name}: {getattr(error, 'strerror', None) or error}") from None


TARGET_TYPE = Parsed("target", parse_target)
"""``port``, ``host:port``, ``unix:path`` or a client endpoint description."""

_TIME_TYPE = Parsed("time", parse_seconds)
_RATE_TYPE = Parsed("rate", parse_rate)
_SEED_TYPE = Parsed("seed", parse_seed)


def file_option(
    *names: str, parse: Callable[[str], OutputFile] = writable, **attributes: Any
) -> Callable[[Any], Any]:
    """Give an option that names a file to write."""
    return click.option(*names, type=Parsed("file", parse), metavar="FILE", **attributes)


_Command = TypeVar("_Command", bound=Callable[..., Any])


def choice_of(kind: type[TextEnum]) -> "click.Choice[str]":
    """Give the type of an option that takes one of an enumeration's texts."""
    return click.Choice([str(each) for each in kind])


def adding(options: list[Callable[[_Command], _Command]]) -> Callable[[_Command], _Command]:
    """Give what adds options to a command, in the order in which its help shows them."""

    def add(command: _Command) -> _Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


_MESSAGE = click.option(
    "--message", "-m", "messages", multiple=True,
    default=[OWN_MESSAGE.decode()], show_default=True,
    help="What each client sends, with its number for {client} and the message's for {message}; "
    "repeatable, in turn.",
)  # fmt: skip
_REPEAT = click.option(
    "--repeat", "-n", type=Whole(1), default=1, show_default=True,
    help="Times that each client sends its messages.",
)  # fmt: skip
_TIMEOUT = click.option(
    "--timeout", "-t", type=_TIME_TYPE, default="30s", show_default=True, metavar="TIME",
    help="For connecting, and for each whole reply: 0.5, 20ms, 2s, 1min, 1h.",
)  # fmt: skip

message_options: Callable[[_Command], _Command] = adding([_MESSAGE, _REPEAT, _TIMEOUT])
"""Adds the options that say what a client sends, and how long it waits."""

payload_options: Callable[[_Command], _Command] = adding([
    click.option("--escapes", is_flag=True,
                 help=r"Read \r, \n, \t, \\ and \xHH in --message as those bytes."),
    click.option("--message-file", "message_files", type=Parsed("file", read_message),
                 multiple=True, metavar="FILE",
                 help="Send the bytes of a file, in place of --message; repeatable."),
    click.option("--weights", type=Parsed("weights", parse_weights), metavar="N,N...",
                 help="Draw which of the messages comes next, each as often as its weight says: "
                 "9,1.  [default: all of them, in turn]"),
    click.option("--size", type=Parsed("size", checked_size), metavar="SIZE",
                 help="Bytes of each message, which is filled up: 1k, uniform:64,4k, "
                 "lognormal:median=1k,sigma=1[,min=64][,max=64Ki]."),
    click.option("--payload", type=Parsed("payload", read_payload), metavar="KIND",
                 help="What fills them up: random, text, zeros or file:PATH.  [default: random]"),
])  # fmt: skip
"""Adds the options that say which bytes and how many a message has."""

_CLIENTS = click.option(
    "--clients", "-c", type=Whole(1), default=20, show_default=True, help="Clients, all at once.",
)  # fmt: skip
_CLIENTS_IN_STAGES = click.option(
    "--clients", "-c", type=StagesOr(Whole(1), parse_counts), default=20, show_default=True,
    metavar="N|STAGES",
    help="Clients, all at once; or in stages, as they come and go, each number or range with its "
    "time: 10..200:1min,200:2min.",
)  # fmt: skip


def _reply_option(otherwise: str = "") -> Callable[[Any], Any]:
    """Give the option of the replies' format; ``otherwise`` says where its default is another."""
    return click.option(
        "--reply", "-r", type=click.Choice([str(each) for each in ASKED]),
        help="Format of the replies; with auto each client finds it by the first bytes that come.  "
        f"[default: {AUTO}{otherwise}]",
    )  # fmt: skip


_RESULT_OPTIONS = [
    click.option("--verbose", "-v", is_flag=True, help="Print one line per reply."),
    file_option("--json", "json_file", help="Write the result as JSON; - is standard output."),
]  # fmt: skip

plan_options: Callable[[_Command], _Command] = adding([
    _CLIENTS, message_options, payload_options,
    _reply_option(f"; of check's own service {ReplyFormat.STAMPED}"), *_RESULT_OPTIONS,
])  # fmt: skip
"""Adds the options that make a plan, and where its result goes."""

fleet_plan_options: Callable[[_Command], _Command] = adding([
    _CLIENTS_IN_STAGES, message_options, payload_options, _reply_option(), *_RESULT_OPTIONS,
])  # fmt: skip
"""Adds the same, where clients may come and go."""

turns_plan_options: Callable[[_Command], _Command] = adding([
    _CLIENTS, _MESSAGE, _TIMEOUT, payload_options, _reply_option(),
])  # fmt: skip
"""Adds those that make a plan which goes on until all turns are over."""

design_reply_option: Callable[[_Command], _Command] = click.option(
    "--reply", "-r", type=choice_of(ReplyFormat),
    help="Format of the replies.  [default: stamped; for sequential prefixed]",
)  # fmt: skip
"""Adds the format of replies where each design has its own."""

_RATE = click.option(
    "--rate", type=_RATE_TYPE, metavar="N",
    help="Messages a second of all clients together, due on a schedule whatever "
    "the server does: 500, 10k.  [default: each client waits for its reply]",
)  # fmt: skip
_RATE_IN_STAGES = click.option(
    "--rate", type=StagesOr(_RATE_TYPE, parse_rates), metavar="N|STAGES",
    help="Messages a second of all clients together, due on a schedule whatever the server does: "
    "500, 10k; or in stages, each number or range with its time: 100:30s,100..2k:2min,2k:1min.  "
    "[default: each client waits for its reply]",
)  # fmt: skip
_THINK = click.option(
    "--think", type=_TIME_TYPE, default="0", show_default=True, metavar="TIME",
    help="Pause between a reply and the next message.",
)  # fmt: skip
_PIPELINE = click.option(
    "--pipeline", type=Whole(1), default=1, show_default=True,
    help="Messages that a client may have unanswered at once.",
)  # fmt: skip

reconnect_option: Callable[[_Command], _Command] = click.option(
    "--reconnect", type=Whole(1), metavar="N",
    help="Close each connection once N messages are answered, and make a new one: 1 for each.  "
    "[default: a connection a client]",
)  # fmt: skip
"""Adds the option that has connections made anew."""

_ARRIVALS = click.option(
    "--arrivals", type=choice_of(Arrivals), default=str(Arrivals.CONSTANT), show_default=True,
    help="How messages due under --rate are spread in time.",
)  # fmt: skip


def _seed_option(drawn: str) -> Callable[[Any], Any]:
    """Give the option that has the same drawn again; it is said what that is."""
    return click.option(
        "--seed", type=_SEED_TYPE, default=0, show_default=True,
        help=f"What {drawn} are drawn from.",
    )  # fmt: skip


message_seed_option: Callable[[_Command], _Command] = _seed_option(
    "sizes, payloads and weighted messages"
)
"""Adds the option that has the same messages drawn again."""

load_options: Callable[[_Command], _Command] = adding([
    _RATE_IN_STAGES,
    _ARRIVALS,
    _seed_option("poisson arrivals, sizes, payloads and weighted messages"),
    _THINK,
    _PIPELINE,
    reconnect_option,
    click.option("--duration", type=_TIME_TYPE, metavar="TIME",
                 help="Send for so long, instead of --repeat times."),
    click.option("--warmup", type=_TIME_TYPE, default="0", show_default=True, metavar="TIME",
                 help="Warm up so long first: replies are checked, but their times do not count."),
    click.option("--ramp", type=_RATE_TYPE, metavar="N",
                 help="Connect so many clients a second.  [default: all at once]"),
    click.option("--barrier", is_flag=True,
                 help="Send nothing before every client has connected, or failed to."),
])  # fmt: skip
"""Adds the options that say when messages are sent."""

turns_load_options: Callable[[_Command], _Command] = adding([
    _RATE,
    _ARRIVALS,
    _seed_option("the order of turns, poisson arrivals, sizes, payloads and weighted messages"),
    _THINK,
    _PIPELINE,
])  # fmt: skip
"""Adds those that say when messages are sent while it is a target's turn."""

paired_load_options: Callable[[_Command], _Command] = adding(
    [_RATE, _THINK, _PIPELINE, reconnect_option]
)
"""Adds those under which two runs send the same messages, so that they can be compared."""

protocol_option: Callable[[_Command], _Command] = click.option(
    "--protocol", type=Parsed("module:class", _loadable), metavar="MODULE:CLASS",
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


def delay_options(
    delay: str, per: DelayPer, parse: Callable[[str], AskedDelay] = _any_delay
) -> Callable[[_Command], _Command]:
    """Give what adds the options that say how a service delays its replies, and their defaults."""
    return adding([
        click.option("--delay", "-d", type=Parsed("delay", parse), default=delay, show_default=True,
                     help="How long a reply is held: 2, 20ms, 1min."),
        click.option("--delay-per", type=choice_of(DelayPer),
                     default=str(per), show_default=True,
                     help="What is held: each reply, or each connection once."),
    ])  # fmt: skip


fault_options: Callable[[_Command], _Command] = adding([
    click.option("--fault", "faults", type=Parsed("fault", parse_fault), multiple=True,
                 help="KIND[:PROBABILITY][,option=value], as of twist echo; repeatable."),
    click.option("--seed", type=_SEED_TYPE,
                 help="What delays, faults and messages are drawn from.  [default: 0 for "
                 "messages, and for the others a new one, which is shown]"),
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
    """Give the fields of the plan that the options ask for, or fail with one line.

    Where no format of replies is asked for, clients find it. ``fields`` are the plan's other
    fields, as they are.
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


def is_given(name: str) -> bool:
    """Say whether the user has given the option with this name."""
    source = click.get_current_context().get_parameter_source(name)
    return source not in {None, ParameterSource.DEFAULT}


def make_plan(messages: tuple[str, ...], reply: str | None, **options: Any) -> Plan:
    """Make the plan that the options ask for, or fail with one line; see `plan_fields`."""
    try:
        return Plan(**plan_fields(messages, reply, **options))
    except FieldError as error:
        raise click.UsageError(problem_with_option(error)) from None


_OPTION_OF = {"messages": "message", "ordered": "in-order"}


def problem_with_option(error: FieldError) -> str:
    """Say what a plan finds wrong with one of its fields in terms of the options."""
    return error.said(lambda field: f"--{_OPTION_OF.get(field, field)}")
