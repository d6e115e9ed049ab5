"""``twistecho fleet``: clients, what they found, and what is to be thought of it."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from .engines import ENGINES, Engine, run_engine
from .options import (
    TargetType,
    adding,
    make_plan,
    plan_options,
    protocol_option,
    secured_target,
    target_options,
)
from .outputs import OutputFile, file_option
from .plan import Plan
from .protocols import readers_of
from .render import headline
from .report import Report
from .results import Results, make_results, result_options
from .target import Target

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
    click.option("--in-order", "ordered", is_flag=True,
                 help="Connect each client only once the one before has."),
    click.option("--plan", "base", type=_PlanType(), metavar="FILE",
                 help="Read the plan from a file; options given beside it come before it."),
    file_option("--save-plan", help="Write the plan that is run to a file."),
    click.option("--engine", "-e", type=click.Choice(ENGINES), default="reactor", show_default=True,
                 help="Who drives the clients: Twisted, or a thread a client."),
    result_options,
]  # fmt: skip


@click.command()
@click.argument("target", type=TargetType())
@adding(_OPTIONS)
def fleet(
    target: Target,
    *,
    engine: Engine,
    base: Plan | None,
    save_plan: OutputFile | None,
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
    if save_plan is not None:
        save_plan.write(plan.to_json() + "\n")
    report = _run(engine, plan, target, results, verbose=verbose)
    verdict = results.conclude(report)
    if report.interrupted:
        sys.exit(INTERRUPTED)
    sys.exit(0 if verdict.passed else 1)


_FILES = ("junit", "hdr", "plot", "html")


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
        raise click.UsageError(f"--{error}") from None
    return chosen


def _run(engine: Engine, plan: Plan, target: Target, results: Results, *, verbose: bool) -> Report:
    if not results.quiet:
        results.printer.line(headline(plan, target))
    on_reply = results.printer.reply if verbose else None
    try:
        return run_engine(engine, plan, target, on_reply, quiet=results.quiet)
    except ValueError as error:
        raise click.UsageError(f"TARGET: {error}") from None
