"""Every second of a run is told, once each and in turn, to whom wants to know of it.

A thread of its own reads what the engine records anyway: the engine is not asked to wait.
"""

import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from twistecho.fleet.reports.progress import Progress, Watch
from twistecho.fleet.reports.second import Second

_LOOKED_EVERY = 0.25

Hearer = Callable[[Second, Progress], object]
"""Told of a second, and of how far the run is at that moment; raises nothing."""


class EachSecond:
    """Tells of each second of a run while the block of its ``with`` statement runs.

    A second is told soon after its end, the last one when the run is over.
    """

    def __init__(self, watch: Watch, hearers: Sequence[Hearer]) -> None:
        self._watch = watch
        self._hearers = hearers
        self._told = -1
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._tell_all, daemon=True)

    def __enter__(self) -> Self:
        """Begin to tell."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        """Tell the rest."""
        self._over.set()
        if kind is None:  # else nobody waits for it any more
            self._thread.join()

    def _tell_all(self) -> None:
        while not self._over.wait(_LOOKED_EVERY):
            self._tell(self._watch.seconds(self._told))
        self._tell(self._watch.seconds(self._told, over=True))

    def _tell(self, seconds: Sequence[Second]) -> None:
        if not seconds:
            return
        progress = self._watch()
        for second in seconds:
            for hear in self._hearers:
                hear(second, progress)
            self._told = second.number
