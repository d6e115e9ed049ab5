"""All commands of ``twistecho`` in one group, and ``check``: both kinds of client must agree."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NoReturn

import click

from twistecho.base.reply_formats import ReplyFormat
from twistecho.fleet.output import tables as render
from twistecho.fleet.output.live import Display
from twistecho.fleet.output.printer import Printer
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.reply import AUTO
from twistecho.fleet.plans.target import Target, parse_target
from twistecho.fleet.reports.report import SCHEMA, Report
from twistecho.fleet.reports.verdict import INVALID, invalid
from twistecho.fleet.runs.run import Engine
from twistecho.service.scenario.delay import AskedDelay, DelayPer
from twistecho.service.scenario.fault import Fault
from twistecho.testing.servers import EchoServer, EchoServerError

from .ab import ab
from .compare import compare
from .comparison import diff
from .fleet import fleet
from .local_ports import shortage
from .options import (
    TARGET_TYPE,
    delay_options,
    fault_options,
    make_plan,
    paired_load_options,
    plan_options,
    protocol_option,
    service_options,
)
from .output_files import Output, OutputFile, run_shown, share_a_terminal
from .report import show_reports
from .scenario import scenario
from .serve import serve

_HELP = """Run the same plan with both engines against the same server and compare them.

Without TARGET the service is started on a free port, in a process of its own, with the delay
and the faults given, and anew for each engine where these are drawn, so that both meet the
same; with TARGET they are that server's business. Clients connect in order.
"""


@click.command(help=_HELP)
@click.argument("target", type=TARGET_TYPE, required=False)
@plan_options
@protocol_option
@paired_load_options
@delay_options("0", DelayPer.REPLY)
@fault_options
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
    reply = planned.pop("reply") or (str(ReplyFormat.STAMPED) if target is None else AUTO)
    plan = make_plan(**planned, reply=reply, ordered=True, seed=seed or 0)
    if faults and target is None and plan.reconnect is not None and plan.clients > 1:
        raise click.UsageError(
            "--reconnect: it contradicts --fault, but for --clients 1: faults go by the number "
            "of a connection, and which client makes the next one is up to the moment"
        )
    output = Output(json_file)
    options, drawn = service_options(plan, delay, delay_per, faults, seed)
    # The reactor can run only once, so the engine that does without goes first.
    rounds: list[list[Engine]] = [["threads"], ["reactor"]] if drawn else [["threads", "reactor"]]
    reports: dict[str, Report] = {}
    try:
        for engines in rounds:
            with _service(target, options) as server:
                if not reports:
                    output.printer.line(render.headline(plan, server) + f", {drawn}" * bool(drawn))
                    if short := shortage(plan, server):
                        output.printer.line(short, "yellow")
                for engine in engines:
                    reports[engine] = _run(engine, plan, server, output, verbose=verbose)
    except EchoServerError as error:
        raise click.ClickException(f"the service did not start: {error}") from None
    _conclude(output, reports["reactor"], reports["threads"], expect_failures=bool(faults))


def _conclude(
    output: Output, reactor: Report, threads: Report, *, expect_failures: bool
) -> NoReturn:
    """Show both reports and whether they agree; the exit code says the same.

    Where faults were asked for, agreeing is all that is asked of the engines, on reports that add
    up.
    """
    found = reactor.disagreements(threads)
    output.json(_check_json(reactor, threads, [str(d) for d in found]))
    _show(output.printer, [reactor, threads])
    wrong = unbelievable = [
        f"INVALID: {one.engine}: {reason}" for one in (reactor, threads) for reason in invalid(one)
    ]
    if found:
        wrong = unbelievable + render.disagreement_lines(found, reactor.engine, threads.engine)
    if wrong:
        for line in wrong:
            output.printer.line(line, "bold red")
        sys.exit(INVALID if unbelievable else 1)
    agreed = f"The engines agree on all {render.count(reactor.plan.clients, 'client')}"
    if not reactor.complete:
        style = "bold green" if expect_failures else "bold red"
        output.printer.line(f"{agreed}: not all were answered right.", style)
        sys.exit(0 if expect_failures else 1)
    output.printer.line(f"{agreed}: every message was answered right.", "bold green")
    sys.exit(0)


def _check_json(reactor: Report, threads: Report, disagreements: Sequence[str]) -> str:
    data = {
        "schema": SCHEMA,
        "agree": not disagreements,
        "disagreements": disagreements,
        "reports": [reactor.to_dict(), threads.to_dict()],
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
        raise KeyboardInterrupt  # half a run has nothing to agree on
    return report


@contextmanager
def _service(target: Target | None, options: Mapping[str, Any]) -> Iterator[Target]:
    """Give the target to talk to: the one named, or a service started for the purpose."""
    if target is not None:
        yield target
        return
    server = EchoServer(**options)
    try:
        yield parse_target(f"{server.host}:{server.port}")
    finally:
        server.kill()  # the clients have ended: nobody is owed a reply any more


def _show(printer: Printer, reports: Sequence[Report]) -> None:
    printer.table(render.summary_table(reports))
    for report in reports:
        for line in render.failure_lines(report):
            printer.line(f"{report.engine}: {line}" if len(reports) > 1 else line, "red")
    # What both found is said once.
    for line in dict.fromkeys(
        line for report in reports for line in render.explanation_lines(report)
    ):
        printer.line(line, "bold red")


class _Commands(click.Group):
    """Ends with one line after Ctrl-C; click would put an empty one before it."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command. Raises Abort where it was interrupted."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise click.Abort from None


@click.group(
    cls=_Commands,
    help="Fleets of echo clients that prove what came back. The service itself is `twist echo`.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="twistecho")
def twistecho() -> None:
    """Do nothing but what the command says."""


for _command in (check, fleet, show_reports, diff, ab, serve, compare, scenario):
    twistecho.add_command(_command)
