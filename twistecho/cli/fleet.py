"""``twistecho fleet``: clients, what they found, and what is to be thought of it.

Whether this machine has room for the clients of a plan is found before they start. What bounds them
is how many files a process may open, and how many local ports there are for connections between two
addresses. Both are said with what would help.
"""

import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import click

from twistecho.base.notation import FieldError
from twistecho.base.processes import INTERRUPTED, raise_open_files, room_for_connections
from twistecho.fleet.conversation.custom_protocol import readers_of
from twistecho.fleet.output.live import Display
from twistecho.fleet.plans.addresses import source_of_other_family
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.plan_stages import STAGED
from twistecho.fleet.plans.sources import families, parse_sources
from twistecho.fleet.plans.target import Target
from twistecho.fleet.reports.report import Report
from twistecho.fleet.runs.run import ENGINES, Engine, check_target
from twistecho.fleet.runs.several import run_processes

from .live_outputs import LiveOutputs, Place, live_options
from .load_options import load_options
from .local_ports import local_ports, shortage
from .option_types import Parsed, adding, file_option, is_given, read_file
from .output_files import OutputFile, run_shown, share_a_terminal
from .payloads import payload_in
from .plan_options import fleet_plan_options, plan_fields, problem_with_option, protocol_option
from .processes import processes_option, read_processes
from .report import Results, make_results, result_options
from .target_options import TARGET_TYPE, secured_target, target_options

_FILES = ("save_plan", "junit", "hdr", "hdr_stages", "markdown", "plot", "html")


def lack(plan: Plan, target: Target, processes: int, open_files: int) -> str | None:
    """Say in one line what there is not enough of for a plan, or None where all fit.

    ``open_files`` is the limit of each of the ``processes``.
    """
    room = room_for_connections(open_files)
    most = -(-plan.at_once // processes)
    if most > room:
        return (
            f"{most:,} clients in a process, but it may open {open_files:,} files: "
            f"take {-(-plan.at_once // room)} --processes or more, or raise the limit (ulimit -n)"
        )
    ports = local_ports()
    addresses = max(1, len(plan.sources))
    if target.path is None and ports is not None and plan.clients > ports * addresses:
        return (
            f"{plan.clients:,} clients, but {ports:,} local ports for each source address: "
            f"give {-(-plan.clients // ports)} addresses with --source, "
            "or widen net.ipv4.ip_local_port_range"
        )
    return None


def problem_with_sources(plan: Plan, target: Target) -> str | None:
    """Say in one line which source address cannot be connected from, or None."""
    if plan.sources and target.host is None:
        return f"{target} is not connected to from an address"
    for source in plan.sources:
        family = socket.AF_INET6 if 6 in families((source,)) else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.bind((source, 0))
        except OSError as error:
            return f"{source}: {error.strerror or error}"
    return None


_PLAN_TYPE = Parsed("file", partial(read_file, parse=partial(Plan.from_json, bytes_of=payload_in)))

_JUDGED = ("requirements", "rate_tolerance", "allow_lag", "quiet", *_FILES)

_OPTIONS: list[Callable[[Any], Any]] = [
    fleet_plan_options,
    protocol_option,
    target_options,
    load_options,
    click.option("--in-order", "ordered", is_flag=True,
                 help="Connect the clients one after the other, in order."),
    click.option("--plan", "base", type=_PLAN_TYPE, metavar="FILE",
                 help="Read the plan from a file; options of the command line override it."),
    file_option("--save-plan", help="Write the plan that was run to a file."),
    click.option("--engine", "-e", type=click.Choice(ENGINES), default="reactor", show_default=True,
                 help="What drives the clients: Twisted's reactor, or one thread per client."),
    processes_option,
    click.option("--source", "sources", type=Parsed("address", parse_sources), multiple=True,
                 help="Local address to connect from, a range such as 127.0.0.2-127.0.0.9, or a "
                      "network; repeatable. Clients use the addresses in turn."),
    live_options,
    result_options,
]  # fmt: skip


_HELP = """Run clients against TARGET and check every byte that comes back.

TARGET is a port, host:port, [ipv6]:port, unix:path, tls:host:port or a Twisted client endpoint
description.

Exit codes: 0 every message was answered right and every requirement is met; 1 something failed or
a requirement was missed; 2 wrong command; 3 the figures cannot be believed (INVALID); 130 after
Ctrl-C.
"""


@click.command(help=_HELP)
@click.argument("target", type=TARGET_TYPE)
@adding(_OPTIONS)
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
    """Fail with one line where the texts say that no client can connect."""
    try:
        check_target(engine, target)
    except ValueError as error:
        raise click.UsageError(f"TARGET: {error}") from None
    source = source_of_other_family(plan.sources, target)
    if source is not None:
        raise click.UsageError(f"--source: {source} is not of the same IP version as {target}")


def _plan(base: Plan | None, options: dict[str, Any]) -> Plan:
    """Give the plan that the options ask for, on top of the one from a file if there is one."""
    fields = plan_fields(**options)
    try:
        chosen = Plan(**fields) if base is None else replace(base, **_given(fields))
        chosen.check_turns()
        readers_of(chosen)
    except FieldError as error:
        raise click.UsageError(problem_with_option(error)) from None
    except ValueError as error:  # of the protocol, which it names
        raise click.UsageError(f"--{error}") from None
    return chosen


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    """Give the fields whose options the user has given."""
    given = {name: value for name, value in fields.items() if is_given(name)}
    if "messages" in given or is_given("message_files"):
        given |= {"messages": fields["messages"], "literal": False}
    # Stages of the file give way, too; those that are asked for are in the value.
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
