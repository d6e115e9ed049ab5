"""Counts that several processes share, and which of them is whose."""

import fcntl
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from twistecho.service.scenario.scenario import Scenario
from twistecho.service.workers import shared_counts
from twistecho.service.workers.shared_counts import GROWTH, SharedAllowances, SharedCounts, Slots

BEFORE = 24
"""Bytes that are others'."""

TAKING = """
import sys
from twistecho.service.workers.shared_counts import SharedCounts
counts = SharedCounts(int(sys.argv[1]), 24)
print(flush=True)
sys.stdin.readline()
print(sum(iter(lambda: counts.take(1), False)))
"""

HOLDING = """
import fcntl, sys
fcntl.lockf(int(sys.argv[1]), fcntl.LOCK_EX, 8, int(sys.argv[2]))
print(flush=True)
sys.stdin.readline()
"""


class SharedCountsTests(unittest.TestCase):
    """Counts in a file."""

    def setUp(self) -> None:
        """Make the file."""
        self.shared = tempfile.TemporaryFile()  # noqa: SIM115 - closed at the end of the test
        self.addCleanup(self.shared.close)
        self.shared.write(b"\xff" * BEFORE)
        self.shared.flush()
        self.counts = SharedCounts(self.shared.fileno(), BEFORE)

    @contextmanager
    def another(self, code: str, *arguments: int) -> Iterator["subprocess.Popen[str]"]:
        """Run another process, until it says that it has begun."""
        descriptor = self.shared.fileno()
        command = [sys.executable, "-c", code, str(descriptor), *map(str, arguments)]
        pipe = subprocess.PIPE
        with subprocess.Popen(
            command, stdin=pipe, stdout=pipe, text=True, pass_fds=[descriptor]
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            try:
                yield process
            finally:
                process.kill()

    def test_each_is_taken_once(self) -> None:
        """Whichever process asks, at the same time as others; another count stays as it is."""
        self.counts.set(0, 1)
        self.counts.set(1, 3000)
        with (
            self.another(TAKING) as one,
            self.another(TAKING) as two,
            self.another(TAKING) as three,
        ):
            for process in (one, two, three):
                assert process.stdin is not None
                process.stdin.write("\n")
                process.stdin.flush()
            taken = [int(process.communicate()[0]) for process in (one, two, three)]
        assert sum(taken) == 3000
        assert [self.counts.take(0), self.counts.take(0), self.counts.take(1)] == [
            True,
            False,
            False,
        ]

    def test_a_holder_that_is_stopped_and_dies(self) -> None:
        """What it holds does not come about until then; all else does."""
        for slot in range(2):
            self.counts.set(slot, 2)
        with self.another(HOLDING, BEFORE + 8) as holder:
            with mock.patch.object(shared_counts, "LONGEST_WAIT", 0.01):
                assert not self.counts.take(1)
            with mock.patch.object(shared_counts, "LONGEST_WAIT", 1e9):
                assert not self.counts.take(1)  # it is not waited for twice
            assert self.counts.take(0)
            holder.kill()
            holder.wait()
            assert [self.counts.take(1) for _ in range(3)] == [True, True, False]

    def test_the_lock_is_given_back(self) -> None:
        """Whether there was one left or not."""
        self.counts.set(0, 1)
        assert self.counts.take(0)
        code = "import fcntl, sys; fcntl.lockf(int(sys.argv[1]), fcntl.LOCK_EX | fcntl.LOCK_NB)"
        descriptor = self.shared.fileno()
        subprocess.run(
            [sys.executable, "-c", code, str(descriptor)], check=True, pass_fds=[descriptor]
        )
        fcntl.lockf(descriptor, fcntl.LOCK_UN)

    def test_there_is_room_for_any_number(self) -> None:
        """Others see it grow; what is in front is left alone; a count may be any number."""
        other = SharedCounts(self.shared.fileno(), BEFORE)
        for slot in (0, GROWTH, 5 * GROWTH):
            self.counts.set(slot, 10**30)
            assert other.take(slot)
        self.shared.seek(0)
        assert self.shared.read(BEFORE) == b"\xff" * BEFORE

    def test_what_stays_keeps_its_count(self) -> None:
        """An equal one each; what is dropped is used again once it is free."""

        def limited(*texts: str) -> Scenario:
            return Scenario(faults=texts)

        scenario = limited("reset:0.1,limit=5", "close:0.1,limit=6", "silent:0.1")
        slots = Slots(self.counts, scenario)
        assert list(slots.all) == [0, 1]
        assert slots.steer(limited("close:0.1,limit=6", "close:0.1,limit=6")) == [0]
        assert list(slots.all) == [1, 2]
        assert slots.steer(limited("extra:0.1,limit=1", "close:0.1,limit=6")) == [2]
        assert list(slots.all) == [3, 1]
        slots.free([0, 2])
        assert slots.begin(limited("extra:0.1,limit=1")) == [3, 1]
        assert list(slots.all) == [2]

    def test_allowances_by_their_slots(self) -> None:
        """What is not of the scenario has none."""
        scenario = Scenario(faults=["reset:0.1,limit=5", "close:0.1,limit=1"])
        slots = Slots(self.counts, scenario)
        allowances = [SharedAllowances(self.counts, scenario, slots.all) for _ in range(2)]
        reset, close = scenario.limited
        assert [each.take(close) for each in allowances] == [True, False]
        other = Scenario(faults=["extra:0.1,limit=1", "close:0.1,limit=1", "reset:0.1,limit=5"])
        slots.steer(other)
        for each in allowances:
            each.slots = slots.all
            each.steer(other)
        assert not allowances[0].take(reset)
        assert not allowances[0].take(other.limited[1])
        assert [allowances[0].take(other.limited[2]) for _ in range(6)] == [True] * 5 + [False]
