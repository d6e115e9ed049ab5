"""Processes: how they end, and the cores and the open files that one may have.

``python -m twistecho.base.processes PARENT THREAD MODULE ARGUMENTS...`` runs a module as
``python -m`` would, in a process that ends once PARENT, the number of the process that started it,
is gone, whatever else that has forked. Where its main thread did (THREAD is the thread's number)
the kernel kills it (Linux's ``PR_SET_PDEATHSIG``, see prctl(2)), so no signal handler, thread or
event loop of the module is in the way. That follows the thread, not the whole parent: for any
other one, and on other systems, a thread here waits for the parent's end.
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
"""Seconds between two looks for the parent, where the system does not tell of its end."""

INTERRUPTED = 130
"""The exit code after Ctrl-C or SIGTERM."""


def end_with(parent: int, thread: int) -> None:
    """Have this process end when its parent does, the process of that number.

    ``thread`` is the number of the thread that started this process; see above.
    """
    if sys.platform == "linux" and thread == parent:
        import ctypes  # noqa: PLC0415 - most processes never need it

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    else:
        threading.Thread(target=_end_after, args=(parent,), daemon=True).start()
    if os.getppid() != parent:  # it went before anybody was told to watch
        os._exit(1)


def _end_after(parent: int) -> None:
    """Wait until the parent has gone, then end this process."""
    with suppress(OSError, AttributeError):  # not every system has it, or lets it be used
        watched = select.poll()
        watched.register(os.pidfd_open(parent), select.POLLIN)
        watched.poll()
    while os.getppid() == parent:
        time.sleep(_ASK_EVERY)
    os._exit(1)


def command(module: str, *arguments: str) -> list[str]:
    """Give the command line that runs a module in a process that ends with this one.

    It is for the thread that calls this. No module is taken from the current directory (``-P``):
    others may write there (CWE-427).
    """
    parent = [str(os.getpid()), str(threading.get_native_id())]
    return [sys.executable, "-P", "-m", __spec__.name, *parent, module, *arguments]


@contextmanager
def ended_at_once() -> Iterator[None]:
    """Have Ctrl-C end the process at once, with one line, while the block runs.

    Libraries may swallow an exception while modules are imported, and nothing is cleaned up then.
    Somebody's own handler of SIGINT stays, and so it does in other threads.
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
    """Raise the soft limit of open files to the hard one; give the limit that is in force."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (ValueError, OSError):
            return soft  # some systems bound it below the hard limit they tell
    return hard


def room_for_connections(open_files: int) -> int:
    """Say how many connections fit under a limit of open files, leaving some for the rest."""
    if open_files == resource.RLIM_INFINITY:
        return 2**31
    return max(1, open_files - max(16, min(128, open_files // 8)))


def ending(code: int) -> str:
    """Say how a process ended, by the code that its parent is told: below 0 it is a signal's."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:  # a real-time signal between the first and the last has no name
        return f"killed by signal {-code}"


def cores() -> int:
    """Count the cores that this process may run on, or all of them where the system cannot tell."""
    may_run_on = getattr(os, "sched_getaffinity", None)  # not on every system
    return len(may_run_on(0)) if may_run_on else os.cpu_count() or 1


def main(arguments: Sequence[str]) -> None:
    """Run the module named third with the arguments after it; before it are parent and thread."""
    parent, thread, module, *rest = arguments
    end_with(int(parent), int(thread))
    sys.argv = [module, *rest]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
