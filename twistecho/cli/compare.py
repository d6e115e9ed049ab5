"""``twistecho compare``: the notebook's experiment in one command."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, get_args

import click
from rich.console import Console

from twistecho.base.notation import FieldError, parse_seconds
from twistecho.base.processes import raise_open_files
from twistecho.base.reply_formats import ReplyFormat
from twistecho.compare import plot
from twistecho.compare.columns import fitting_tables
from twistecho.compare.comparison import Comparison, Run
from twistecho.compare.experiment import ALL_DESIGNS, Experiment, Trial
from twistecho.compare.figures import cost_table, figures_table
from twistecho.compare.launch import LaunchError
from twistecho.compare.meaning import meaning
from twistecho.compare.notes import notes
from twistecho.compare.own_command import OwnCommand, named, parse_command
from twistecho.compare.timeline import ASCII, UNICODE, Timeline
from twistecho.fleet.output.live import Writing
from twistecho.fleet.output.words import count
from twistecho.fleet.runs.fleet_process import FleetError
from twistecho.fleet.runs.run import ENGINES, Engine
from twistecho.service.scenario.delay import AskedDelay, DelayPer

from .load_options import message_seed_option, reconnect_option
from .option_types import Parsed, Whole, adding, choice_of, file_option, is_given
from .output_files import Output, OutputFile, drawable
from .plan_options import make_plan, message_options, payload_options, problem_with_option
from .service_options import delay_options, design_reply_option

DELAY = "0.2"
"""The notebook's 5 s would take two of the designs 100 s each; the story is the same."""


class _ListOf(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4
    """Several values in one, with commas between them."""

    def __init__(self, item: "click.ParamType[Any]") -> None:
        self._item = item
        self.name = item.name

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Any, ...]:
        """Read every value, or fail with one line."""
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
                 type=Parsed("command", parse_command),
                 help="Command that starts a server of your own, with {port} where it takes its "
                      "port; no shell runs it. Repeatable."),
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
    click.option("--plot", "picture", type=Parsed("file", drawable), metavar="FILE",
                 help="Draw one bar per client, or the growth over several numbers of clients, "
                      "into an .svg file; .png and .pdf need matplotlib."),
    file_option("--json", "json_file", help="Write everything as JSON; - is standard output."),
]  # fmt: skip


_PLANNED = (
    "messages", "message_files", "escapes", "weights", "size", "payload", "seed", "repeat",
    "timeout", "reconnect",
)  # fmt: skip
"""The options that are the plan's."""


_HELP = """Run the same clients against each design of server, and show how long each client waits.

Each server runs in a process of its own, on a free port of the loopback. The original experiment is
`twistecho compare --delay 5 --timeout 120`; it takes nearly four minutes.

Exit codes: 0 every message was answered right; 1 some were not, which may be what you wanted to
see; 2 wrong command; 130 after Ctrl-C.
"""


@click.command(help=_HELP)
@adding(_OPTIONS)
def compare(
    json_file: OutputFile | None, picture: str | None, timeline: bool, **wanted: Any
) -> None:
    """Carry out `twistecho compare`, and end the process."""
    experiment = _experiment(**wanted)
    drawn = _has_lines(experiment, picture, wanted=timeline)
    output = Output(json_file)
    comparison = _run(experiment)
    output.json(comparison.to_json())
    _show(output, comparison, timeline=drawn)
    if picture:
        _draw(comparison, picture, output)
    sys.exit(0 if comparison.complete else 1)


def _experiment(
    *,
    designs: Sequence[str],
    clients: Sequence[int],
    engine: str,
    delay: AskedDelay,
    delay_per: str,
    reply: str | None,
    servers: Sequence[OwnCommand],
    server_reply: str | None,
    **others: Any,
) -> Experiment:
    """Put the options together, or fail with one line."""
    planned = {name: others.pop(name) for name in _PLANNED}
    engines = ENGINES if engine == "both" else [e for e in get_args(Engine) if e == engine]
    reply_format = ReplyFormat(reply) if reply else None
    experiment = Experiment(
        plan=make_plan(reply=str(reply_format or "stamped"), clients=clients[0], **planned),
        delay=delay.text,
        delay_per=DelayPer(delay_per),
        designs=designs,
        clients=clients,
        engines=engines,
        reply=reply_format,
        servers=_own_servers(servers, server_reply),
        server_reply=ReplyFormat(server_reply or "raw"),
        **others,
    )
    _check_plans(experiment)
    return experiment


