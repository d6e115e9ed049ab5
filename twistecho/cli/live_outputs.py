"""Outputs for other programs during a run: one line of JSON per second, and metrics.

A write that fails, because a pipe is closed or a disk is full, does not end the run. It is reported
at the end, as for every other file.
"""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from io import FileIO, RawIOBase, UnsupportedOperation
from typing import BinaryIO, NamedTuple, Self

import click

from twistecho.base.listening import remedy
from twistecho.fleet.output.each_second import EachSecond, Hearer
from twistecho.fleet.output.json_lines import to_json_line
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.progress import Watch
from twistecho.fleet.runs.run import Shown

from .output_files import OutputFile

_LACKING = "this needs prometheus-client: pip install 'twistecho[metrics]'"
_PLACE = re.compile(
    r"(?:(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<host>[^:\[\]\s]+)):)?(?P<port>\d{1,5})"
)
_LAST_PORT = 65_535


class Place(NamedTuple):
    """Host and port to serve on."""

    host: str
    port: int


def parse_place(text: str) -> Place:
    """Parse ``port`` (of 127.0.0.1), ``host:port`` or ``[ipv6]:port``. Raises ValueError."""
    match = _PLACE.fullmatch(text)
    if match is None or not text.isascii() or int(match["port"]) > _LAST_PORT:
        raise ValueError(f"{text[:60]!r} is neither a port nor host:port")
    return Place(match["ipv6"] or match["host"] or "127.0.0.1", int(match["port"]))


def metrics_place(text: str) -> Place:
    """Parse a place. Raises ValueError also if ``prometheus-client`` is not installed."""
    place = parse_place(text)
    if find_spec("prometheus_client") is None:
        raise ValueError(_LACKING)
    return place


class LineFile:
    """A file to which lines are written as they are made, as a context manager.

    Opening it empties the file. The first OSError ends the writing and is kept in ``error``. Writes
    are unbuffered: a slow reader can delay a write, but not the end of the command.
    """

    def __init__(self, file: OutputFile) -> None:
        self._file = file
        self._out: RawIOBase | BinaryIO | None = None
        self.error: OSError | None = None

    def __enter__(self) -> Self:
        """Open it. Raises OSError."""
        self._out = _standard_output() if self._file.is_stdout else FileIO(self._file.path, "w")
        return self

    def __exit__(self, *_error: object) -> None:
        """Close the file, unless it is a stream that this class did not open."""
        out, self._out = self._out, None
        if isinstance(out, FileIO):
            try:
                out.close()
            except OSError as error:
                self.error = self.error or error

    def write(self, line: str) -> None:
        """Write a line, unbuffered."""
        out, data = self._out, line.encode() + b"\n"
        if out is None or self.error is not None:
            return
        try:
            while data:
                data = data[out.write(data) or 0 :]
        except OSError as error:
            self.error = error
        except ValueError:
            return  # closed meanwhile: the run ended with an exception


def _standard_output() -> RawIOBase | BinaryIO:
    """Open a duplicate of standard output's descriptor, if it has one. Raises OSError."""
    try:
        descriptor = sys.stdout.fileno()
    except UnsupportedOperation:
        return sys.stdout.buffer
    return FileIO(os.dup(descriptor), "w")


class LiveOutputs:
    """The outputs that the options request during a run, as a context manager.

    Entering it opens the file and binds the port, or fails with a one-line error.
    """

    def __init__(self, plan: Plan, lines: OutputFile | None, metrics: Place | None) -> None:
        self._plan = plan
        self._lines = lines
        self._place = metrics
        self._hearers: list[Hearer] = []
        self._held = ExitStack()
        self._line_file: LineFile | None = None
        self.url: str | None = None
        """The address of the metrics page; None if there is none."""

    def __enter__(self) -> Self:
        """Start serving, and open the file."""
        with ExitStack() as held:
            self._serve(held)  # first, since opening a FIFO waits for its reader
            self._open_file(held)
            self._held = held.pop_all()
        return self

    def __exit__(self, *_error: object) -> None:
        """Close the file and stop serving."""
        self._held.close()

    def _open_file(self, held: ExitStack) -> None:
        if self._lines is None:
            return
        try:
            self._line_file = file = held.enter_context(LineFile(self._lines))
        except OSError as error:
            raise click.ClickException(self._said(error)) from None
        self._hearers.append(
            lambda second, progress: file.write(to_json_line(second, progress, self._plan))
        )

    def _serve(self, held: ExitStack) -> None:
        if self._place is None:
            return
        from twistecho.fleet.output.metrics import (  # noqa: PLC0415 - an extra's
            FleetCollector,
            MetricsServer,
        )

        collector = FleetCollector(self._plan)
        try:
            server = held.enter_context(MetricsServer(*self._place, collector))
        except OSError as error:
            host, port = self._place
            why = f"{error.strerror or error}{remedy(error.errno, port)}"
            raise click.ClickException(f"--metrics: {host}, port {port}: {why}") from None
        self.url = server.url
        self._hearers.append(collector)

    @property
    def wanted(self) -> bool:
        """Whether an output needs the figures of each second."""
        return bool(self._hearers)

    def beside(self, display: Shown) -> Shown:
        """Return a display that shows a run as ``display`` does, and also feeds these outputs."""
        if not self._hearers:
            return display

        @contextmanager
        def shown(watch: Watch) -> Iterator[None]:
            with display(watch), EachSecond(watch, self._hearers):
                yield

        return shown

    @property
    def problem(self) -> str | None:
        """The error of writing the file, in one line; None if there was none."""
        error = self._line_file and self._line_file.error
        return self._said(error) if error else None

    def _said(self, error: OSError) -> str:
        name = self._lines.name if self._lines else ""
        return f"--json-lines {name}: {error.strerror or error}"
