"""Each second of a run is told once, in turn, and the last one when the run is over."""

import threading
from collections.abc import Sequence
from unittest import TestCase
from unittest.mock import patch

from twistecho.fleet.output import each_second
from twistecho.fleet.output.each_second import EachSecond
from twistecho.fleet.reports.progress import Progress
from twistecho.fleet.reports.second import Second


class Run:
    """A run that has a number of whole seconds to tell of, and one more when it is over."""

    def __init__(self) -> None:
        self.whole = 0
        self.looked = threading.Semaphore(0)

    def __call__(self) -> Progress:
        """Say how far it is."""
        return Progress(float(self.whole))

    def seconds(self, after: int, *, over: bool = False) -> Sequence[Second]:
        """Give those behind that of a number."""
        self.looked.release()
        return [Second(number, {}) for number in range(after + 1, self.whole + over)]


class EachSecondTests(TestCase):
    """Waiting is shortened, not relied upon."""

    def setUp(self) -> None:
        """Have a run that is looked at often."""
        self.run_ = Run()
        self.told: list[tuple[int, float]] = []
        often = patch.object(each_second, "_LOOKED_EVERY", 0.001)
        often.start()
        self.addCleanup(often.stop)

    def hear(self, second: Second, progress: Progress) -> None:
        """Note a second."""
        self.told.append((second.number, progress.took))

    def wait(self) -> None:
        """Wait until it was looked at with what it has now."""
        for _ in range(2):
            assert self.run_.looked.acquire(timeout=20)
        while self.run_.looked.acquire(blocking=False):
            pass
        assert self.run_.looked.acquire(timeout=20)
        assert self.run_.looked.acquire(timeout=20)

    def test_each_is_told_once_while_it_runs_and_the_last_at_the_end(self) -> None:
        """To all who want to know."""
        others: list[int] = []
        hearers = [self.hear, lambda second, _: others.append(second.number)]
        with EachSecond(self.run_, hearers):
            self.wait()
            assert self.told == []
            self.run_.whole = 2
            self.wait()
            assert self.told == [(0, 2.0), (1, 2.0)]
            self.run_.whole = 3
        assert self.told == [(0, 2.0), (1, 2.0), (2, 3.0), (3, 3.0)]
        assert others == [0, 1, 2, 3]

    def test_a_run_that_is_given_up_waits_for_nobody(self) -> None:
        """Not for one who is stuck in writing."""
        stuck, held = threading.Event(), threading.Event()

        def hear(_second: Second, _progress: Progress) -> None:
            stuck.set()
            held.wait(20)

        self.run_.whole = 1
        telling = EachSecond(self.run_, [hear])
        with self.assertRaises(KeyboardInterrupt), telling:
            assert stuck.wait(20)
            raise KeyboardInterrupt
        held.set()
        telling._thread.join(20)
        assert not telling._thread.is_alive()
