"""Carries out ``twistecho fleet``: runs the clients, then judges and outputs their report."""

import sys
from dataclasses import replace
from functools import partial
from typing import Any

import click

from twistecho.base.notation import FieldError
from twistecho.base.processes import INTERRUPTED, raise_open_files
from twistecho.fleet.conversation.custom_protocol import readers_of
from twistecho.fleet.output.live import Display
from twistecho.fleet.plans.addresses import source_of_other_family
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.plan_stages import STAGED
from twistecho.fleet.plans.target import Target
from twistecho.fleet.reports.report import Report
from twistecho.fleet.runs.engine import Engine
from twistecho.fleet.runs.run import check_target
from twistecho.fleet.runs.several import run_processes

from .chosen_plan import plan_fields, problem_with_option
from .live_outputs import LiveOutputs, Place
from .local_ports import shortage
from .option_types import is_given
from .output_files import OutputFile
from .processes import read_processes
from .results import Results, make_results
from .room import lack, problem_with_sources
from .showing import run_shown, share_a_terminal
from .targets import secured_target

_FILES = ("save_plan", "junit", "hdr", "hdr_stages", "markdown", "plot", "html")

_JUDGED = ("requirements", "rate_tolerance", "allow_lag", "quiet", *_FILES)


def fleet(
    target: Target,
    *,
    engine: Engine,
    processes: str,
    base: Plan | None,
    verbose: bool,
    json_file: OutputFile | None,
    json_lines: OutputFile | None,
    metrics: Place | None,
    **options: Any,
) -> None:
    """Carry out `twistecho fleet`, and end the process."""
    trust = {name: options.pop(name) for name in ("ca", "server_name", "insecure")}
    target = secured_target(target, **trust)
    wanted = {name: options.pop(name) for name in _JUDGED}
    plan = _plan(base, options)
    results = make_results(**wanted, json=json_file, beside={"json-lines": json_lines})
    results.check(plan)
    _check_way(engine, plan, target)
    excluded = {"verbose": verbose, "in-order": plan.ordered}
    count = read_processes(processes, plan.clients, excluded)
    live = LiveOutputs(plan, json_lines, metrics)
    report = _run(engine, plan, target, results, live, processes=count, verbose=verbose)
    verdict = results.conclude(report, live.problem)
    if report.interrupted:
        sys.exit(INTERRUPTED)
    sys.exit(verdict.exit_code)


def _check_way(engine: Engine, plan: Plan, target: Target) -> None:
    """Fail with a one-line error if the plan and the target show that no client can connect."""
    try:
        check_target(engine, target)
    except ValueError as error:
        raise click.UsageError(f"TARGET: {error}") from None
    source = source_of_other_family(plan.sources, target)
    if source is not None:
        raise click.UsageError(f"--source: {source} is not of the same IP version as {target}")


def _plan(base: Plan | None, options: dict[str, Any]) -> Plan:
    """Return the plan of the options, on top of the one from a file if there is one."""
    fields = plan_fields(**options)
    try:
        chosen = Plan(**fields) if base is None else replace(base, **_given(fields))
        chosen.check_turns()
        readers_of(chosen)
    except FieldError as error:
        raise click.UsageError(problem_with_option(error)) from None
    except ValueError as error:  # its message names the option --protocol
        raise click.UsageError(f"--{error}") from None
    return chosen


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields whose options the user has set."""
    given = {name: value for name, value in fields.items() if is_given(name)}
    if "messages" in given or is_given("message_files"):
        given |= {"messages": fields["messages"], "literal": False}
    # A set option also replaces the file's stages; its own stages are part of its value.
    return given | {staged: None for name, staged in STAGED.items() if name in given}


def _run(
    engine: Engine,
    plan: Plan,
    target: Target,
    results: Results,
    live: LiveOutputs,
    *,
    processes: int,
    verbose: bool,
) -> Report:
    open_files = raise_open_files()
    problem = problem_with_sources(plan, target)
    if problem:
        raise click.ClickException(f"--source: {problem}")
    lacking = lack(plan, target, processes, open_files)
    if lacking:
        raise click.ClickException(f"--clients: {lacking}")
    if not results.quiet and (short := shortage(plan, target)):
        results.printer.line(short, "yellow")
    with live:
        if live.url:
            click.echo(f"Metrics: {live.url}", err=True)
        quiet = results.quiet or (verbose and share_a_terminal(results.printer))
        shown = live.beside(partial(Display, sys.stderr, plan, quiet=quiet))
        try:
            if processes > 1:
                return run_processes(engine, plan, target, processes, shown, seconds=live.wanted)
            return run_shown(engine, plan, target, results.printer, verbose=verbose, display=shown)
        except ValueError as error:
            raise click.UsageError(f"TARGET: {error}") from None
