"""The options that set what a fleet's clients do; `chosen_plan` makes a plan of them."""

from collections.abc import Callable
from typing import Any

import click

from twistecho.base.reply_formats import ReplyFormat
from twistecho.fleet.plans.default_messages import OWN_MESSAGE
from twistecho.fleet.plans.reply import ASKED, AUTO

from .later import later
from .option_types import TIME_TYPE, Command, Parsed, StagesOr, Whole, adding, file_option

_MESSAGE = click.option(
    "--message", "-m", "messages", multiple=True,
    default=[OWN_MESSAGE.decode()], show_default=True,
    help="Text that each client sends. {client} becomes the client's number, {message} the "
    "message's number. Repeat the option to send several texts in turn.",
)  # fmt: skip
_REPEAT = click.option(
    "--repeat", "-n", type=Whole(1), default=1, show_default=True,
    help="How many times each client sends its messages.",
)  # fmt: skip
_TIMEOUT = click.option(
    "--timeout", "-t", type=TIME_TYPE, default="30s", show_default=True, metavar="TIME",
    help="Time limit for connecting, and for each whole reply: 0.5, 20ms, 2s, 1min, 1h.",
)  # fmt: skip

message_options: Callable[[Command], Command] = adding([_MESSAGE, _REPEAT, _TIMEOUT])
"""Adds the options for what a client sends, and for how long it waits."""

payload_options: Callable[[Command], Command] = adding([
    click.option("--escapes", is_flag=True,
                 help=r"Replace \r, \n, \t, \\ and \xHH in --message by the bytes they denote."),
    click.option("--message-file", "message_files", multiple=True,
                 type=Parsed("file", later(".payloads:read_message")), metavar="FILE",
                 help="Send the contents of a file instead of --message; repeatable."),
    click.option("--weights", type=Parsed("weights", later(".payloads:parse_weights")),
                 metavar="N,N...",
                 help="Choose each message at random, with one weight per message: 9,1.  "
                      "[default: all messages in turn]"),
    click.option("--size", type=Parsed("size", later(".payloads:checked_size")), metavar="SIZE",
                 help="Size of each message in bytes: 1k, uniform:64,4k, "
                 "lognormal:median=1k,sigma=1[,min=64][,max=64Ki]."),
    click.option("--payload", type=Parsed("payload", later(".payloads:read_payload")),
                 metavar="KIND",
                 help="What fills messages up to --size: random, text, zeros or file:PATH.  "
                      "[default: random]"),
])  # fmt: skip
"""Adds the options for the bytes and the size of a message."""

_CLIENTS = click.option(
    "--clients", "-c", type=Whole(1), default=20, show_default=True, help="Number of clients.",
)  # fmt: skip
_CLIENTS_IN_STAGES = click.option(
    "--clients", "-c", default=20, show_default=True, metavar="N|STAGES",
    type=StagesOr(Whole(1), later("twistecho.fleet.plans.stages:parse_counts")),
    help="Number of clients; or stages, each a number or a range with its time: "
    "10..200:1min,200:2min.",
)  # fmt: skip


def _reply_option(otherwise: str = "") -> Callable[[Any], Any]:
    """Return the option for the reply format; ``otherwise`` names a second default, if any."""
    return click.option(
        "--reply", "-r", type=click.Choice([str(each) for each in ASKED]),
        help="Format of the replies. With auto each client detects it from the first bytes.  "
        f"[default: {AUTO}{otherwise}]",
    )  # fmt: skip


_RESULT_OPTIONS = [
    click.option("--verbose", "-v", is_flag=True, help="Print one line per reply."),
    file_option("--json", "json_file", help="Write the result as JSON; - is standard output."),
]  # fmt: skip

plan_options: Callable[[Command], Command] = adding([
    _CLIENTS, message_options, payload_options,
    _reply_option(f"; for check's own service {ReplyFormat.STAMPED}"), *_RESULT_OPTIONS,
])  # fmt: skip
"""Adds the options for a plan and its result."""

fleet_plan_options: Callable[[Command], Command] = adding([
    _CLIENTS_IN_STAGES, message_options, payload_options, _reply_option(), *_RESULT_OPTIONS,
])  # fmt: skip
"""Adds the same options, with stages for the number of clients."""

turns_plan_options: Callable[[Command], Command] = adding([
    _CLIENTS, _MESSAGE, _TIMEOUT, payload_options, _reply_option(),
])  # fmt: skip
"""Adds the options for a plan that lasts until all turns are over."""


protocol_option: Callable[[Command], Command] = click.option(
    "--protocol", type=Parsed("module:class", later(".chosen_plan:loadable")),
    metavar="MODULE:CLASS",
    help="Speak a protocol of your own: CLASS(client) has request(number), which returns the "
    "bytes to send, and reply(number, data), which returns the size of the whole reply, or 0.",
)  # fmt: skip
"""Adds the option that names the user's own protocol."""
