"""The text of a run's live display: for a terminal of any width, and in plain lines.

Each piece of a line has a rank; if there is no room for all, those with the highest rank are
dropped.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from twistecho.base.notation import written
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.histograms import INTERVAL_LENGTH
from twistecho.fleet.reports.progress import Progress
from twistecho.fleet.reports.remaining import (
    clients_asked,
    doing,
    is_at_barrier,
    rate_asked,
    share_done,
    stage_now,
    time_left,
)

from .words import count

_CAUSES = 4  # the most causes in a line
_BAR = 40
_SHORTEST_BAR = 10
_GAP = "  "
_LONGEST_CLOCK = 100 * 3600.0

Piece = tuple[int, str]
"""A piece of a line, after its rank: 0 is dropped last."""


@dataclass(frozen=True)
class BarLine:
    """A line with a bar: the text before and after it, and the share that is done.

    ``bar`` is its width in columns, 0 for none. ``done`` is None if the share is unknown.
    """

    before: str
    bar: int
    done: float | None
    behind: str


def fitted(pieces: Sequence[Piece], width: int, between: str = ", ") -> str:
    """Return as many pieces in one line as fit, in their order."""
    left = [piece for piece in pieces if piece[1]]
    while len(left) > 1 and len(between.join(text for _, text in left)) > width:
        left.remove(max(left, key=lambda piece: piece[0]))
    return between.join(text for _, text in left)[: max(0, width)]


def bar_line(plan: Plan, progress: Progress, width: int, engine: str = "") -> BarLine:
    """Return what runs, how much of it is done and how long it will still take."""
    done, left = share_done(plan, progress), time_left(plan, progress)
    before = [(1, _engine(engine)), (0, doing(plan, progress)), (3, _stage(plan, progress))]
    behind = [(2, f"{int(100 * done)} %" if done is not None else "")]
    # At the barrier it is unknown when the rest will begin.
    known = left is not None and not is_at_barrier(plan, progress)
    behind.append((0, f"{clock(left or 0.0)} left" if known else clock(progress.took)))
    for most in (3, 2, 1, 0):
        texts = [
            between.join(text for rank, text in pieces if text and rank <= most)
            for between, pieces in ((", ", before), (_GAP, behind))
        ]
        room = width - sum(len(text) + len(_GAP) for text in texts if text)
        if room >= _SHORTEST_BAR:
            return BarLine(texts[0], min(_BAR, room), done, texts[1])
    return BarLine(fitted([(1, texts[0]), (0, texts[1])], width), 0, done, "")


def figures_line(plan: Plan, progress: Progress, width: int, between: str = ", ") -> str:
    """Return the figures of the last second, and the number of clients."""
    p50, p99 = _percentiles(progress)
    done = f"{progress.ended:,} done" if progress.ended else ""
    return fitted(
        [
            (0, _rate(plan, progress)),
            (3, f"p50 {p50}"),
            (1, f"p99 {p99}"),
            (2, f"{progress.connected:,} of {clients_asked(plan, progress):,} connected"),
            (5, done),
            (4, f"{progress.answered:,} answered"),
        ],
        width,
        between,
    )


def failures_line(progress: Progress, width: int | None = None) -> str:
    """Return how many clients failed, by cause, the most frequent first."""
    causes = sorted(progress.failures.items(), key=lambda item: (-item[1], item[0]))
    named = [f"{clients:,} {cause}" for cause, clients in causes]
    failed = f"{sum(progress.failures.values()):,} failed"
    for most in range(min(_CAUSES, len(named)), 0, -1):
        more = ", ..." if len(named) > most else ""
        line = f"{failed}: {', '.join(named[:most])}{more}"
        if width is None or len(line) <= width:
            return line
    return failed[:width]


def lines(plan: Plan, progress: Progress, engine: str = "") -> list[str]:
    """Return the progress of a run in short pieces, which form a plain line together."""
    return list(_pieces(plan, progress, engine))


def _pieces(plan: Plan, progress: Progress, engine: str) -> Iterator[str]:
    left = time_left(plan, progress)
    if engine:
        yield _engine(engine)
    yield f"{progress.took:.0f} s" + (f", {left:.0f} s left" if left is not None else "")
    if now := doing(plan, progress):
        stage = _stage(plan, progress)
        yield f"{now}, {stage}" if stage else now
    yield (
        f"{progress.connected:,} connected, {progress.ended:,} of "
        f"{count(plan.clients, 'client')} done"
    )
    answered = f"{count(progress.answered, 'message')} answered"
    if progress.second is None:
        yield answered
    else:
        yield f"{answered}, {_rate(plan, progress, ' now')}"
        yield "p50 {}, p99 {} now".format(*_percentiles(progress))
    if progress.failures:
        yield failures_line(progress)


def clock(seconds: float) -> str:
    """Return a duration as a clock shows it: ``45 s``, ``1:23``, ``2:03:04``."""
    if seconds >= _LONGEST_CLOCK:
        return f"{seconds / 3600:,.0f} h"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes = f"{whole // 60 % 60}:{whole % 60:02}"
    return minutes if whole < 3600 else f"{whole // 3600}:{minutes.zfill(5)}"


def _engine(name: str) -> str:
    return f"{name} engine" if name else ""


def _stage(plan: Plan, progress: Progress) -> str:
    """Return the current stage, as the user wrote it."""
    number = stage_now(plan, progress)
    return "" if number is None or plan.stages is None else str(plan.stages.stages[number - 1])


def _rate(plan: Plan, progress: Progress, now: str = "") -> str:
    second, asked = progress.second, rate_asked(plan, progress)
    rate = f"{second.answered / INTERVAL_LENGTH:,.0f}/s" if second else "-/s"
    return f"{rate}{now}" + (f" of {_whole(asked)}/s asked" if asked is not None else "")


def _whole(rate: float) -> str:
    """Return a rate, with decimals only if it is low."""
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.3g}"


def _percentiles(progress: Progress) -> tuple[str, str]:
    """Return p50 and p99 of the last second; ``-`` if nothing was answered in it."""
    second = progress.second
    if second is None or not second.latencies:
        return "-", "-"
    return written(second.percentile(50.0)), written(second.percentile(99.0))
