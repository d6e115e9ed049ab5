"""Where ``twist echo`` listens, in words for people: on a terminal, and where the log is JSON.

Twist logs text to a terminal and JSON elsewhere. Where it logs JSON, the line is also written to
standard error, so that a redirected service still says where it listens.
"""

from collections.abc import Mapping
from typing import Any, TextIO

HINT = " (Ctrl-C to stop)"

_HOW = "The log is JSON; `twist --log-format=text echo` logs words."


class FirstLine:
    """Writes lines to ``stream``, unless that is None or closed, and once how to have them all.

    ``hint`` is what the log's own line ends with: how to stop, where the log is on a terminal.
    """

    def __init__(self, stream: TextIO | None = None, *, hint: str = "") -> None:
        self._stream = stream
        self.hint = hint
        self._explained = False

    def write(self, line: str) -> None:
        """Write a line for people beside the log."""
        if self._stream is None:
            return
        lines = [line + HINT] if self._explained else [line + HINT, _HOW]
        self._explained = True
        try:
            self._stream.write("".join(f"{each}\n" for each in lines))
            self._stream.flush()
        except (OSError, ValueError):
            self._stream = None  # it is closed, and the log has the line too


def first_line_for(twist: Mapping[str, Any], stderr: TextIO) -> FirstLine:
    """Return what writes the first line, by the options that ``twist`` itself was given.

    Under ``twistd`` there are none; it detaches from its terminal, and its log is text.
    """
    log_file = twist.get("logFile")
    if twist.get("logFormat") == "json":
        return FirstLine(stderr)
    on_terminal = log_file is not None and log_file.isatty()
    return FirstLine(hint=HINT if on_terminal else "")
