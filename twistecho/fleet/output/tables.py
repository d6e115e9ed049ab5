"""What people see in a terminal: tables, lines, and a stream that many threads may print on.

What people want to know first comes first.
"""

from collections.abc import Iterator, Mapping, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from twistecho.base.notation import escaped, written
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.reply import AUTO
from twistecho.fleet.plans.target import is_unverified
from twistecho.fleet.reports.advice import advice, disagreement_about_replies
from twistecho.fleet.reports.disagreement import Disagreement
from twistecho.fleet.reports.figures import TIMES, read
from twistecho.fleet.reports.histograms import PERCENTILES, Latencies, LatencySummary
from twistecho.fleet.reports.own_limit import signs_of_own_limit
from twistecho.fleet.reports.own_share import COLUMNS
from twistecho.fleet.reports.report import Report
from twistecho.fleet.reports.verdict import Verdict

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
    "no-local-port": "no local port was free: closed connections keep theirs for a minute; "
    "more addresses to connect from, --source, have more",
    "address-family": "the source address, or this machine, has not the IP version of the target",
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

_UNKNOWN = "of these times is not known: the system did not tell when bytes came"

_LISTED = 20


Line = tuple[str, str]
"""A line of text and the style that it has on a terminal."""

BAD, GOOD = "bold red", "bold green"

_ALWAYS = {
    "rate": "rate",
    "bytes a second": "byte_rate",
    "makespan": "makespan",
    "clients answered": "answered",
    "clients failed": "failed",
    "messages sent": "sent",
    "messages answered": "messages",
}
_WHERE_ANY = {"messages outstanding": "outstanding", "messages due and not sent": "unsent"}
_SHOWN = {
    "response": "response",
    "service": "service",
    "wire": "wire",
    "own time": "own",
    "connect": "connect",
    "first byte": "first_byte",
    "fleet lag": "lag",
}


def cause_name(cause: str) -> str:
    """Name a cause, ``phase:reason``, as people do: ``receive: reset by peer``."""
    phase, _, reason = cause.partition(":")
    return f"{phase}: {_HAPPENED.get(reason, reason)}"


def meaning_of(cause: str) -> str:
    """Say what a cause, ``phase:reason``, means; nothing where its reason has no words."""
    return REASONS.get(cause.partition(":")[2], "")


def count(number: int, noun: str) -> str:
    """Write a count with its noun: ``1 client``, ``1,000 clients``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def headline(plan: Plan, target: object, found: Report | None = None) -> str:
    """Say in one line what is run, or was: ``found`` tells the format of replies then."""
    words = [count(plan.clients, "client"), _share(plan), *_payload(plan)]
    if plan.client_stages is not None:
        words[0] = f"{plan.client_stages} clients ({plan.clients:,} in all)"
    if plan.rate is not None:
        rate = f"{plan.rate:,g}" if plan.rate_stages is None else plan.rate_stages
        words.append(f"{rate} messages/s ({plan.arrivals})")
    if plan.pipeline > 1:
        words.append(f"{plan.pipeline} at once")
    if plan.think:
        words.append(f"{written(plan.think)} between them")
    if plan.reconnect is not None:
        each = "for each message" if plan.reconnect == 1 else f"every {plan.reconnect:,} messages"
        words.append(f"a new connection {each}")
    if plan.ramp is not None:
        words.append(f"{plan.ramp:,g} connections/s")
    if plan.barrier:
        words.append("all connected first")
    spoken = _replies(plan, found) if plan.protocol is None else f"protocol {plan.protocol_name}"
    doubt = ", certificate not verified" if is_unverified(str(target)) else ""
    return f"{', '.join(words)}, to {target} ({spoken}{doubt})"


def _share(plan: Plan) -> str:
    """Say how much each client does."""
    each = plan.messages_per_client
    share = f"{plan.sends_for:g} s" if each is None else f"{count(each, 'message')} each"
    return f"{share} after {plan.warmup:g} s of warm-up" if plan.warmup else share


def _payload(plan: Plan) -> list[str]:
    """Say what is sent, where that is drawn."""
    mixed = [f"mixed {':'.join(f'{weight:g}' for weight in plan.weights)}"] if plan.weights else []
    if plan.size is None:
        return mixed
    content = "from a file" if isinstance(plan.payload, bytes) else plan.payload or "random"
    return [*mixed, f"{plan.size} bytes ({content})"]


def _new_table(names: str, *columns: str) -> Table:
    """Make a table: a column of names, and columns of figures."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column(names)
    for column in columns:
        table.add_column(Text(escaped(column)), justify="right", no_wrap=True)
    return table


