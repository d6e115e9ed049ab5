"""Reports every second of a run, once each and in order, to functions that are called with it.

It runs in its own thread and reads what the engine records anyway, so the engine never waits.
"""

import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from twistecho.fleet.reports.progress import Progress, Watch
from twistecho.fleet.reports.second import Second

_LOOKED_EVERY = 0.25

Hearer = Callable[[Second, Progress], object]
"""Called with a second, and with the progress of the run at that moment; raises nothing."""


class EachSecond:
    """Calls the hearers with each second of a run during a ``with`` block.

    A second is passed on soon after its end, the last one when the run is over.
    """

    def __init__(self, watch: Watch, hearers: Sequence[Hearer]) -> None:
        self._watch = watch
        self._hearers = hearers
        self._told = -1
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._tell_all, daemon=True)

    def __enter__(self) -> Self:
        """Start the thread."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        """Pass on the remaining seconds."""
        self._over.set()
        if kind is None:  # after an exception the rest is not needed
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
