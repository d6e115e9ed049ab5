"""The live display of a search: the finished steps, and the current one.

On a terminal it is one block, renewed a few times a second and removed at the end. Other streams
get a plain line at the beginning and one for each finished step.
"""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Self, TextIO

from rich.live import Live
from rich.text import Text

from twistecho.base.notation import escaped, written
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.highest_rate import rates_left
from twistecho.fleet.reports.histograms import INTERVAL_LENGTH
from twistecho.fleet.reports.progress import Progress, Watch
from twistecho.fleet.reports.rate_step import RateStep

from .highest_rate import per_second, step_line
from .printer import PlainConsole
from .words import span

_RENEWED_EVERY = 0.25
_BAR = 16  # characters
_FULL, _EMPTY = ("━", "#"), ("─", "-")
_AROUND = 5  # lines of a terminal that are not used for steps


class SearchDisplay:
    """Shows the progress of a search during a ``with`` block.

    ``stream`` is usually standard error. ``heading`` describes the search, which ends when two
    rates differ by at most ``precision``. If ``quiet``, nothing is shown.
    """

    def __init__(
        self, stream: TextIO, heading: str, precision: float, *, quiet: bool = False
    ) -> None:
        self._heading, self._precision, self._quiet = escaped(heading), precision, quiet
        self._console = PlainConsole(file=stream, highlight=False, soft_wrap=True)
        self._encoding = self._console.encoding
        self._lock = threading.Lock()
        self._steps: list[RateStep] = []
        self._running: tuple[Plan, Watch] | None = None
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Start the display."""
        console = self._console
        if self._quiet:
            return self
        if console.is_terminal and not console.is_dumb_terminal:
            self._thread = threading.Thread(target=self._show, daemon=True)
            self._thread.start()
        else:
            self._print(self._heading)
        return self

    def __exit__(self, *_error: object) -> None:
        """Remove the block."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def meanwhile(self, plan: Plan) -> "_Step":
        """Return the display of one run of this plan; it is called with the run's watch."""
        return _Step(self, plan)

    @contextmanager
    def showing(self, plan: Plan, watch: Watch) -> Iterator[None]:
        """Show the progress of a run."""
        with self._lock:
            self._running = (plan, watch)
        try:
            yield
        finally:
            with self._lock:
                self._running = None

    def finished(self, step: RateStep) -> None:
        """Show the results of a finished step from now on."""
        with self._lock:
            self._steps.append(step)
        if not self._quiet and self._thread is None:
            self._print(step_line(step, self._encoding)[0])

    def _print(self, line: str) -> None:
        with suppress(OSError, ValueError):  # a closed stream must not end the search
            self._console.print(Text(line))

    def _show(self) -> None:
        """Renew the block on a terminal until the search ends, or the stream cannot be written."""
        with (
            suppress(OSError, ValueError),
            Live(
                console=self._console,
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,  # output for a file must not go to the terminal
                redirect_stderr=False,
            ) as live,
        ):
            while True:
                live.update(self._block(), refresh=True)
                if self._over.wait(_RENEWED_EVERY):
                    return

    def _block(self) -> Text:
        """Return the current lines, no more than fit."""
        with self._lock:
            steps, running = list(self._steps), self._running
        room = max(1, self._console.height - _AROUND)
        lines = [(self._heading, "bold")]
        lines += [step_line(step, self._encoding) for step in steps[-room:]]
        if running is not None:
            plan, watch = running
            lines.append((running_line(plan, watch(), self._encoding), ""))
            lines.append((self._rest(plan, steps), "dim"))
        shown = Text("\n", no_wrap=True, overflow="ellipsis").join(
            Text(line, style=style) for line, style in lines
        )
        shown.no_wrap, shown.overflow = True, "ellipsis"
        return shown

    def _rest(self, plan: Plan, steps: list[RateStep]) -> str:
        """Return the step's number, the time to go, and how to end the search."""
        left = rates_left(steps, self._precision)
        each = plan.warmup + (plan.duration or 0.0)
        ahead = "" if left is None else f", about {span(round(max(1, left) * each))} to go"
        return f"  step {len(steps) + 1}{ahead}; Ctrl-C ends the search and shows its results"


class _Step:
    """Shows one run of a search; see `runs.run.Shown`."""

    def __init__(self, display: SearchDisplay, plan: Plan) -> None:
        self._display, self._plan = display, plan

    def __call__(self, watch: Watch) -> AbstractContextManager[None]:
        """Show the run during a block."""
        return self._display.showing(self._plan, watch)


def running_line(plan: Plan, progress: Progress, encoding: str) -> str:
    """Return the progress of a step in one line, with a bar."""
    begins = max(plan.warmup, progress.measured_from)
    whole = begins + (plan.duration or 0.0)
    done = min(1.0, progress.took / whole) if whole else 1.0
    left = max(0.0, whole - progress.took)
    words = [f"{left:.0f} s left" if left else "awaiting replies"]
    if progress.took < begins:
        words.append("warming up")
    second = progress.second
    if second is not None and second.latencies:
        words.append(f"{per_second(second.answered / INTERVAL_LENGTH)} now")
        words.append(f"p99 {written(second.percentile(99.0))}")
    return f"  {per_second(plan.rate or 0.0):>11}   {_bar(done, encoding)}   {', '.join(words)}"


def _bar(done: float, encoding: str) -> str:
    full = round(_BAR * done)
    try:
        (_FULL[0] + _EMPTY[0]).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return _FULL[1] * full + _EMPTY[1] * (_BAR - full)
    return _FULL[0] * full + _EMPTY[0] * (_BAR - full)
