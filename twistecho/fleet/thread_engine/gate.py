"""A gate that threads wait at together with their sockets: once opened, it stays open."""

import os
import threading


class Gate:
    """A descriptor that is readable, for ``poll``, once the gate is open."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        self._is_open = self._closed = False
        # One that a signal handler can take while the same thread has it.
        self._lock = threading.RLock()

    @property
    def is_open(self) -> bool:
        """Whether it is open; one who has passed it is never told that it is not."""
        with self._lock:
            return self._is_open

    def fileno(self) -> int:
        """Give the descriptor."""
        return self._read

    def open(self) -> None:
        """Let all through, now and later; can be called from any thread and signal handler.

        It does nothing once the gate was closed.
        """
        with self._lock:
            if self._closed or self._is_open:
                return
            os.write(self._write, b"o")
            self._is_open = True

    def close(self) -> None:
        """Let go of the descriptors: nobody waits here any more."""
        with self._lock:
            self._closed = True
            os.close(self._read)
            os.close(self._write)
