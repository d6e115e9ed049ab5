"""The process's standard streams, which may be closed, full, or limited to ASCII."""

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
    """Open missing descriptors, and escape characters that a stream cannot encode.

    Python has no stream for a closed descriptor, and the next socket would get its number. Writing
    to the descriptor opened in its place raises OSError, as for other unwritable streams.
    """
    codecs.register_error(_ERRORS, _plain)
    for number in range(3):
        _open(number)
    if sys.stdout is None or sys.stdout is sys.__stdout__:  # not one that was replaced
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
        # It gets the lowest free number. Children inherit it.
        os.set_inheritable(os.open(os.devnull, os.O_RDONLY), True)


def _plain(error: UnicodeError) -> tuple[str | bytes, int]:
    """Escape an unencodable character as Python would; rich's ellipsis becomes one full stop."""
    if isinstance(error, UnicodeEncodeError) and error.object[error.start] == _ELLIPSIS:
        return ".", error.start + 1
    return codecs.backslashreplace_errors(error)


class OutputError(OSError):
    """Standard output cannot be written."""

    def __str__(self) -> str:
        """Return the error in one line; empty for a closed pipe, whose reader needs no message."""
        return "" if self.errno == errno.EPIPE else f"standard output: {self.strerror}"


class _Descriptor(io.FileIO):
    """A descriptor whose errors can be told from those of sockets and files."""

    def write(self, data: Any) -> int:
        """Write. Raises OutputError."""
        try:
            return super().write(data)
        except OSError as error:
            raise OutputError(error.errno, error.strerror) from None


def _output() -> TextIO:
    """Return a new standard output like Python's, whose errors are OutputErrors."""
    now = sys.stdout
    return io.TextIOWrapper(
        io.BufferedWriter(_Descriptor(1, "w", closefd=False)),
        encoding="utf-8" if now is None else now.encoding,
        line_buffering=now is not None and now.isatty(),
    )


def flush() -> None:
    """Write buffered output, or Python would report the error at exit. Raises OSError.

    If the pipe's reader has gone, click ignores the error when the text stream is flushed.
    """
    sys.stdout.flush()
    getattr(sys.stdout, "buffer", sys.stdout).flush()


def silence() -> None:
    """Discard all further standard output: Python would report the error again at exit."""
    with suppress(OSError, ValueError):
        number = os.open(os.devnull, os.O_WRONLY)
        os.dup2(number, sys.stdout.fileno())
        os.close(number)