def _check_plans(experiment: Experiment) -> None:
    """Fail with one line where the messages do not go with the replies of a server."""
    for trial in experiment.trials():
        try:
            trial.plan()
        except FieldError as error:
            raise click.UsageError(
                f"{problem_with_option(error)}, as those of {trial.design} do"
            ) from None


def _has_lines(experiment: Experiment, picture: str | None, *, wanted: bool) -> bool:
    """Say whether there is a line a client to be drawn, which has one connection in it.

    Fails with one line where there is not, though it was asked for.
    """
    one_size = len(experiment.clients) == 1
    if experiment.plan.reconnect is None:
        return wanted and one_size
    if wanted and is_given("timeline"):
        raise click.UsageError(
            "--timeline: it contradicts --reconnect: a line has one connection of a client"
        )
    if picture and one_size:
        raise click.UsageError(
            "--plot: with --reconnect it takes several numbers of --clients, to draw the growth: "
            "a line has one connection of a client"
        )
    return False


def _own_servers(servers: Sequence[OwnCommand], reply: str | None) -> Sequence[OwnCommand]:
    """Name the user's own servers, or fail with one line."""
    if reply and not servers:
        raise click.UsageError("--server-reply: there is no --server")
    try:
        return named(servers, ALL_DESIGNS)
    except ValueError as error:
        raise click.UsageError(f"--server: {error}") from None


def _run(experiment: Experiment) -> Comparison:
    """Make all runs; end the process with one line where one cannot be made."""
    raise_open_files()
    trials = experiment.trials()
    runs: dict[int, Run] = {}
    # The user's own servers run first: nobody knows whether they start.
    places = sorted(range(len(trials)), key=lambda place: trials[place].command is None)
    for number, place in enumerate(places, 1):
        with _status(f"{number} of {len(trials)}: {_describe(trials[place])}"):
            runs[place] = _run_one(trials[place])
    return experiment.comparison([runs[place] for place in sorted(runs)])


def _run_one(trial: Trial) -> Run:
    try:
        return trial.run()
    except (LaunchError, FleetError) as error:
        # Where a process died of an exception, the last line of what it said is the point.
        problem = f"{trial.design}: {str(error).rpartition(chr(10))[2]}"
        raise click.ClickException(problem) from None


def _describe(trial: Trial) -> str:
    return f"{trial.design}, {count(trial.clients, 'client')}, {trial.engine}"


@contextmanager
def _status(text: str) -> Iterator[None]:
    """Say on a terminal what is being run; a pipe is told nothing."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(text):
        yield


def _show(output: Output, comparison: Comparison, *, timeline: bool) -> None:
    """Show for each number of clients who waited, what that means, the figures, and the cost."""
    printer = output.printer
    width = printer.console.width if printer.console.is_terminal else 100
    for clients in comparison.sizes:
        if timeline:
            marks = UNICODE if "utf" in printer.console.encoding.lower() else ASCII
            for line in Timeline(comparison, clients, width=width, marks=marks).lines():
                printer.text(line)
            printer.line("")
        printer.line(meaning(comparison, clients), "bold")
        printer.line("")
        for make in (figures_table, cost_table):
            for table in fitting_tables(make, comparison, clients, width):
                printer.table(table)
                printer.line("")
    for note in notes(comparison):
        printer.line(note)


def _draw(comparison: Comparison, picture: str, output: Output) -> None:
    try:
        with Writing(sys.stderr, picture):
            plot.draw(comparison, picture)
    except OSError as error:
        raise click.ClickException(f"--plot {picture}: {error.strerror or error}") from None
    output.printer.line(f"Drawn into {picture}")
