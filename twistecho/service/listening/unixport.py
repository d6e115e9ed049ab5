"""Unix sockets to listen on: a stale one is replaced, a live one refused, others' left alone.

Twisted's own port knows a stale socket by a lock file with a process number: it is left behind by
a kill, missed where somebody else made the socket, and wrong in containers, where the number is
soon another's. Here the socket itself is asked: nobody is behind it if a connection is refused.
"""

import errno
import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from twisted.internet import tcp, unix
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep other services from looking at sockets of a folder between our look and our bind.

    Raises OSError where the folder is not there or another is just about it.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def make_way(path: Path) -> None:
    """Remove a socket that nobody listens on. Raises OSError where something else is there."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if stat.S_ISSOCK(mode):
        with socket.socket(socket.AF_UNIX) as probe:
            probe.setblocking(False)
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                path.unlink()
                return
            except BlockingIOError:
                pass  # somebody is there, and busy
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def _identity(path: Path) -> tuple[int, int] | None:
    """Tell one file from another at the same path later on."""
    with suppress(OSError):
        found = path.lstat()
        return found.st_dev, found.st_ino
    return None


class UnixPort(unix.Port):
    """A Unix socket of our own: made at the start, removed at the end if it is still ours."""

    _made: tuple[int, int] | None = None

    def __init__(
        self, path: str, factory: IProtocolFactory, backlog: int, mode: int, reactor: object
    ) -> None:
        super().__init__(os.fsencode(path), factory, backlog, mode, reactor)
        self.path = Path(path)

    def startListening(self) -> None:
        """Listen. Raises CannotListenError."""
        try:
            with _alone_in(self.path.parent):
                make_way(self.path)
                super().startListening()  # type: ignore[no-untyped-call]  # Twisted's
        except OSError as error:
            raise CannotListenError(None, str(self.path), error) from error
        self._made = _identity(self.path)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Remove the socket, unless somebody else has put another in its place."""
        if self._made is not None and self._made == _identity(self.path):
            with suppress(OSError):
                self.path.unlink()
        # Past the parent, which unlinks whatever is there and fails where nothing is.
        tcp.Port.connectionLost(self, reason)


class AdoptedUnixPort(unix.Port):
    """A Unix socket that somebody else, such as systemd, listens on and keeps.

    Twisted's own port would change its mode, shut it down at the end, and remove it.
    """

    _shouldShutdown = False

    def startListening(self) -> None:
        """Accept on the socket as it is."""
        port: Any = self  # what Twisted's ports set when they start is annotated for others
        port.factory.doStart()
        port.socket = self._preexistingSocket
        self._preexistingSocket = None
        port.fileno = port.socket.fileno
        port.connected = True
        port.numberAccepts = 100
        port.startReading()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Accept no more; leave the socket to its owner."""
        tcp.Port.connectionLost(self, reason)
