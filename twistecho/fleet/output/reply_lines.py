"""One line per reply, written by a thread of its own.

No connection's callback writes anything. Otherwise an error of the fleet's own output, such as a
closed pipe or a full disk, would end a conversation as if the server had failed.
"""

import threading
from collections.abc import Callable
from queue import Queue
from types import TracebackType
from typing import Self

_WAITING = 10_000  # replies that may wait to be written; with more the fleet blocks


class ReplyLines:
    """Writes replies during a ``with`` block; calling it adds one.

    ``write`` is called with a client's number and its reply. The first OSError that it raises ends
    the writing and calls the function set by `on_error`.
    """

    def __init__(self, write: Callable[[int, bytes], object]) -> None:
        self._write = write
        self._waiting: Queue[tuple[int, bytes] | None] = Queue(_WAITING)
        self._failed = False
        self._lock = threading.Lock()
        self._on_error: Callable[[], object] = bool
        self._thread = threading.Thread(target=self._write_all, daemon=True)

    def __call__(self, client: int, reply: bytes) -> None:
        """Add a reply to be written. It can be called from any thread."""
        if not self._failed:
            self._waiting.put((client, reply))

    def on_error(self, call: Callable[[], object]) -> None:
        """Set a function to call, from any thread, when writing fails; at once if it has failed."""
        with self._lock:
            self._on_error = call
            failed = self._failed
        if failed:
            call()

    def __enter__(self) -> Self:
        """Start the writing thread."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        """Write the remaining replies."""
        if kind is not None:
            return  # after an exception the output is not needed
        self._waiting.put(None)
        self._thread.join()

    def _write_all(self) -> None:
        while (said := self._waiting.get()) is not None:
            if not self._failed:  # else it is dropped, so that no thread waits for room
                self._write_one(*said)

    def _write_one(self, client: int, reply: bytes) -> None:
        try:
            self._write(client, reply)
        except OSError:
            with self._lock:
                self._failed = True
                call = self._on_error
            call()
