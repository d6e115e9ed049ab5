"""Carries out ``twistecho compare``: the notebook's experiment in one command."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, get_args

import click
from rich.console import Console

from twistecho.base.notation import FieldError
from twistecho.base.processes import raise_open_files
from twistecho.base.reply_formats import ReplyFormat
from twistecho.compare import plot
from twistecho.compare.columns import fitting_tables
from twistecho.compare.comparison import Comparison, Run
from twistecho.compare.experiment import Experiment, Trial
from twistecho.compare.figures import cost_table, figures_table
from twistecho.compare.launch import LaunchError
from twistecho.compare.meaning import meaning
from twistecho.compare.names import ALL_DESIGNS
from twistecho.compare.notes import notes
from twistecho.compare.own_command import OwnCommand, named
from twistecho.compare.timeline import ASCII, UNICODE, Timeline
from twistecho.fleet.output.live import Writing
from twistecho.fleet.output.words import count
from twistecho.fleet.runs.engine import ENGINES, Engine
from twistecho.fleet.runs.fleet_process import FleetError
from twistecho.service.scenario.delay import AskedDelay
from twistecho.service.scenario.delay_per import DelayPer

from .chosen_plan import make_plan, problem_with_option
from .option_types import is_given
from .output_files import OutputFile
from .showing import Output

_PLANNED = (
    "messages", "message_files", "escapes", "weights", "size", "payload", "seed", "repeat",
    "timeout", "reconnect",
)  # fmt: skip
"""The options that belong to the plan."""


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
    """Combine the options, or fail with a one-line error."""
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
    """Fail with a one-line error if the messages do not suit the reply format of a server."""
    for trial in experiment.trials():
        try:
            trial.plan()
        except FieldError as error:
            raise click.UsageError(
                f"{problem_with_option(error)}, as those of {trial.design} do"
            ) from None


def _has_lines(experiment: Experiment, picture: str | None, *, wanted: bool) -> bool:
    """Return whether one line per client is to be drawn; a line shows one connection.

    Fails with a one-line error if the user asked for lines that cannot be drawn.
    """
    one_size = len(experiment.clients) == 1
    if experiment.plan.reconnect is None:
        return wanted and one_size
    if wanted and is_given("timeline"):
        raise click.UsageError(
            "--timeline: it contradicts --reconnect: a line shows one connection of a client"
        )
    if picture and one_size:
        raise click.UsageError(
            "--plot: with --reconnect it needs several numbers of --clients, to draw the growth: "
            "a line shows one connection of a client"
        )
    return False


def _own_servers(servers: Sequence[OwnCommand], reply: str | None) -> Sequence[OwnCommand]:
    """Name the user's own servers, or fail with a one-line error."""
    if reply and not servers:
        raise click.UsageError("--server-reply: there is no --server")
    try:
        return named(servers, ALL_DESIGNS)
    except ValueError as error:
        raise click.UsageError(f"--server: {error}") from None


def _run(experiment: Experiment) -> Comparison:
    """Run all trials; end the process with a one-line error if one cannot run."""
    raise_open_files()
    trials = experiment.trials()
    runs: dict[int, Run] = {}
    # The user's own servers run first, since they may fail to start.
    places = sorted(range(len(trials)), key=lambda place: trials[place].command is None)
    for number, place in enumerate(places, 1):
        with _status(f"{number} of {len(trials)}: {_describe(trials[place])}"):
            runs[place] = _run_one(trials[place])
    return experiment.comparison([runs[place] for place in sorted(runs)])


def _run_one(trial: Trial) -> Run:
    try:
        return trial.run()
    except (LaunchError, FleetError) as error:
        # After an exception the last line of a process's output names the exception.
        problem = f"{trial.design}: {str(error).rpartition(chr(10))[2]}"
        raise click.ClickException(problem) from None


def _describe(trial: Trial) -> str:
    return f"{trial.design}, {count(trial.clients, 'client')}, {trial.engine}"


@contextmanager
def _status(text: str) -> Iterator[None]:
    """Show the current run on a terminal; write nothing to a pipe."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(text):
        yield


def _show(output: Output, comparison: Comparison, *, timeline: bool) -> None:
    """Show, for each number of clients, the timeline, its meaning, the figures and the cost."""
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
