"""Counts that all processes of a service share: how often what has a limit may still come about.

Each is a number in shared memory, taken down by one under a lock that the kernel gives back when
its holder dies (POSIX record locks, fcntl(2)). Once it is 0, looking is enough. A process that is
stopped while it holds the lock, which is for some microseconds, costs another a moment once; until
it goes on, what that lock counts does not come about.
"""

import fcntl
import mmap
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from twistecho.service.echo.allowances import Allowances, kept_of
from twistecho.service.scenario.scenario import Limited, Scenario

SIZE = 8
"""Bytes of a number."""

GROWTH = 512
"""So many numbers are added at a time."""

MOST = 2**62
"""The highest count."""

LONGEST_WAIT = 0.25
"""Seconds that a process waits for a lock that is held: far more than the system lets it rest."""

_ASK_EVERY = 0.0001


class SharedCounts:
    """Counts in a file, by their numbers from 0; in front of them are ``before`` bytes of others.

    Only one process makes room for more, by `set`, and then tells the others of their numbers.
    """

    def __init__(self, descriptor: int, before: int) -> None:
        self._descriptor = descriptor
        self._before = before
        self._stuck: set[int] = set()
        self._map()

    def _map(self) -> None:
        """Map the file as large as it is now."""
        shared = mmap.mmap(self._descriptor, 0)
        self._numbers = memoryview(shared).cast("q")[self._before // SIZE :]

    def set(self, slot: int, number: int) -> None:
        """Have a count begin; nobody else may know of it yet. Raises OSError without memory."""
        if slot >= len(self._numbers):
            os.ftruncate(self._descriptor, self._before + SIZE * (slot + GROWTH))
            self._map()
        self._numbers[slot] = min(number, MOST)

    def take(self, slot: int) -> bool:
        """Count one down; say whether there was one left, whoever asks at the same time."""
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
        """Be the only process that takes from a count; give whether it is."""
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
            except (BlockingIOError, PermissionError):  # either, says lockf(3)
                if time.monotonic() >= ends:
                    return False
                time.sleep(_ASK_EVERY)
            else:
                return True


class SharedAllowances(Allowances):
    """Counts what has a limit together with other processes.

    ``slots`` are the numbers of the counts, in the order of the scenario's `limited`.
    """

    def __init__(self, counts: SharedCounts, scenario: Scenario, slots: Sequence[int]) -> None:
        self._counts = counts
        self.slots = slots
        super().__init__(scenario)

    def begin(self, scenario: Scenario) -> None:
        """Count for a scenario by the ``slots``."""
        self.steer(scenario)

    def steer(self, scenario: Scenario) -> None:
        """Count for a scenario by the ``slots``, which say what stays."""
        self._limited = scenario.limited  # whose identities stay theirs as long as they are here
        self._slots = {id(one): slot for one, slot in zip(self._limited, self.slots, strict=True)}

    def take(self, limited: Limited) -> bool:
        """Count one more of something; say whether it may come about."""
        slot = self._slots.get(id(limited))
        return slot is not None and self._counts.take(slot)


class Slots:
    """Says which count is whose, for all processes; see `Allowances` for what stays.

    What is no longer counted is not used for anything else until `free` says that no process takes
    from it any more.
    """

    def __init__(self, counts: SharedCounts, scenario: Scenario) -> None:
        self._counts = counts
        self._of: list[tuple[Limited, int]] = []
        self._free: list[int] = []
        self._used = 0
        self.begin(scenario)

    @property
    def all(self) -> tuple[int, ...]:
        """The numbers of the counts, in the order of the scenario's `limited`."""
        return tuple(slot for _, slot in self._of)

    def begin(self, scenario: Scenario) -> list[int]:
        """Count anew for a scenario; give what is no longer counted."""
        return self._follow(scenario, [None] * len(scenario.limited))

    def steer(self, scenario: Scenario) -> list[int]:
        """Count for another scenario; give what is no longer counted."""
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
        """Have counts be used again: no process takes from them any more."""
        self._free += slots
