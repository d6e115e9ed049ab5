"""Displays during a long task: lines that are renewed, or a line at intervals.

On a terminal the lines are renewed twice a second and removed at the end. Other streams, and a
terminal that cannot move its cursor, get plain lines. A task that ends soon shows nothing. All
displays run in their own threads and read existing figures, so nothing waits for them.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from typing import Self, TextIO

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from twistecho.base.notation import escaped
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.progress import Progress

from .live_text import bar_line, failures_line, figures_line, lines
from .printer import PlainConsole

_SHOWN_AFTER = 2.0
_RENEWED_EVERY = 0.5
_PLAIN_EVERY = 5.0
_WRITING_AFTER = 0.5

WhereIsIt = Callable[[], Progress]
"""Returns the progress of a run; called from the display's thread."""


class _Beside(ABC):
    """Shows something during a ``with`` block that takes longer than ``after`` seconds.

    ``stream`` is usually standard error. If ``quiet``, nothing is shown.
    """

    def __init__(self, stream: TextIO, *, after: float, quiet: bool) -> None:
        self._stream = stream
        self._after = after
        self._over = threading.Event()
        self._console = PlainConsole(file=stream, highlight=False)
        self._thread = None if quiet else threading.Thread(target=self._show, daemon=True)

    def __enter__(self) -> Self:
        """Start the display's thread."""
        if self._thread is not None:
            self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        """Remove the lines."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _show(self) -> None:
        """Show until the block ends, or the stream cannot be written."""
        # A display whose reader has gone must not end the task.
        with suppress(OSError, ValueError):
            if self._console.is_terminal and not self._console.is_dumb_terminal:
                self._show_lines()
            else:
                self._show_plain()

    def _show_lines(self) -> None:
        """Renew the lines on a terminal until the block ends."""
        if self._over.wait(self._after):
            return
        with Live(
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,  # output for a file must not go to the terminal
            redirect_stderr=False,
        ) as live:
            while True:
                live.update(self._drawn(), refresh=True)
                if self._over.wait(_RENEWED_EVERY):
                    return

    @abstractmethod
    def _drawn(self) -> RenderableType:
        """Draw the lines for a terminal."""

    @abstractmethod
    def _show_plain(self) -> None:
        """Write plain lines until the block ends."""


class Display(_Beside):
    """Shows the progress of a run during a ``with`` block.

    ``stream`` is usually standard error. If ``quiet``, nothing is shown. ``engine`` is named if
    there is more than one.
    """

    def __init__(
        self,
        stream: TextIO,
        plan: Plan,
        progress: WhereIsIt,
        *,
        quiet: bool = False,
        engine: str = "",
    ) -> None:
        super().__init__(stream, after=_SHOWN_AFTER, quiet=quiet)
        self._plan = plan
        self._progress = progress
        self._engine = engine

    def _drawn(self) -> RenderableType:
        """Draw the bar, and the lines below it."""
        # A terminal may move to the next line once its last column is written.
        width, progress = self._console.width - 1, self._progress()
        between = ", " if self._console.options.ascii_only else " · "
        figures = figures_line(self._plan, progress, width, between)
        said: list[RenderableType] = [self._bar(progress, width), _line(figures)]
        if progress.failures:
            said.append(_line(failures_line(progress, width), "red"))
        return Group(*said)

    def _bar(self, progress: Progress, width: int) -> RenderableType:
        found = bar_line(self._plan, progress, width, self._engine)
        if not found.bar:
            return _line(found.before)
        whole = None if found.done is None else 1.0
        bar = ProgressBar(whole, found.done or 0.0, width=found.bar, animation_time=progress.took)
        cells: list[RenderableType] = [_line(found.before)] if found.before else []
        cells += [bar, _line(found.behind)]
        grid = Table.grid(*[""] * len(cells), padding=(0, 2, 0, 0), pad_edge=False)
        grid.add_row(*cells)
        return grid

    def _show_plain(self) -> None:
        """Write a line every few seconds until the run is over."""
        wait = self._after
        while not self._over.wait(wait):
            progress = self._progress()
            self._stream.write("; ".join(lines(self._plan, progress, self._engine)) + "\n")
            self._stream.flush()
            wait = _PLAIN_EVERY - progress.took % _PLAIN_EVERY
            wait += 0.0 if wait >= _SHOWN_AFTER else _PLAIN_EVERY


class Writing(_Beside):
    """Shows on a stream which file is being written during a ``with`` block."""

    def __init__(self, stream: TextIO, name: str, *, quiet: bool = False) -> None:
        super().__init__(stream, after=_WRITING_AFTER, quiet=quiet)
        self._text = f"writing {escaped(name)}"

    def _drawn(self) -> RenderableType:
        """Draw the line, which is removed at the end."""
        return _line(self._text[: self._console.width - 1], "dim")

    def _show_plain(self) -> None:
        """Write the line once, and only if the write is slow, since the line stays."""
        if not self._over.wait(_SHOWN_AFTER):
            self._stream.write(self._text + "\n")
            self._stream.flush()


def _line(text: str, style: str = "") -> Text:
    return Text(text, style=style, no_wrap=True, overflow="crop")
