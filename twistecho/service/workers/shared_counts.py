"""Counts shared by all processes of a service: how many uses each fault or answer has left.

Each count is a number in shared memory, decreased under a lock that the kernel releases when its
holder dies (POSIX record locks, fcntl(2)). Once it is 0, no lock is needed. The lock is held for a
few microseconds. If a process is stopped while it holds the lock, another waits for
`LONGEST_WAIT` once; until the process continues, the limited fault or answer does not apply.
"""

import fcntl
import mmap
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from twistecho.service.echo.allowances import Allowances, kept_of
from twistecho.service.scenario.decision import Limited
from twistecho.service.scenario.scenario import Scenario

SIZE = 8
"""The size of a number, in bytes."""

GROWTH = 512
"""How many numbers are added at a time."""

MOST = 2**62
"""The highest count."""

LONGEST_WAIT = 0.25
"""Seconds that a process waits for a lock: far longer than a running holder may be preempted."""

_ASK_EVERY = 0.0001


class SharedCounts:
    """Counts in a file, by slots from 0, behind ``before`` bytes of other data.

    Only one process adds counts, by `set`, and then sends their slots to the others.
    """

    def __init__(self, descriptor: int, before: int) -> None:
        self._descriptor = descriptor
        self._before = before
        self._stuck: set[int] = set()
        self._map()

    def _map(self) -> None:
        """Map the file in its current size."""
        shared = mmap.mmap(self._descriptor, 0)
        self._numbers = memoryview(shared).cast("q")[self._before // SIZE :]

    def set(self, slot: int, number: int) -> None:
        """Set a count that no other process uses yet. Raises OSError when out of memory."""
        if slot >= len(self._numbers):
            os.ftruncate(self._descriptor, self._before + SIZE * (slot + GROWTH))
            self._map()
        self._numbers[slot] = min(number, MOST)

    def take(self, slot: int) -> bool:
        """Decrease a count; return whether one was left. Safe against other processes."""
        if slot >= len(self._numbers):
            self._map()
        if self._numbers[slot] <= 0:
            return False
        with self._locked(slot) as ours:
            left = self._numbers[slot]
            if ours and left > 0:
                self._numbers[slot] = left - 1
            return ours and left > 0

    @contextmanager
    def _locked(self, slot: int) -> Iterator[bool]:
        """Hold the lock of a count during a block; yield whether it was taken."""
        start = self._before + SIZE * slot
        ours = self._lock(start)
        if not ours:
            self._stuck.add(start)
        try:
            yield ours
        finally:
            if ours:
                self._stuck.discard(start)
                fcntl.lockf(self._descriptor, fcntl.LOCK_UN, SIZE, start)

    def _lock(self, start: int) -> bool:
        ends = time.monotonic() + (0 if start in self._stuck else LONGEST_WAIT)
        while True:
            try:
                fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, SIZE, start)
            except (BlockingIOError, PermissionError):  # lockf(3) allows both errors
                if time.monotonic() >= ends:
                    return False
                time.sleep(_ASK_EVERY)
            else:
                return True


class SharedAllowances(Allowances):
    """Counts the uses of faults and answers with a limit, together with other processes.

    ``slots`` are the slots of their counts, in the order of the scenario's `limited`.
    """

    def __init__(self, counts: SharedCounts, scenario: Scenario, slots: Sequence[int]) -> None:
        self._counts = counts
        self.slots = slots
        super().__init__(scenario)

    def begin(self, scenario: Scenario) -> None:
        """Count for a scenario, in the ``slots``."""
        self.steer(scenario)

    def steer(self, scenario: Scenario) -> None:
        """Count for a scenario, in the ``slots``; those that stay keep their counts."""
        self._limited = scenario.limited  # kept, so that their identities stay unique
        self._slots = {id(one): slot for one, slot in zip(self._limited, self.slots, strict=True)}

    def take(self, limited: Limited) -> bool:
        """Count one use; return whether the limit allows it."""
        slot = self._slots.get(id(limited))
        return slot is not None and self._counts.take(slot)


class Slots:
    """Assigns slots to faults and answers, for all processes; see `Allowances` for kept counts.

    A slot that is no longer used is assigned again only after `free`: until then, some process may
    still take from it.
    """

    def __init__(self, counts: SharedCounts, scenario: Scenario) -> None:
        self._counts = counts
        self._of: list[tuple[Limited, int]] = []
        self._free: list[int] = []
        self._used = 0
        self.begin(scenario)

    @property
    def all(self) -> tuple[int, ...]:
        """The slots, in the order of the scenario's `limited`."""
        return tuple(slot for _, slot in self._of)

    def begin(self, scenario: Scenario) -> list[int]:
        """Assign new slots for a scenario; return the slots no longer used."""
        return self._follow(scenario, [None] * len(scenario.limited))

    def steer(self, scenario: Scenario) -> list[int]:
        """Assign slots for another scenario; return the slots no longer used."""
        return self._follow(scenario, kept_of(scenario.limited, self._of))

    def _follow(self, scenario: Scenario, kept: Sequence[int | None]) -> list[int]:
        before = self.all
        self._of = [
            (one, self._new(one.limit or 0) if slot is None else slot)
            for one, slot in zip(scenario.limited, kept, strict=True)
        ]
        used = set(self.all)
        return [slot for slot in before if slot not in used]

    def _new(self, number: int) -> int:
        if self._free:
            slot = self._free.pop()
        else:
            slot, self._used = self._used, self._used + 1
        self._counts.set(slot, number)
        return slot

    def free(self, slots: Sequence[int]) -> None:
        """Allow slots to be assigned again: no process takes from them any more."""
        self._free += slots
