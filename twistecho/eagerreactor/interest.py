"""Which of the eager reactor's connections want to be read from, and to write."""

from typing import Any

from twisted.internet.epollreactor import EPOLLIN, EPOLLOUT, EPollReactor

from .connection import EagerConnection


class EagerInterest(EPollReactor):
    """An epoll reactor that does not register at once what wants to write."""

    def __init__(self) -> None:
        # Connections that want to write and may be untried, in order.
        self.untried: list[EagerConnection] = []
        # Those that want to read, by their descriptors.
        self.reading: dict[int, EagerConnection] = {}
        super().__init__()

    # What wants to read

    def addReader(self, reader: Any) -> None:
        """Have ``doRead`` called when there is something to read."""
        if not isinstance(reader, EagerConnection):
            super().addReader(reader)
            return
        fd = reader.fileno()
        if fd not in self.reading:
            self._add(reader, self._reads, self._writes, self._selectables, EPOLLIN, EPOLLOUT)
            self.reading[fd] = reader

    def removeReader(self, reader: Any) -> None:
        """Have ``doRead`` called no more."""
        if not isinstance(reader, EagerConnection):
            super().removeReader(reader)
            return
        fd = reader.fileno()
        if fd == -1:  # somebody has closed the socket behind our back
            fd = next((fd for fd, other in self.reading.items() if other is reader), fd)
        if self.reading.pop(fd, None) is not None:
            self._remove(reader, self._reads, self._writes, self._selectables, EPOLLIN, EPOLLOUT)

    # What wants to write

    def addWriter(self, writer: Any) -> None:
        """Have ``doWrite`` called: at the end of this turn, or when the descriptor is ready."""
        if not (isinstance(writer, EagerConnection) and writer.connected):
            super().addWriter(writer)
            return
        writer.close_shortcut()
        if not writer.untried and writer.fileno() not in self._writes:
            writer.untried = True
            self.untried.append(writer)

    def removeWriter(self, writer: Any) -> None:
        """Have ``doWrite`` called no more."""
        if isinstance(writer, EagerConnection):
            writer.close_shortcut()
            if writer.untried:
                writer.untried = False
                return
            if 0 <= writer.fileno() not in self._writes:
                return
        super().removeWriter(writer)

    def getWriters(self) -> list[Any]:
        """List what wants to write."""
        untried = [writer for writer in self.untried if writer.untried or writer.chunk]
        return [*super().getWriters(), *untried]

    def removeAll(self) -> list[Any]:
        """Forget all descriptors but the reactor's own, and list them."""
        self.await_all()
        removed: list[Any] = super().removeAll()
        self.reading.clear()
        return removed

    def await_writing(self, writer: EagerConnection) -> None:
        """Register a transport that still wants to write, as Twisted would have done at first."""
        writer.close_shortcut()
        if writer.untried:
            writer.untried = False
            super().addWriter(writer)

    def await_all(self) -> None:
        """Register all of them."""
        while self.untried:
            self.await_writing(self.untried.pop())
