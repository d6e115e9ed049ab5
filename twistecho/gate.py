"""A gate that threads wait at together with their sockets: once opened, it stays open."""

import os


class Gate:
    """A descriptor that is readable, for ``poll``, once the gate is open."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        self.is_open = False

    def fileno(self) -> int:
        """Give the descriptor."""
        return self._read

    def open(self) -> None:
        """Let all through, now and later; can be called from any thread and signal handler."""
        if not self.is_open:
            self.is_open = True
            os.write(self._write, b"o")

    def close(self) -> None:
        """Let go of the descriptors: nobody waits here any more."""
        os.close(self._read)
        os.close(self._write)
