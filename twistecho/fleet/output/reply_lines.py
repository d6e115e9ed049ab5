"""One line per reply, written by a thread of its own.

No connection's callback writes anything: what is wrong with the fleet's own output, a reader that
has gone or a full disk, must not end a conversation as though the server had done so.
"""

import threading
from collections.abc import Callable
from queue import Queue
from types import TracebackType
from typing import Self

_WAITING = 10_000  # replies that may wait to be written, before the fleet waits for its output


class ReplyLines:
    """Has replies written while the block of its ``with`` statement runs; calling it adds one.

    ``write`` is called with a client's number and its reply. The first OSError that it raises ends
    the writing and calls what `on_error` was given.
    """

    def __init__(self, write: Callable[[int, bytes], object]) -> None:
        self._write = write
        self._waiting: Queue[tuple[int, bytes] | None] = Queue(_WAITING)
        self._failed = False
        self._lock = threading.Lock()
        self._on_error: Callable[[], object] = bool
        self._thread = threading.Thread(target=self._write_all, daemon=True)

    def __call__(self, client: int, reply: bytes) -> None:
        """Have a reply written. It can be called from any thread."""
        if not self._failed:
            self._waiting.put((client, reply))

    def on_error(self, call: Callable[[], object]) -> None:
        """Have this called, from any thread, once nothing can be written; at once if it is so."""
        with self._lock:
            self._on_error = call
            failed = self._failed
        if failed:
            call()

    def __enter__(self) -> Self:
        """Begin to write."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        """Write what still waits."""
        if kind is not None:
            return  # nobody waits for its output any more
        self._waiting.put(None)
        self._thread.join()

    def _write_all(self) -> None:
        while (said := self._waiting.get()) is not None:
            if not self._failed:  # else it is only taken away, so that nobody waits for room
                self._write_one(*said)

    def _write_one(self, client: int, reply: bytes) -> None:
        try:
            self._write(client, reply)
        except OSError:
            with self._lock:
                self._failed = True
                call = self._on_error
            call()