def _side_by_side(reports: Sequence[Report], columns: Sequence[Mapping[str, str]]) -> Table:
    """Put figures with the same names side by side, a column an engine; failures stand out."""
    table = _new_table("engine", *(report.engine for report in reports))
    for name in dict.fromkeys(name for column in columns for name in column):
        cells = [column.get(name, "") for column in columns]
        bad = name in {"clients failed", "messages failed"} and any(cell != "0" for cell in cells)
        table.add_row(name, *cells, style=BAD if bad else None)
    return table


def summary_table(reports: Sequence[Report]) -> Table:
    """Put the figures of reports side by side that two engines can be compared by."""
    return _side_by_side(reports, [_summary(report) for report in reports])


def _replies(plan: Plan, report: Report | None) -> str:
    """Name the format of replies: the plan's, or what was found where it has that found."""
    if plan.reply != AUTO:
        return f"{plan.reply} replies"
    found = "" if report is None else ", ".join(map(str, report.replies_found))
    return f"replies: {AUTO}" + f", found {found}" * bool(found)


def _found(report: Report) -> dict[str, str]:
    """Say which format of replies was found, where the plan had it found."""
    found = ", ".join(map(str, report.replies_found))
    return {"format of replies": f"{found}, found"} if found else {}


def _told_apart(report: Report) -> dict[str, str]:
    """Say where a client would not notice a reply that is another one's."""
    return {"replies told apart": "no"} if report.plan.told_apart is False else {}


def _summary(report: Report) -> dict[str, str]:
    return {
        "clients answered": f"{report.answered:,}",
        "clients failed": f"{sum(report.failures.values()):,}",
        "messages answered": f"{report.messages:,}",
        **_found(report),
        **({} if report.plan.reconnect is None else {"connects": f"{report.connects:,}"}),
        **_told_apart(report),
        "bytes sent": f"{report.bytes_sent:,}",
        "payload bytes returned": f"{report.bytes_returned:,}",
        "makespan": written(report.makespan),
        **_latencies(report.latencies()),
    }


def _latencies(summary: LatencySummary | None) -> dict[str, str]:
    if summary is None:
        return {"latency": "none"}
    percentiles = zip(PERCENTILES, summary.percentiles, strict=True)
    return {
        "latency min": written(summary.min),
        **{f"latency p{at:g}": written(value) for at, value in percentiles},
        "latency max": written(summary.max),
    }


def failure_lines(report: Report) -> list[str]:
    """List the causes of failure, the most frequent first, and what each means."""
    lines = []
    for cause, clients in report.failures.items():
        meaning = meaning_of(cause)
        lines.append(
            f"{count(clients, 'client')} failed: {cause}" + (f", {meaning}" * bool(meaning))
        )
    return lines


def explanation_lines(report: Report) -> list[str]:
    """Say what clients disagree about, and what to try where all of them failed alike."""
    return [*disagreement_about_replies(report), *advice(report)]


def disagreement_lines(found: Sequence[Disagreement], ours: str, theirs: str) -> list[str]:
    """List the clients of whom two engines tell different things."""
    lines = [f"{d}" for d in found[:_LISTED]]
    if len(found) > _LISTED:
        lines.append(f"... and {len(found) - _LISTED:,} more")
    return [f"The engines disagree ({ours} against {theirs}):", *lines]


def figures(report: Report) -> dict[str, str]:
    """Give the figures of a report, each with its name; causes of failure are not among them."""
    found = {name: str(read(report, figure)) for name, figure in _ALWAYS.items()}
    lost = sum(outcome.failed for outcome in report.outcomes)
    found |= {"messages failed": f"{lost:,}"} if lost else {}
    some = {name: read(report, figure) for name, figure in _WHERE_ANY.items()}
    found |= {name: str(reading) for name, reading in some.items() if reading.value}
    stopped = sum(report.interruptions.values())
    found |= {"clients interrupted": f"{stopped:,}"} if stopped else {}
    found |= {"warm-up messages": f"{report.measured.unmeasured:,}"} if report.plan.warmup else {}
    return found | {
        **_found(report),
        **_connects(report),
        **_told_apart(report),
        **_timed(report),
        **_allowed(report),
        "bytes sent": f"{report.bytes_sent:,}",
        "payload bytes returned": f"{report.bytes_returned:,}",
    }


def _connects(report: Report) -> dict[str, str]:
    """Say how many connections there were, where they are a part of the load."""
    if report.plan.reconnect is None:
        return {}
    return {
        "connects": str(read(report, "connects")),
        "connect rate": str(read(report, "connects/s")),
    }


def _timed(report: Report) -> dict[str, str]:
    """Say how many messages the wire times are of."""
    timed = report.measured.timed
    return {"messages timed on the wire": f"{timed:,}"} if timed else {}


