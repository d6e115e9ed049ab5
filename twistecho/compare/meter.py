"""The resources of a server: its process and all its children, sampled repeatedly."""

import threading
import time
from typing import Self

import psutil

from .comparison import ServerCost

_PERIOD = 0.02
# A look at many processes takes long: pause so that looks take at most a fifth of a core.
_REST = 4.0


class Meter:
    """Watches a process tree, in a thread, during a ``with`` block; then ``cost`` is known.

    Memory, processes and threads are the most that any look found; looks are about 20 ms apart, and
    a process that lives between two of them is not seen. CPU time is the system's figure at the
    end. Both need a look at the beginning and a later one. Without them the cost is unknown: the
    system shows no processes, as without ``/proc``, or they ended before a second look.
    """

    def __init__(self, pid: int) -> None:
        try:
            self._root: psutil.Process | None = psutil.Process(pid)
        except psutil.Error:  # ended already, or a system without /proc
            self._root = None
        self._memory_peak = self._processes = self._threads = 0
        self._cpu = 0.0
        self._looks = 0
        self.look()
        self._looked_before = self._looks
        self._cpu_before, self._memory_idle = self._cpu, self._memory_peak
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        """Start watching."""
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        """Look one last time."""
        self._done.set()
        self._thread.join()
        self.look()

    @property
    def cost(self) -> ServerCost | None:
        """The cost so far; None if it was not measured."""
        if not self._looked_before or self._looks == self._looked_before:
            return None
        return ServerCost(
            cpu=max(0.0, self._cpu - self._cpu_before),
            memory_idle=self._memory_idle,
            memory_peak=self._memory_peak,
            processes=self._processes,
            threads=self._threads,
        )

    def _watch(self) -> None:
        took = 0.0
        while not self._done.wait(max(_PERIOD, _REST * took)):
            began = time.monotonic()
            self.look()
            took = time.monotonic() - began

    def look(self) -> None:
        """Look once more, as before the process is killed: an ended process shows no figures."""
        if self._root is None:
            return
        try:
            tree = [self._root, *self._root.children(recursive=True)]
        except (psutil.Error, OSError):
            return  # killed or not visible: earlier figures stay
        looks = [look for process in tree if (look := _Look.at(process))]
        if not looks:
            return
        self._looks += any(look.alive for look in looks)
        # Ended children count in their parent's CPU time, so the sum falls only for a moment.
        self._cpu = max(self._cpu, sum(look.cpu for look in looks))
        self._memory_peak = max(self._memory_peak, sum(look.memory for look in looks))
        self._processes = max(self._processes, sum(look.alive for look in looks))
        self._threads = max(self._threads, sum(look.threads for look in looks))


class _Look:
    """The figures of one process at one moment."""

    def __init__(self, process: psutil.Process) -> None:
        with process.oneshot():
            times = process.cpu_times()
            self.cpu = times.user + times.system + times.children_user + times.children_system
            self.alive = process.status() != psutil.STATUS_ZOMBIE
            self.threads = process.num_threads() if self.alive else 0
            self.memory = _memory(process) if self.alive else 0

    @classmethod
    def at(cls, process: psutil.Process) -> "_Look | None":
        """Look at a process; return None if it has ended."""
        try:
            return cls(process)
        except (psutil.Error, OSError):
            return None


def _memory(process: psutil.Process) -> int:
    """Return the memory in bytes: its share of shared pages (Linux's PSS), or all it maps."""
    memory = process.memory_full_info()
    return int(getattr(memory, "pss", memory.rss))
