"""What people see of a fleet while it runs: a few lines that are renewed, or a line now and then.

On a terminal the lines are renewed twice a second and go away when the run ends; anything else gets
a plain line every few seconds. Runs of less than two seconds show nothing. All of it is done in a
thread of its own, which reads what the engine records anyway: the engine is not asked to wait.
"""

import threading
from bisect import bisect_right
from collections.abc import Callable
from contextlib import suppress
from typing import Self, TextIO

from rich.live import Live
from rich.text import Text

from twistecho.base.notation import written
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.histograms import INTERVAL_LENGTH
from twistecho.fleet.reports.progress import Progress

from .printer import PlainConsole
from .words import count

_SHOWN_AFTER = 2.0
_RENEWED_EVERY = 0.5
_PLAIN_EVERY = 5.0
_CAUSES = 4  # that a line has room for

WhereIsIt = Callable[[], Progress]
"""Gives how far a run is; called from the display's thread."""


class Display:
    """Shows how far a run is while the block of its ``with`` statement runs.

    ``stream`` is where it is shown, as a rule standard error. Where it is ``quiet`` nothing is.
    """

    def __init__(
        self, stream: TextIO, plan: Plan, progress: WhereIsIt, *, quiet: bool = False
    ) -> None:
        self._stream = stream
        self._plan = plan
        self._progress = progress
        self._over = threading.Event()
        self._console = PlainConsole(file=stream, highlight=False)
        self._thread = None if quiet else threading.Thread(target=self._show, daemon=True)

    def __enter__(self) -> Self:
        """Begin to show."""
        if self._thread is not None:
            self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        """Take the lines away."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _show(self) -> None:
        """Show until the run is over, or as long as anybody sees it."""
        # A reader that has gone is no reason to end the run.
        with suppress(OSError, ValueError):
            if self._console.is_terminal:
                self._show_lines()
            else:
                self._show_plain()

    def _show_lines(self) -> None:
        """Renew the lines on a terminal until the run is over."""
        if self._over.wait(_SHOWN_AFTER):
            return
        with Live(
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,  # what goes to a file must not come to the terminal
            redirect_stderr=False,
        ) as live:
            while True:
                text = Text("\n".join(lines(self._plan, self._progress())), overflow="ellipsis")
                live.update(text, refresh=True)
                if self._over.wait(_RENEWED_EVERY):
                    return

    def _show_plain(self) -> None:
        """Write a line every few seconds until the run is over."""
        wait = _SHOWN_AFTER
        while not self._over.wait(wait):
            progress = self._progress()
            self._stream.write("; ".join(lines(self._plan, progress)) + "\n")
            self._stream.flush()
            wait = _PLAIN_EVERY - progress.took % _PLAIN_EVERY
            wait += 0.0 if wait >= _SHOWN_AFTER else _PLAIN_EVERY


def lines(plan: Plan, progress: Progress) -> list[str]:
    """Say how far a run is, in a few short lines."""
    left = time_left(plan, progress)
    said = [f"{progress.took:.0f} s" + (f", {left:.0f} s left" if left is not None else "")]
    said += _stage_now(plan, left)
    said.append(
        f"{progress.connected:,} connected, {progress.ended:,} of "
        f"{count(plan.clients, 'client')} done"
    )
    second = progress.second
    now = f", {second.answered / INTERVAL_LENGTH:,.0f}/s now" if second else ""
    said.append(f"{count(progress.answered, 'message')} answered{now}")
    if second and second.latencies:
        p50, p99 = second.percentile(50.0), second.percentile(99.0)
        said.append(f"p50 {written(p50)}, p99 {written(p99)} now")
    if progress.failures:
        said.append(_failures(progress))
    return said


def _stage_now(plan: Plan, left: float | None) -> list[str]:
    """Say which stage of the load runs, where it has stages and one of them has begun."""
    if plan.stages is None or left is None or left > plan.stages.seconds:
        return []
    number = min(bisect_right(plan.stages.begins, plan.stages.seconds - left), len(plan.stages))
    return [f"stage {number} of {len(plan.stages)}, {plan.stages.stages[number - 1]}"]


def _failures(progress: Progress) -> str:
    """Say how many clients failed, and of what, the most frequent cause first."""
    causes = sorted(progress.failures.items(), key=lambda item: (-item[1], item[0]))
    listed = ", ".join(f"{clients:,} {cause}" for cause, clients in causes[:_CAUSES])
    more = ", ..." if len(causes) > _CAUSES else ""
    return f"{sum(progress.failures.values()):,} failed: {listed}{more}"


def time_left(plan: Plan, progress: Progress) -> float | None:
    """Estimate the seconds until no more messages are begun; None where nothing is known yet."""
    if plan.sends_for is not None:
        warm = max(plan.warmup, progress.measured_from)
        if plan.barrier and warm == plan.warmup:
            warm += progress.took  # they are still waiting there
        return max(0.0, warm + plan.sends_for - progress.took)
    each = plan.messages_per_client or 0
    if plan.rate is not None:
        return max(0.0, plan.clients * each / plan.rate - progress.took)
    still = (plan.clients - sum(progress.failures.values())) * each - progress.answered
    return max(0.0, still * progress.took / progress.answered) if progress.answered else None
