"""Which clients failed, and why: by cause, with a sample of what was expected and what came."""

from collections.abc import Iterator
from itertools import takewhile

from rich.text import Text

from twistecho.base.notation import escaped
from twistecho.fleet.reports.outcome import Difference, Outcome, Phase
from twistecho.fleet.reports.report import Report

from .causes import meaning_of
from .layout import LABEL, Layout, in_columns
from .styles import ASIDE
from .words import count

_CAUSES = {True: 8, False: 4}  # causes that are listed where each takes a line, or two
_BESIDE = 50  # characters, from which on there is room for a sample beside its cause
_SHORTEST = 12  # characters of what was expected, or came
_LONGEST = 40  # characters of a cause, which a file may say
_IN_A_FILE = 400  # characters of a sample where lines are not wrapped


def failure_section(report: Report, layout: Layout) -> Iterator[Text]:
    """Give the causes, the most frequent first, about ten lines at most."""
    failures = report.failures
    if not failures:
        return
    of_all = f"{sum(failures.values()):,} of {count(report.plan.clients, 'client')}"
    yield Text.assemble(("Failures".ljust(LABEL), "bold"), (of_all, "red"))
    samples = _samples(report)
    rows = in_columns(
        [
            [f"{failures[cause]:4,}", layout.cut(cause, _LONGEST), _who(one, failures[cause])]
            for cause, one in samples.items()
        ],
        [True, False, False],
        gap=2,
    )
    left = max(map(len, rows))
    room = layout.width - left - 3 if layout.wraps else _IN_A_FILE
    beside = room >= _BESIDE
    listed = _CAUSES[beside]
    for line, (cause, one) in list(zip(rows, samples.items(), strict=True))[:listed]:
        if beside:
            told = _what(cause, one, layout, room)
            yield Text.assemble((line.ljust(left), "red"), f"   {told}")
        else:
            yield Text(line, style="red")
            yield Text(f"      {_what(cause, one, layout, layout.width - 6)}")
    if more := list(failures.values())[listed:]:
        yield Text(f"{sum(more):4,}  by {count(len(more), 'other cause')}", style=ASIDE)


def _samples(report: Report) -> dict[str, Outcome]:
    """Give a client for each cause: the first that failed so, of those whose bytes are known."""
    failed = [one for one in report.outcomes if one.cause is not None and not one.interrupted]
    failed.sort(key=lambda one: (one.difference is None, one.ended))
    found: dict[str, Outcome] = {}
    for one in failed:
        found.setdefault(str(one.cause), one)
    return {cause: found[cause] for cause in report.failures}


def _who(one: Outcome, clients: int) -> str:
    """Name a client, and the message that it waited for, both counted from 0."""
    example = "e.g. " if clients > 1 else ""
    met = one.cause is not None and one.cause.phase is not Phase.CONNECT
    message = f", message {one.messages:,}" if met and (one.failed or one.difference) else ""
    return f"{example}client {one.client}{message}"


def _what(cause: str, one: Outcome, layout: Layout, room: int) -> str:
    """Say what happened: what came in the place of what, or else what the cause means."""
    if one.difference is not None:
        return _compared(one.difference, layout, room)
    told = meaning_of(cause)
    if one.failed and one.bytes_returned:
        came = f"after {one.bytes_returned:,} of {count(one.bytes_sent, 'byte')}"
        told += f", {came}" if told else came
    return layout.cut(told, room)


def _compared(found: Difference, layout: Layout, room: int) -> str:
    """Put both beside each other, cut where there is no room, but so that they differ."""
    came = escaped(found.came)
    expected = "nothing more" if found.expected == repr(b"") else escaped(found.expected)
    frame = "expected {}   got {}"
    left = room - len(frame.format("", ""))
    half = max(_SHORTEST, left // 2)
    if len(expected) + len(came) > left:
        same = _alike(expected, came)
        skipped = max(0, same - half // 2) if same > half - 4 else 0
        before = layout.signs.cut if skipped else ""
        expected, came = before + expected[skipped:], before + came[skipped:]
    first = layout.cut(expected, max(half, left - len(came)))
    return layout.cut(frame.format(first, layout.cut(came, max(half, left - len(first)))), room)


def _alike(one: str, other: str) -> int:
    """Count the characters with which both begin."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
