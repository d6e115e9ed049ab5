"""Runs a command that is not ours, and ends it with whoever asked for it, whatever it started.

``python -m twistecho.compare.guard SECONDS WORD...`` starts the command in a session of its own,
and writes a line of JSON to standard output:

    {"pid": 4711}   or   {"problem": "Exec format error"}

It waits until its standard input ends, as it does too where the process that holds the other end
was killed. Then it sends SIGTERM to the command's process group and to whatever else the command
started, SIGKILL to those that are left after so many seconds, and says how the command ended:

    {"code": -15}

What the command says goes to standard error. The command is not waited for any earlier, though it
may have ended: until then nobody else gets its number, and no other process is signalled.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

_KILL_SECONDS = 2.0
_LOOK_EVERY = 0.02
_PR_SET_CHILD_SUBREAPER = 36


def main(stop_seconds: float, words: Sequence[str]) -> None:
    """Start the command, wait for the end of standard input, end the command."""
    _adopt_orphans()
    try:
        # A session of its own: its group is its own then, and so is every signal.
        process = subprocess.Popen(  # noqa: S603 - the user's own command, no shell
            words, stdin=subprocess.DEVNULL, stdout=sys.stderr, start_new_session=True
        )
    except OSError as error:
        _say("problem", error.strerror or str(error))
        return
    _say("pid", process.pid)
    sys.stdin.buffer.read()
    _say("code", end(process, stop_seconds))


def _adopt_orphans() -> None:
    """Have processes whose parents end become this one's children (Linux's prctl(2)).

    A server that makes a daemon of itself is found so. Other systems have no such thing.
    """
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415 - there is nothing to call elsewhere

        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _say(kind: str, value: object) -> None:
    with suppress(BrokenPipeError):  # whoever asked was killed
        os.write(sys.stdout.fileno(), json.dumps({kind: value}).encode() + b"\n")


def end(process: "subprocess.Popen[bytes]", stop_seconds: float) -> int | None:
    """End a command and all that it started; give its exit code, None where it cannot be killed.

    These have so many seconds to end after SIGTERM.
    """
    _signal(process.pid, signal.SIGTERM)
    _wait(stop_seconds)
    _signal(process.pid, signal.SIGKILL)
    _wait(_KILL_SECONDS)
    try:
        return process.wait(_KILL_SECONDS)
    except subprocess.TimeoutExpired:  # as one that waits for a disk that does not answer
        return None


def _wait(seconds: float) -> None:
    """Wait for the end of all descendants, for so long at most."""
    until = time.monotonic() + seconds
    while _descendants() and time.monotonic() < until:
        time.sleep(_LOOK_EVERY)


def _signal(group: int, number: signal.Signals) -> None:
    """Signal a process group, and descendants that have left it, once each."""
    with suppress(OSError):
        os.killpg(group, number)
    for pid in _descendants():
        with suppress(OSError):
            if os.getpgid(pid) != group:
                os.kill(pid, number)


def _descendants() -> list[int]:
    """List the processes below this one that have not ended; none where the system shows none."""
    import psutil  # noqa: PLC0415 - not before the server has started

    alive = []
    with suppress(psutil.Error, OSError):
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.Error, OSError):
                if process.status() != psutil.STATUS_ZOMBIE:
                    alive.append(process.pid)
    return alive


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2:])
