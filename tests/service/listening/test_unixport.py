"""Unix sockets: their mode, stale and live ones, and what happens to their files."""

import os
import socket
import stat
from pathlib import Path
from typing import Any

from twisted.internet.error import CannotListenError

from tests.support.listening import ListeningCase, reactor
from tests.support.peers import read_exactly
from twistecho.service.listening.unixport import AdoptedUnixPort


def echo(connection: socket.socket) -> bytes:
    """Send two bytes and read two."""
    connection.sendall(b"hi")
    return read_exactly(connection, 2)


class UnixPortTests(ListeningCase):
    """Sockets of the service's own."""

    def setUp(self) -> None:
        """Choose a path."""
        self.path = f"{self.folder()}/echo.sock"

    def mode(self) -> int:
        """Give the mode of the socket."""
        return stat.S_IMODE(Path(self.path).stat().st_mode)

    def leave_stale(self) -> None:
        """Leave a socket behind as a service does that is killed."""
        with socket.socket(socket.AF_UNIX) as gone:
            gone.bind(self.path)
            gone.listen()

    async def test_owner_and_group_may_connect_unless_asked_otherwise(self) -> None:
        """In each way to give a mode; the socket goes with the service."""
        for options, mode in {"": 0o660, ":mode=600": 0o600, ":666": 0o666}.items():
            service = self.start(f"unix:{self.path}{options}")
            assert self.mode() == mode
            assert await self.talk(self.path, echo) == b"hi"
            await self.stop(service)
            assert os.listdir(Path(self.path).parent) == []  # noqa: PTH208 - names are all that counts

    async def test_a_stale_socket_is_replaced(self) -> None:
        """Nobody is behind it."""
        self.leave_stale()
        self.start(f"unix:{self.path}")
        assert self.mode() == 0o660
        assert await self.talk(self.path, echo) == b"hi"

    async def test_a_live_socket_is_refused_and_goes_on(self) -> None:
        """Also one that is too busy to take the connection that asks."""
        self.start(f"unix:{self.path}")
        self.assertRaises(CannotListenError, self.start, f"unix:{self.path}")
        assert await self.talk(self.path, echo) == b"hi"

    def test_a_busy_socket_is_live(self) -> None:
        """Its backlog is full: the probe is told to try again, not that nobody is there."""
        with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as first:
            busy.bind(self.path)
            busy.listen(0)
            first.connect(self.path)
            error = self.assertRaises(CannotListenError, self.start, f"unix:{self.path}")
        assert "Address already in use" in str(error)

    def test_what_is_no_socket_is_left_alone(self) -> None:
        """A typing mistake must not cost a file."""
        Path(self.path).write_text("precious")
        self.assertRaises(CannotListenError, self.start, f"unix:{self.path}")
        assert Path(self.path).read_text() == "precious"

    async def test_a_socket_that_was_removed_or_replaced_meanwhile(self) -> None:
        """Stopping still works, and leaves what is not its own."""
        service = self.start(f"unix:{self.path}")
        Path(self.path).unlink()
        await self.stop(service)
        service = self.start(f"unix:{self.path}")
        Path(self.path).rename(f"{self.path}.old")
        self.leave_stale()
        await self.stop(service)
        assert Path(self.path).is_socket()


class AdoptedUnixPortTests(ListeningCase):
    """Sockets that somebody else made and keeps."""

    async def test_mode_and_path_stay_and_it_listens_on(self) -> None:
        """Another service can adopt it after the first has gone."""
        path = f"{self.folder()}/echo.sock"
        with socket.socket(socket.AF_UNIX) as keeper:
            keeper.bind(path)
            Path(path).chmod(0o640)
            keeper.listen()
            keeper.setblocking(False)
            for _ in range(2):
                ports: Any = AdoptedUnixPort
                service = self.start(f"unix:{path}.other")
                port = ports._fromListeningDescriptor(reactor, keeper.fileno(), service.factory)
                port.startListening()
                assert await self.talk(path, echo) == b"hi"
                await port.stopListening()
                assert stat.S_IMODE(Path(path).stat().st_mode) == 0o640
                await self.stop(service)
