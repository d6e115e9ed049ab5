"""`EagerReactor`: see `twistecho.eagerreactor`."""

import os
import select
import socket
import time
from typing import Any

from twisted.internet import error, main
from twisted.internet.epollreactor import EPOLLIN
from twisted.python import context, log
from twisted.python.failure import Failure

from .connection import EagerConnection, connection_lost
from .interest import EagerInterest
from .streams import EagerStreams

MOST_EVENTS = 64
"""Events that one poll brings at most; what their callbacks write goes out before the next."""

_SMALL = 2048
# Bytes: a turn of larger writes would hold so much that malloc gives memory back to the system and
# asks for it again every time.

_FD_SETSIZE = 1024  # select takes descriptors below

_NOBODY: dict[object, object] = {}  # the log context where there is none


class EagerReactor(EagerStreams, EagerInterest):
    """Twisted's epoll reactor, eager to write; see the module's docstring."""

    seconds = staticmethod(time.monotonic)

    def _try_all(self) -> None:
        """Let each transport that wants to write try once; what they write meanwhile waits."""
        untried, self.untried = self.untried, []
        for writer in untried:
            chunk = writer.chunk
            if chunk:
                try:
                    sent = writer.socket.send(chunk)
                except OSError as os_error:
                    writer.not_sent(chunk, os_error)
                except Exception:  # noqa: BLE001 - what is no bytes is said to be none below
                    writer.close_shortcut()
                else:
                    if sent == len(chunk):
                        writer.chunk = None
                        continue
                    writer.wait_with(chunk, sent)
            if writer.untried:
                self._try(writer)

    def _try(self, writer: EagerConnection) -> None:
        contexts = context.theContextTracker.currentContext().contexts
        contexts.append(writer)
        why: BaseException | int | None
        try:
            why = writer.doWrite()
        except BaseException as raised:  # noqa: BLE001 - as _doReadOrWrite has it
            why = raised
            log.err()
        if why or writer.untried:
            self._settle(writer, why, is_read=False)
        contexts.pop()

    # What happens

    def runUntilCurrent(self) -> None:
        """Run what is due, and send what that wrote."""
        super().runUntilCurrent()
        if self.untried:
            self._try_all()

    def doPoll(self, timeout: float | None) -> None:
        """Wait for events, tell the descriptors, and send what that wrote."""
        if self.untried:
            self.await_all()
        events = self._poller.poll(self._wait_for(timeout), MOST_EVENTS)
        contexts = context.theContextTracker.currentContext().contexts
        here = len(contexts)
        contexts.append(_NOBODY)
        try:
            self._tell(events, contexts, here)
        finally:
            del contexts[here:]
        if self.untried:
            self._try_all()

    def _wait_for(self, timeout: float | None) -> float:
        """Say how long epoll is to wait, having waited for less than a millisecond already.

        It waits for whole milliseconds and would round up. What is left of one is waited for by
        select, which counts microseconds, on the descriptor of epoll itself.
        """
        if timeout is None:
            return -1
        if timeout >= 0.001:
            return (int(timeout * 1000) - 0.5) / 1000  # rounded up: the whole milliseconds
        if timeout > 0 and self._poller.fileno() < _FD_SETSIZE:
            select.select((self._poller,), (), (), timeout)
        return 0

    doIteration = doPoll  # type: ignore[assignment]  # Twisted does the same

    def _tell(  # noqa: C901, PLR0912 - each call that is not made is what this is for
        self, events: list[tuple[int, int]], contexts: list[Any], here: int
    ) -> None:
        """Tell each descriptor what happened to it, with itself ``here`` as the log context."""
        reading, readable = self.reading, EPOLLIN
        for fd, event in events:
            if event == readable and fd in reading:
                connection = contexts[here] = reading[fd]
                why: BaseException | int | None
                try:
                    if connection.reply_to is None:
                        why = connection.doRead()
                        if connection.chunk and len(connection.chunk) > _SMALL:
                            self._try_all()
                    else:  # the same, without the calls
                        try:
                            data = connection.socket.recv(connection.bufferSize)
                        except OSError as os_error:
                            why = connection.not_received(os_error)
                        else:
                            if data:
                                reply = connection.reply_to(data)
                                if reply:
                                    if connection.chunk is None:
                                        connection.chunk = reply
                                        self.untried.append(connection)
                                    else:
                                        connection.write(reply)
                                    if len(reply) > _SMALL:
                                        self._try_all()
                                continue
                            why = connection.end_of_stream()
                except BaseException as raised:  # noqa: BLE001 - as _doReadOrWrite has it
                    log.err()
                    self._settle(connection, raised, is_read=False)
                    continue
                if why:
                    self._settle(connection, why, is_read=True)
            elif fd in self._selectables:
                contexts[here] = _NOBODY
                selectable = self._selectables[fd]
                log.callWithLogger(selectable, self._doReadOrWrite, selectable, fd, event)

    def _settle(
        self, connection: EagerConnection, why: BaseException | int | None, *, is_read: bool
    ) -> None:
        """Disconnect what has ended, and wait for what could not write."""
        try:
            if why:
                self._disconnectSelectable(connection, why, is_read)
            else:
                self.await_writing(connection)
        except BaseException:  # noqa: BLE001 - what connectionLost raised harms nobody else
            log.err()

    def _disconnectSelectable(self, selectable: Any, why: Any, isRead: bool) -> None:  # type: ignore[override]
        """Disconnect, and say why a connection broke where that is known."""
        if isinstance(selectable, EagerConnection) and why is main.CONNECTION_LOST:
            why = _why_lost(selectable)
        if why.__class__ is error.ConnectionLost and hasattr(why, "osError"):
            # Twisted would replace it by a failure that all connections share.
            self.removeReader(selectable)
            self.removeWriter(selectable)
            selectable.connectionLost(Failure(why))
        else:
            super()._disconnectSelectable(selectable, why, isRead)


def _why_lost(connection: EagerConnection) -> error.ConnectionLost:
    """Ask a socket that was reported as broken, unless it has told already."""
    if connection.broken:
        return connection.broken
    number = connection.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return connection_lost(OSError(number, os.strerror(number))) if number else main.CONNECTION_LOST
