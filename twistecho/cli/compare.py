"""``twistecho compare``: its options. `run_compare` carries it out."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import click

from twistecho.base.notation import parse_seconds
from twistecho.base.reply_formats import ReplyFormat
from twistecho.compare.names import ALL_DESIGNS
from twistecho.fleet.runs.engine import ENGINES
from twistecho.service.scenario.delay_per import DelayPer

from .later import later
from .load_options import message_seed_option, reconnect_option
from .option_types import Parsed, Whole, adding, choice_of, file_option
from .plan_options import message_options, payload_options
from .service_options import delay_options, design_reply_option

DELAY = "0.2"
"""With the notebook's 5 s two of the designs would take 100 s each; the outcome is the same."""

_LACKING = "twistecho compare needs psutil: pip install 'twistecho[compare]'"


class _ListOf(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4
    """Several values in one option, separated by commas."""

    def __init__(self, item: "click.ParamType[Any]") -> None:
        self._item = item
        self.name = item.name

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Any, ...]:
        """Parse every value, or fail with a one-line error."""
        if isinstance(value, tuple):
            return value
        texts = [text.strip() for text in value.split(",")]
        return tuple(dict.fromkeys(self._item.convert(text, param, ctx) for text in texts))


_OPTIONS: list[Callable[[Any], Any]] = [
    click.option("--designs", "-D", metavar="NAME,...", type=_ListOf(click.Choice(ALL_DESIGNS)),
                 default=",".join(ALL_DESIGNS), show_default=True, help="The designs to compare."),
    click.option("--clients", "-c", metavar="N,...", type=_ListOf(Whole(1)),
                 default="20", show_default=True,
                 help="Number of clients, which start at once; several numbers show the growth."),
    click.option("--server", "-s", "servers", metavar="[NAME=]COMMAND", multiple=True,
                 type=Parsed("command", later("twistecho.compare.own_command:parse_command")),
                 help="Command that starts your own server, with {port} for the port number; it "
                      "runs without a shell. Repeatable."),
    click.option("--server-reply", type=choice_of(ReplyFormat),
                 help="Format in which your own servers must reply.  [default: raw]"),
    message_options,
    payload_options,
    message_seed_option,
    reconnect_option,
    design_reply_option,
    delay_options(DELAY, DelayPer.CONNECTION),
    click.option("--backlog", "-b", type=Whole(0),
                 help="Connections that may wait to be accepted.  "
                      "[default: 128; for sequential 5, for twisted 4096]"),
    click.option("--engine", "-e", type=click.Choice([*ENGINES, "both"]), default="reactor",
                 show_default=True,
                 help="What drives the clients: Twisted's reactor, one thread per client, or "
                      "both."),
    click.option("--kill-after", type=Parsed("time", parse_seconds), metavar="TIME",
                 help="Kill each server this long after its clients have started."),
    click.option("--timeline/--no-timeline", default=True, show_default=True,
                 help="Draw one line per client; not with several numbers of clients or "
                      "--reconnect."),
    click.option("--plot", "picture", metavar="FILE",
                 type=Parsed("file", later(".output_files:drawable")),
                 help="Draw one bar per client, or the growth over several numbers of clients, "
                      "into an .svg file; .png and .pdf need matplotlib."),
    file_option("--json", "json_file", help="Write everything as JSON; - is standard output."),
]  # fmt: skip


_HELP = """Run the same clients against each design of server, and show how long each client waits.

Each server runs in its own process, on a free port of the loopback. The original experiment is
`twistecho compare --delay 5 --timeout 120`; it takes nearly four minutes.

Exit codes: 0 every message was answered right; 1 some were not, as some designs are meant to show;
2 wrong command; 130 after Ctrl-C.
"""


@click.command(help=_HELP)
@adding(_OPTIONS)
def compare(**options: Any) -> None:
    """Carry out `twistecho compare`, and end the process; exit code 1 without psutil."""
    if find_spec("psutil") is None:
        raise click.ClickException(_LACKING)
    later(".run_compare:compare")(**options)
