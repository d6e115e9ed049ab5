"""What people see: tables, one line a reply, and progress, on a terminal or off it."""

import threading
from collections.abc import Sequence
from typing import TextIO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from twistecho.base.notation import written
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.target import is_unverified
from twistecho.fleet.reports.histograms import PERCENTILES, LatencySummary
from twistecho.fleet.reports.report import Disagreement, Report

REASONS = {
    "refused": "nobody listens there",
    "certificate": "the server's certificate is not to be trusted: --ca, --server-name, --insecure",
    "tls": "what came was not TLS, or not one in common",
    "protocol-error": "the class of --protocol raised an exception, or gave what makes no sense",
    "timeout": "nothing came in time",
    "reset": "the other side reset the connection",
    "closed": "the other side closed before it had answered",
    "broken-pipe": "the other side had closed already",
    "mismatch": "a reply was not what was sent",
    "extra": "more came than was asked for",
    "no-address": "the host's name has no address",
    "unreachable": "no route leads there",
    "too-many-files": "this process may open no more files",
    "no-local-port": "no local port was free",
    "no-thread": "the system gave no more threads",
    "interrupted": "the run was ended early",
    "denied": "the system does not permit it",
    "no-such-socket": "there is no such socket",
}
"""What each reason means, for people."""

_HAPPENED = {
    "refused": "refused",
    "timeout": "timed out",
    "reset": "reset by peer",
    "closed": "closed by peer",
    "broken-pipe": "broken pipe",
    "mismatch": "wrong reply",
    "extra": "too much came",
}

_LISTED = 20


def cause_name(cause: str) -> str:
    """Name a cause, ``phase:reason``, as people do: ``receive: reset by peer``."""
    phase, _, reason = cause.partition(":")
    return f"{phase}: {_HAPPENED.get(reason, reason)}"


def count(number: int, noun: str) -> str:
    """Write a count with its noun: ``1 client``, ``1,000 clients``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _latency_rows(summary: LatencySummary | None) -> list[tuple[str, str]]:
    if summary is None:
        return [("latency", "none")]
    rows = [("latency min", written(summary.min))]
    pairs = zip(PERCENTILES, summary.percentiles, strict=True)
    rows += [(f"latency p{at:g}", written(value)) for at, value in pairs]
    return [*rows, ("latency max", written(summary.max))]


def _rows(report: Report) -> dict[str, str]:
    """Give the lines of a summary: what is counted, and the figure."""
    failed = sum(report.failures.values())
    return {
        "clients answered": f"{report.answered:,}",
        "clients failed": f"{failed:,}",
        "messages answered": f"{report.messages:,}",
        "bytes sent": f"{report.bytes_sent:,}",
        "payload bytes returned": f"{report.bytes_returned:,}",
        "makespan": written(report.makespan),
        **dict(_latency_rows(report.latencies())),
    }


def headline(plan: Plan, target: object) -> str:
    """Say in one line what is run."""
    words = [count(plan.clients, "client"), _share(plan)]
    if plan.rate is not None:
        words.append(f"{plan.rate:,g} messages/s ({plan.arrivals})")
    if plan.pipeline > 1:
        words.append(f"{plan.pipeline} at once")
    if plan.think:
        words.append(f"{written(plan.think)} between them")
    if plan.ramp is not None:
        words.append(f"{plan.ramp:,g} connections/s")
    if plan.barrier:
        words.append("all connected first")
    spoken = f"{plan.reply} replies" if plan.protocol is None else f"protocol {plan.protocol}"
    doubt = ", certificate not verified" if is_unverified(str(target)) else ""
    return f"{', '.join(words)}, to {target} ({spoken}{doubt})"


def _share(plan: Plan) -> str:
    """Say how much each client does."""
    each = plan.messages_per_client
    share = f"{plan.duration:g} s" if each is None else f"{count(each, 'message')} each"
    return f"{share} after {plan.warmup:g} s of warm-up" if plan.warmup else share


def summary_table(reports: Sequence[Report]) -> Table:
    """Put the figures of reports side by side, a column an engine."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("engine")
    for report in reports:
        table.add_column(report.engine, justify="right", no_wrap=True)
    columns = [_rows(report) for report in reports]
    names = dict.fromkeys(name for column in columns for name in column)
    for name in names:
        cells = [column.get(name, "") for column in columns]
        bad = name == "clients failed" and any(cell != "0" for cell in cells)
        table.add_row(name, *cells, style="bold red" if bad else None)
    return table


def failure_lines(report: Report) -> list[str]:
    """List the causes of failure, the most frequent first, and what each means."""
    lines = []
    for cause, clients in report.failures.items():
        meaning = REASONS.get(cause.partition(":")[2], "")
        lines.append(
            f"{count(clients, 'client')} failed: {cause}" + (f", {meaning}" * bool(meaning))
        )
    return lines


def disagreement_lines(found: Sequence[Disagreement], ours: str, theirs: str) -> list[str]:
    """List the clients of whom two engines tell different things."""
    lines = [f"{d}" for d in found[:_LISTED]]
    if len(found) > _LISTED:
        lines.append(f"... and {len(found) - _LISTED:,} more")
    return [f"The engines disagree ({ours} against {theirs}):", *lines]


class Printer:
    """Prints on one stream, a whole line at a time, from any thread."""

    def __init__(self, stream: TextIO) -> None:
        self._lock = threading.Lock()
        self.console = Console(file=stream, highlight=False, soft_wrap=not stream.isatty())

    def line(self, text: str, style: str | None = None) -> None:
        """Print a line of plain text."""
        with self._lock:
            self.console.print(Text(text, style=style or ""))

    def text(self, text: Text) -> None:
        """Print a line with styles of its own, which is never wrapped."""
        with self._lock:
            self.console.print(text, no_wrap=True, overflow="ignore", crop=False)

    def table(self, table: Table) -> None:
        """Print a table."""
        with self._lock:
            self.console.print(table)

    def reply(self, client: int, reply: bytes) -> None:
        """Print what a client received; its bytes are escaped as Python's repr does."""
        self.line(f"Client {client} received: {reply!r}")
