"""Runs a foreign command; when the calling process ends, ends it and every process it started.

``python -m twistecho.compare.guard SECONDS WORD...`` starts the command in its own session, and
writes a line of JSON to standard output:

    {"pid": 4711}   or   {"problem": "Exec format error"}

It waits until its standard input ends, which also happens if the process at the other end is
killed. Then it sends SIGTERM to the command's process group and to every other process that the
command started. After the given seconds it sends SIGKILL to those that are left. Then it writes the
command's exit code:

    {"code": -15}

The command's output goes to standard error. The command is not waited for (wait(2)) any earlier,
even if it has ended: until then its process number is not reused, and no other process is
signalled.
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
        # In a session of its own it has its own process group, which alone gets the signals.
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
    """Make this process the parent of processes whose parents end (Linux's prctl(2)).

    That finds a server that turns itself into a daemon. Other systems have no such call.
    """
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415 - used on Linux only

        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _say(kind: str, value: object) -> None:
    with suppress(BrokenPipeError):  # the calling process was killed
        os.write(sys.stdout.fileno(), json.dumps({kind: value}).encode() + b"\n")


def end(process: "subprocess.Popen[bytes]", stop_seconds: float) -> int | None:
    """End a command and all that it started; return its exit code, None if it cannot be killed.

    The processes have ``stop_seconds`` to end after SIGTERM.
    """
    _signal(process.pid, signal.SIGTERM)
    _wait(stop_seconds)
    _signal(process.pid, signal.SIGKILL)
    _wait(_KILL_SECONDS)
    try:
        return process.wait(_KILL_SECONDS)
    except subprocess.TimeoutExpired:  # for example, it waits for a disk that does not respond
        return None


def _wait(seconds: float) -> None:
    """Wait for the end of all descendants, at most this long."""
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
    """Return the running processes below this one; none if the system does not list them."""
    import psutil  # noqa: PLC0415 - only after the server has started

    alive = []
    with suppress(psutil.Error, OSError):
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.Error, OSError):
                if process.status() != psutil.STATUS_ZOMBIE:
                    alive.append(process.pid)
    return alive


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2:])
