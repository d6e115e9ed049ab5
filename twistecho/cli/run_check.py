"""Carries out ``twistecho check``: both kinds of client must agree."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, NoReturn

import click

from twistecho.base.reply_formats import ReplyFormat
from twistecho.fleet.output.agreement import agreement_lines, agreement_table
from twistecho.fleet.output.causes import explanation_lines, failure_lines
from twistecho.fleet.output.headline import headline
from twistecho.fleet.output.live import Display
from twistecho.fleet.output.printer import Printer
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.reply import AUTO
from twistecho.fleet.plans.target import Target, parse_target
from twistecho.fleet.reports.agreement import Agreement
from twistecho.fleet.reports.report import Report
from twistecho.fleet.reports.report_json import SCHEMA
from twistecho.fleet.runs.engine import Engine
from twistecho.service.scenario.delay import AskedDelay
from twistecho.service.scenario.fault import Fault
from twistecho.testing.server import EchoServer
from twistecho.testing.verbs import EchoServerError

from .chosen_plan import make_plan
from .local_ports import shortage
from .output_files import OutputFile
from .own_service import service_options
from .showing import Output, run_shown, share_a_terminal
from .targets import secured_target


def check(
    target: Target | None,
    *,
    delay: AskedDelay,
    delay_per: str,
    faults: tuple[Fault, ...],
    seed: int | None,
    json_file: OutputFile | None,
    verbose: bool,
    **planned: Any,
) -> None:
    """Carry out `twistecho check`, and end the process."""
    trust = {name: planned.pop(name) for name in ("ca", "server_name", "insecure")}
    target = _secured(target, **trust)
    reply = planned.pop("reply") or (str(ReplyFormat.STAMPED) if target is None else AUTO)
    plan = make_plan(**planned, reply=reply, ordered=True, seed=seed or 0)
    if faults and target is None and plan.reconnect is not None and plan.clients > 1:
        raise click.UsageError(
            "--reconnect: with --fault it needs --clients 1: faults depend on the number of a "
            "connection, and the order in which clients reconnect varies"
        )
    output = Output(json_file)
    options, drawn = service_options(plan, delay, delay_per, faults, seed)
    # The reactor can run only once, so the engine that does not use it goes first.
    rounds: list[list[Engine]] = [["threads"], ["reactor"]] if drawn else [["threads", "reactor"]]
    reports: dict[str, Report] = {}
    about = ""
    try:
        for engines in rounds:
            with _service(target, options) as server:
                if not reports:
                    about = headline(plan, server) + f", {drawn}" * bool(drawn)
                    if short := shortage(plan, server):
                        output.printer.line(short, "yellow")
                for engine in engines:
                    reports[engine] = _run(engine, plan, server, output, verbose=verbose)
    except EchoServerError as error:
        raise click.ClickException(f"the service did not start: {error}") from None
    _conclude(output, Agreement(reports["reactor"], reports["threads"], bool(faults)), about)


def _secured(target: Target | None, **trust: Any) -> Target | None:
    """Return the target with the TLS options applied, or fail with a one-line error."""
    if target is not None:
        return secured_target(target, **trust)
    for name, value in trust.items():
        if value:
            raise click.UsageError(f"--{name.replace('_', '-')}: there is no TARGET")
    return None


def _conclude(output: Output, found: Agreement, about: str) -> NoReturn:
    """Show whether the engines agree, then both reports, and exit accordingly.

    With faults the engines only have to agree, on reports whose numbers add up.
    """
    output.json(_check_json(found))
    printer = output.printer
    ascii_only = printer.console.options.ascii_only
    for line, style in agreement_lines(found, ascii_only=ascii_only):
        printer.line(line, style)
    printer.line(about, "dim")
    printer.line("")
    _show(printer, found)
    sys.exit(found.exit_code)


def _check_json(found: Agreement) -> str:
    data = {
        "schema": SCHEMA,
        "agree": not found.disagreements,
        "disagreements": [str(each) for each in found.disagreements],
        "reports": [report.to_dict() for report in found.reports],
    }
    return json.dumps(data, indent=2)


def _run(engine: Engine, plan: Plan, target: Target, output: Output, *, verbose: bool) -> Report:
    try:
        quiet = verbose and share_a_terminal(output.printer)
        display = partial(Display, sys.stderr, plan, quiet=quiet, engine=engine)
        report = run_shown(engine, plan, target, output.printer, verbose=verbose, display=display)
    except ValueError as error:
        raise click.UsageError(f"TARGET: {error}") from None
    output.printer.check()
    if report.interrupted:
        raise KeyboardInterrupt  # an interrupted run cannot be compared
    return report


@contextmanager
def _service(target: Target | None, options: Mapping[str, Any]) -> Iterator[Target]:
    """Provide the target: the named one, or a service started for this command."""
    if target is not None:
        yield target
        return
    server = EchoServer(**options)
    try:
        yield parse_target(f"{server.host}:{server.port}")
    finally:
        server.kill()  # the clients have ended: no reply is pending


def _show(printer: Printer, found: Agreement) -> None:
    printer.table(agreement_table(found))
    for line in _failures(found):
        printer.line(line, "red")
    # A line that holds for both reports is printed once.
    for line in dict.fromkeys(
        line for report in found.reports for line in explanation_lines(report)
    ):
        printer.line(line, "bold red")


def _failures(found: Agreement) -> list[str]:
    """Return the causes of failure; those of both engines once if they are the same."""
    ours, theirs = (failure_lines(report) for report in found.reports)
    if ours == theirs:
        return ours
    lines = zip(found.reports, (ours, theirs), strict=True)
    return [f"{report.engine}: {line}" for report, said in lines for line in said]
