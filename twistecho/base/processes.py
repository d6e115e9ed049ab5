"""A process that ends when its parent does, even where the parent was killed.

``python -m twistecho.base.processes PARENT MODULE ARGUMENTS...`` runs a module as ``python -m``
would, in a process that the kernel kills once PARENT, the number of the process that started it,
is gone. The kernel does it (Linux's ``PR_SET_PDEATHSIG``, see prctl(2)), so no signal handler,
thread or event loop of the module is in the way. On other systems the module merely runs.
"""

import ctypes
import os
import runpy
import signal
import sys
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def end_with(parent: int) -> None:
    """Have this process killed when its parent, the process of that number, ends.

    The signal follows the thread that started this process, not the whole parent: start it from
    the parent's main thread.
    """
    if _LIBC is None:
        return
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it went before the kernel was told to watch
        os._exit(1)


def command(module: str, *arguments: str) -> list[str]:
    """Give the command line that runs a module in a process that ends with this one."""
    return [sys.executable, "-m", __spec__.name, str(os.getpid()), module, *arguments]


def main(arguments: Sequence[str]) -> None:
    """Run the module named second with the arguments after it; the first is the parent."""
    parent, module, *rest = arguments
    end_with(int(parent))
    sys.argv = [module, *rest]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
