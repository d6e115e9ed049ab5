"""Printing on one stream: lines, tables and replies, from any thread."""

import errno
import os
import threading
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from twistecho.base.notation import escaped


class PlainConsole(Console):
    """A console that does not end the process when the reader of its stream has gone."""

    def on_broken_pipe(self) -> None:
        """Raise BrokenPipeError; rich would end the process."""
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


class Printer:
    """Prints whole lines on one stream, from any thread. All methods raise OSError."""

    def __init__(self, stream: TextIO) -> None:
        self._lock = threading.Lock()
        self._error: OSError | None = None
        self.console = PlainConsole(file=stream, highlight=False, soft_wrap=not stream.isatty())

    def line(self, text: str, style: str | None = None) -> None:
        """Print a line of plain text, escaped."""
        self._print(Text(escaped(text), style=style or ""))

    def text(self, text: Text) -> None:
        """Print a styled line, which is never wrapped."""
        self._print(text, no_wrap=True, overflow="ignore", crop=False)

    def table(self, table: Table) -> None:
        """Print a table."""
        self._print(table)

    def reply(self, client: int, reply: bytes) -> None:
        """Print a reply that a client received; its bytes are escaped as Python's repr does."""
        self.line(f"Client {client} received: {reply!r}")

    def check(self) -> None:
        """Raise the first OSError of printing again, if there was one."""
        if self._error is not None:
            raise self._error

    def _print(self, shown: Text | Table, **how: Any) -> None:
        with self._lock:
            try:
                self.console.print(shown, **how)
            except OSError as error:
                self._error = self._error or error
                raise
