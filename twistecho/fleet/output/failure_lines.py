"""The failed clients by cause, each with a sample of the expected and the received bytes."""

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

_CAUSES = {True: 8, False: 4}  # the most causes listed, with one line per cause or two
_BESIDE = 50  # characters; with this much room a sample is beside its cause
_SHORTEST = 12  # characters of the expected or the received bytes
_LONGEST = 40  # characters of a cause, which may come from a file
_IN_A_FILE = 400  # characters of a sample where lines are not wrapped


def failure_section(report: Report, layout: Layout) -> Iterator[Text]:
    """Yield the causes, the most frequent first, in about ten lines at most."""
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
    """Return a client for each cause: the first to fail so, preferably one with known bytes."""
    failed = [one for one in report.outcomes if one.cause is not None and not one.interrupted]
    failed.sort(key=lambda one: (one.difference is None, one.ended))
    found: dict[str, Outcome] = {}
    for one in failed:
        found.setdefault(str(one.cause), one)
    return {cause: found[cause] for cause in report.failures}


def _who(one: Outcome, clients: int) -> str:
    """Return a client's name, and the message that it waited for, both counted from 0."""
    example = "e.g. " if clients > 1 else ""
    met = one.cause is not None and one.cause.phase is not Phase.CONNECT
    message = f", message {one.messages:,}" if met and (one.failed or one.difference) else ""
    return f"{example}client {one.client}{message}"


def _what(cause: str, one: Outcome, layout: Layout, room: int) -> str:
    """Return the difference between expected and received bytes, or the cause's meaning."""
    if one.difference is not None:
        return _compared(one.difference, layout, room)
    told = meaning_of(cause)
    if one.failed and one.bytes_returned:
        came = f"after {one.bytes_returned:,} of {count(one.bytes_sent, 'byte')}"
        told += f", {came}" if told else came
    return layout.cut(told, room)


def _compared(found: Difference, layout: Layout, room: int) -> str:
    """Return both next to each other, cut to the room, but so that a difference is visible."""
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
    """Return the length of the common beginning."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
