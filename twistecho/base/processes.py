"""Processes: how they end with their parent, and how many cores and open files they may use.

``python -m twistecho.base.processes PARENT THREAD MODULE ARGUMENTS...`` runs a module as
``python -m`` would, in a process that ends when its parent has ended, whatever other processes the
parent has forked. PARENT is the parent's process id, THREAD the id of the thread that started this
process. If that was the parent's main thread, the kernel kills this process (Linux's
``PR_SET_PDEATHSIG``, see prctl(2)), so no signal handler, thread or event loop of the module can
prevent it. That signal follows the end of the thread, not of the whole parent: for any other
thread, and on other systems, a thread of this process waits for the parent's end.
"""

import os
import resource
import runpy
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

_PR_SET_PDEATHSIG = 1

_ASK_EVERY = 0.2
"""Seconds between two checks for the parent, where the system does not report its end."""

INTERRUPTED = 130
"""The exit code after Ctrl-C or SIGTERM."""


def end_with(parent: int, thread: int) -> None:
    """End this process when its parent, the process with this id, ends.

    ``thread`` is the id of the thread that started this process; see the module's docstring.
    """
    if sys.platform == "linux" and thread == parent:
        import ctypes  # noqa: PLC0415 - most processes never need it

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    else:
        threading.Thread(target=_end_after, args=(parent,), daemon=True).start()
    if os.getppid() != parent:  # it ended before the watch began
        os._exit(1)


def _end_after(parent: int) -> None:
    """Wait until the parent has gone, then end this process."""
    with suppress(OSError, AttributeError):  # some systems lack it or forbid it
        watched = select.poll()
        watched.register(os.pidfd_open(parent), select.POLLIN)
        watched.poll()
    while os.getppid() == parent:
        time.sleep(_ASK_EVERY)
    os._exit(1)


def command(module: str, *arguments: str) -> list[str]:
    """Return the command line that runs a module in a process that ends with this one.

    The calling thread must start it. No module is taken from the current directory (``-P``):
    others may write there (CWE-427).
    """
    parent = [str(os.getpid()), str(threading.get_native_id())]
    return [sys.executable, "-P", "-m", __spec__.name, *parent, module, *arguments]


@contextmanager
def ended_at_once() -> Iterator[None]:
    """End the process at once on Ctrl-C, with one line, while the block runs.

    It is for imports: libraries may swallow an exception there, and nothing needs to be cleaned up.
    A SIGINT handler of the program's own stays; in threads other than the main one nothing changes.
    """
    mine = threading.current_thread() is threading.main_thread()
    if not mine or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(_signal: int, _frame: object) -> None:
    try:
        os.write(2, b"Error: interrupted\n")
    finally:
        os._exit(INTERRUPTED)


def raise_open_files() -> int:
    """Raise the soft limit of open files to the hard one; return the limit in force."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (ValueError, OSError):
            return soft  # some systems allow less than the hard limit they report
    return hard


def room_for_connections(open_files: int) -> int:
    """Return how many connections fit a limit of open files, with some files left over."""
    if open_files == resource.RLIM_INFINITY:
        return 2**31
    return max(1, open_files - max(16, min(128, open_files // 8)))


def ending(code: int) -> str:
    """Describe how a process ended, by its exit code: one below 0 stands for a signal."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:  # a real-time signal between the first and the last has no name
        return f"killed by signal {-code}"


def cores() -> int:
    """Count the cores that this process may run on, or all if the system does not report that."""
    may_run_on = getattr(os, "sched_getaffinity", None)  # not on every system
    return len(may_run_on(0)) if may_run_on else os.cpu_count() or 1


def main(arguments: Sequence[str]) -> None:
    """Run a module; the arguments are parent, thread, module and the module's own."""
    parent, thread, module, *rest = arguments
    end_with(int(parent), int(thread))
    sys.argv = [module, *rest]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
