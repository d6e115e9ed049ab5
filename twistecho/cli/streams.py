"""The process's own streams: closed, full, or of a terminal that knows only ASCII."""

import codecs
import errno
import io
import os
import sys
from contextlib import suppress
from typing import Any, TextIO

_ERRORS = "twistecho-plain"
_ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"


def prepare_streams() -> None:
    """Have all three descriptors open, and no character that a stream cannot write be an error.

    Python has no stream where a descriptor is closed, and the next socket would get its number.
    Writing to the one that is opened in its place is an OSError, as it is anywhere else.
    """
    codecs.register_error(_ERRORS, _plain)
    for number in range(3):
        _open(number)
    if sys.stdout is None or sys.stdout is sys.__stdout__:  # not one that somebody put there
        sys.stdout = _output()
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=_ERRORS)


def _open(number: int) -> None:
    try:
        os.fstat(number)
    except OSError:
        # It gets the lowest number that is free; children are to have it too.
        os.set_inheritable(os.open(os.devnull, os.O_RDONLY), True)


def _plain(error: UnicodeError) -> tuple[str | bytes, int]:
    """Write what a stream has no character for as Python would; rich's ellipsis keeps its width."""
    if isinstance(error, UnicodeEncodeError) and error.object[error.start] == _ELLIPSIS:
        return ".", error.start + 1
    return codecs.backslashreplace_errors(error)


class OutputError(OSError):
    """Standard output cannot be written."""

    def __str__(self) -> str:
        """Say so in one line; in none where its reader has gone, who knows why."""
        return "" if self.errno == errno.EPIPE else f"standard output: {self.strerror}"


class _Descriptor(io.FileIO):
    """A descriptor whose faults can be told from those of sockets and files."""

    def write(self, data: Any) -> int:
        """Write. Raises OutputError."""
        try:
            return super().write(data)
        except OSError as error:
            raise OutputError(error.errno, error.strerror) from None


def _output() -> TextIO:
    """Give standard output anew, as Python would, but that its faults are OutputErrors."""
    now = sys.stdout
    return io.TextIOWrapper(
        io.BufferedWriter(_Descriptor(1, "w", closefd=False)),
        encoding="utf-8" if now is None else now.encoding,
        line_buffering=now is not None and now.isatty(),
    )


def flush() -> None:
    """Write what is left: Python would complain of it at its end. Raises OutputError.

    Where the reader has gone, click has the text stream's own flush pass over that.
    """
    sys.stdout.flush()
    getattr(sys.stdout, "buffer", sys.stdout).flush()


def silence() -> None:
    """Write nothing any more to standard output: Python would complain of it again at its end."""
    with suppress(OSError, ValueError):
        number = os.open(os.devnull, os.O_WRONLY)
        os.dup2(number, sys.stdout.fileno())
        os.close(number)
