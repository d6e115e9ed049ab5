"""``twistecho fleet``: clients, what they found, and what is to be thought of it."""

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import click
from click.core import ParameterSource

from twistecho.base.processes import raise_open_files
from twistecho.fleet.conversation.custom_protocol import readers_of
from twistecho.fleet.output.live import Display
from twistecho.fleet.output.tables import headline
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.target import Target
from twistecho.fleet.reports.report import Report
from twistecho.fleet.runs.run import ENGINES, Engine, run_engine
from twistecho.fleet.runs.several import run_processes

from .capacity import lack, problem_with_sources
from .options import (
    adding,
    load_options,
    make_plan,
    plan_options,
    problem_with_option,
    protocol_option,
    secured_target,
    target_options,
)
from .optiontypes import SourceType, TargetType
from .output_files import OutputFile, file_option
from .verdict import Results, make_results, result_options

INTERRUPTED = 130
"""The exit code after Ctrl-C or SIGTERM."""


class _PlanType(click.ParamType[Plan]):
    """A file that holds a plan."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Plan:
        """Read the file, or fail with one line."""
        if isinstance(value, Plan):
            return value
        try:
            return Plan.from_json(Path(value).read_text(encoding="utf-8"))
        except OSError as error:
            self.fail(f"{value}: {error.strerror or error}", param, ctx)
        except ValueError as error:
            self.fail(f"{value}: {error}", param, ctx)


_OPTIONS: list[Callable[[Any], Any]] = [
    plan_options,
    protocol_option,
    target_options,
    load_options,
    click.option("--in-order", "ordered", is_flag=True,
                 help="Connect each client only once the one before has."),
    click.option("--plan", "base", type=_PlanType(), metavar="FILE",
                 help="Read the plan from a file; options given beside it come before it."),
    file_option("--save-plan", help="Write the plan that was run to a file."),
    click.option("--engine", "-e", type=click.Choice(ENGINES), default="reactor", show_default=True,
                 help="Who drives the clients: Twisted, or a thread a client."),
    click.option("--processes", "-P", default="1", show_default=True, metavar="N|auto",
                 help="Spread the clients over so many processes; auto takes one a core."),
    click.option("--source", "sources", type=SourceType(), multiple=True,
                 help="Local address to connect from, or a range 127.0.0.2-127.0.0.9, or a "
                      "network; repeatable, clients take turns."),
    result_options,
]  # fmt: skip


@click.command()
@click.argument("target", type=TargetType())
@adding(_OPTIONS)
def fleet(
    target: Target,
    *,
    engine: Engine,
    processes: str,
    base: Plan | None,
    verbose: bool,
    json_file: OutputFile | None,
    **options: Any,
) -> None:
    """Run clients against TARGET and check every byte that comes back.

    TARGET is a port, host:port, [ipv6]:port, unix:path, tls:host:port or a Twisted client endpoint
    description.

    The exit code is 0 where every message was answered right, every requirement is met and the
    figures can be believed, 1 where not, 130 after Ctrl-C.
    """
    trust = {name: options.pop(name) for name in ("ca", "server_name", "insecure")}
    target = secured_target(target, **trust)
    wanted = {name: options.pop(name) for name in ("requirements", "quiet", *_FILES)}
    plan = _plan(base, options)
    results = make_results(**wanted, json=json_file)
    count = _processes(processes, plan, verbose=verbose)
    report = _run(engine, plan, target, results, processes=count, verbose=verbose)
    verdict = results.conclude(report)
    if report.interrupted:
        sys.exit(INTERRUPTED)
    sys.exit(0 if verdict.passed else 1)


_FILES = ("save_plan", "junit", "hdr", "plot", "html")


def _plan(base: Plan | None, options: dict[str, Any]) -> Plan:
    """Give the plan that the options ask for, on top of the one from a file if there is one."""
    plan = make_plan(**options)
    if base is None:
        return plan
    context = click.get_current_context()
    given = [
        name
        for name in options
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT
        and name in Plan.__dataclass_fields__
    ]
    try:
        chosen = replace(base, **{name: getattr(plan, name) for name in given})
        readers_of(chosen)
    except ValueError as error:
        raise click.UsageError(problem_with_option(error)) from None
    return chosen


def _run(
    engine: Engine, plan: Plan, target: Target, results: Results, *, processes: int, verbose: bool
) -> Report:
    open_files = raise_open_files()
    problem = problem_with_sources(plan, target)
    if problem:
        _fail(f"--source: {problem}")
    lacking = lack(plan, target, processes, open_files)
    if lacking:
        _fail(f"--clients: {lacking}")
    if not results.quiet:
        words = f", {processes} processes" if processes > 1 else ""
        results.printer.line(headline(plan, target) + words)
    display = partial(Display, sys.stderr, plan, quiet=results.quiet)
    try:
        if processes > 1:
            return run_processes(engine, plan, target, processes, display)
        on_reply = results.printer.reply if verbose else None
        return run_engine(engine, plan, target, on_reply, display=display)
    except ValueError as error:
        raise click.UsageError(f"TARGET: {error}") from None


def _processes(wanted: str, plan: Plan, *, verbose: bool) -> int:
    """Read how many processes are wanted, or fail with one line."""
    if wanted == "auto":
        return min(len(os.sched_getaffinity(0)), plan.clients)
    if not wanted.isdecimal() or not 0 < int(wanted) <= plan.clients:
        raise click.UsageError(
            f"--processes: {wanted} is neither auto nor a number from 1 to that of the clients"
        )
    for option, given in (("verbose", verbose), ("in-order", plan.ordered)):
        if given and int(wanted) > 1:
            raise click.UsageError(f"--processes: it contradicts --{option}")
    return int(wanted)


def _fail(problem: str) -> NoReturn:
    click.echo(f"Error: {problem}", err=True)
    sys.exit(1)