def _allowed(report: Report) -> dict[str, str]:
    """Say how late the fleet may be, where somebody has said so."""
    return {} if report.allowed_lag is None else {"lag allowed": written(report.allowed_lag)}


def figures_table(report: Report) -> Table:
    """Put the figures one under the other."""
    return _side_by_side([report], [figures(report)])


def times_table(report: Report) -> Table:
    """Put how long everything took into a line a kind, the least to the left."""
    table = _new_table("time", *COLUMNS)
    table.collapse_padding = True  # with stars it would be wider than a terminal
    for name, summary in times(report):
        values = (summary.min, summary.mean, *summary.percentiles, summary.max)
        table.add_row(name, *marked_cells(report, name, dict(zip(COLUMNS, values, strict=True))))
    return table


def marked_cells(report: Report, name: str, values: Mapping[str, float]) -> list[str]:
    """Write the figures of a time, by their names, with a star where they are marked."""
    marks = report.marks
    marked = marks.get(_SHOWN[name], {})
    blank = " " * bool(marks)
    return [written(value) + ("*" if at in marked else blank) for at, value in values.items()]


def own_lines(report: Report) -> Iterator[str]:
    """Say what the stars mean, and whose limit it was where that was the fleet's.

    Where nobody knows what the fleet's own share is, that is said.
    """
    if report.measured.latency and not report.measured.timed:
        yield f"The fleet's own share {_UNKNOWN}"
    for name, kind in _SHOWN.items():
        marked = report.marks.get(kind)
        if marked and not (kind == "service" and report.plan.rate is None):
            told = [figure for figure in ("p50", "p99") if figure in marked] or [*marked][:1]
            shares = ", ".join(f"{marked[figure]} of {figure}" for figure in told)
            yield f"* {name}: more than a tenth is the fleet's own, {shares}"
    signs = signs_of_own_limit(report)
    if signs and report.plan.rate is None and not report.plan.think:
        yield f"The fleet was the limit: {', '.join(signs)}"


def times(report: Report) -> Iterator[tuple[str, LatencySummary]]:
    """Give the figures of everything that took time, each with its name."""
    for name, kind in _SHOWN.items():
        # In a closed load a message is due when it is sent: there is one time, not three.
        if report.plan.rate is None and kind in {"service", "lag"}:
            continue
        summary = Latencies(getattr(report.measured, TIMES[kind])).summary()
        if summary is not None:
            yield name, summary


def parts_table(report: Report) -> Table:
    """Put the parts of a run under each other, with their shares; one that died stands out."""
    table = _new_table("part", "clients", "answered", "share", "took")
    table.columns[0].overflow = "fold"
    table.add_column("")
    for part in report.parts:
        share = f"{part.messages / report.messages:.1%}" if report.messages else "-"
        table.add_row(
            Text(escaped(part.name)),
            f"{part.clients:,}",
            f"{part.messages:,}",
            share,
            written(part.makespan),
            Text(escaped(part.problem or "")),
            style=BAD if part.problem else None,
        )
    return table


def interruption_lines(report: Report) -> Iterator[Line]:
    """Say that a run was interrupted, and how many clients were ended by that: above all else."""
    if not report.interrupted:
        return
    ended = sum(report.interruptions.values())
    said = f" {count(ended, 'client')} still ran, and nothing was wrong with them." if ended else ""
    yield f"Interrupted: this is what was found until then.{said}", "bold yellow"


def _unspoken(verdict: Verdict) -> int:
    """Count the clients that failed by causes that no requirement speaks of."""
    failures = verdict.report.failures
    return sum(clients for cause, clients in verdict.intolerable.items() if cause in failures)


def verdict_lines(verdict: Verdict) -> Iterator[Line]:
    """Give what is to be said below the tables: causes, requirements, and what to think of it."""
    for line in failure_lines(verdict.report):
        yield line, "red"
    for line in [] if verdict.passed else explanation_lines(verdict.report):
        yield line, BAD
    for result in (result for result in verdict.results if not result.doubt):
        yield str(result), "green" if result.met else BAD
    if verdict.invalid:
        yield "INVALID: these figures cannot be believed", BAD
        yield from ((f"- {reason}", BAD) for reason in verdict.invalid)
    missed = sum(result.missed for result in verdict.results)
    if missed:
        yield f"{count(missed, 'requirement')} missed", BAD
    elif verdict.results and (failed := _unspoken(verdict)):
        yield f"{count(failed, 'client')} failed by causes that no requirement names", BAD
    elif verdict.results and not verdict.invalid:
        yield "All requirements met", GOOD
