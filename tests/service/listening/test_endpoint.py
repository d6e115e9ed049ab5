"""Ways to listen, each with a real peer: what is answered, half-close, what stands in the way."""

import fcntl
import os
import socket
import ssl
import stat
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any
from unittest import TestCase, mock

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from zope.interface import provider

from tests.service.process.test_tap import fails, refused
from tests.support.certificates import write_certificate
from tests.support.listening import ListeningCase, port_of, reactor
from tests.support.peers import read_exactly, read_to_end
from twistecho import EchoFactory, EchoService, Limits
from twistecho.eagerreactor import unix as eagerunix
from twistecho.service.listening import endpoint
from twistecho.service.listening.endpoint import AdoptedUnixPort, endpoint_for


def half_close(connection: socket.socket) -> bytes:
    """Send, say FIN before the reply, and read to the end."""
    connection.sendall(b"hi")
    connection.shutdown(socket.SHUT_WR)
    return read_to_end(connection)


class PlainTests(ListeningCase):
    """TCP and Unix sockets: every one of them keeps half-close."""

    async def test_ipv4(self) -> None:
        """A client of 127.0.0.1 gets the reply that was delayed beyond its FIN."""
        service = self.start("tcp:0:interface=127.0.0.1", delay=0.2)
        assert await self.talk(("127.0.0.1", port_of(service)), half_close) == b"hi"

    async def test_ipv6(self) -> None:
        """A client of ::1 too; IPv4 is not served there."""
        service = self.start(r"tcp6:0:interface=\:\:1", delay=0.2)
        assert await self.talk(("::1", port_of(service)), half_close) == b"hi"
        with self.assertRaises(ConnectionRefusedError):
            await self.talk(("127.0.0.1", port_of(service)), half_close)

    async def test_one_socket_serves_both(self) -> None:
        """IPv4 peers then have IPv6 addresses."""
        service = self.start("tcp6:0", delay=0.2)
        peers = set()
        for host in ("127.0.0.1", "::1"):
            talking: Deferred[bytes] = Deferred.fromCoroutine(
                self.talk((host, port_of(service)), half_close)
            )
            await self.until(lambda: bool(service.factory.connections))
            peers |= {connection.peer.host for connection in service.factory.connections}
            assert await talking == b"hi"
            await self.until(lambda: not service.factory.connections)
        assert peers == {"::ffff:127.0.0.1", "::1"}

    async def test_unix(self) -> None:
        """A Unix socket."""
        path = f"{self.folder()}/echo.sock"
        self.start(f"unix:{path}", delay=0.2)
        assert await self.talk(path, half_close) == b"hi"

    async def test_one_warning_where_others_can_connect(self) -> None:
        """And none for the loopback and Unix sockets."""
        said: list[LogEvent] = []

        @provider(ILogObserver)
        def observe(event: LogEvent) -> None:
            said.append(event)

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        quiet = ["tcp:0:interface=127.0.0.1", r"tcp6:0:interface=\:\:1", f"unix:{self.folder()}/x"]
        for description, warnings in {**dict.fromkeys(quiet, 0), "tcp6:0": 1, "tcp:0": 1}.items():
            said.clear()
            self.start(description)
            warned = [e for e in said if "other machines" in (e.get("log_format") or "")]
            assert len(warned) == warnings, description


class EagerTests(ListeningCase):
    """Unix sockets on the eager reactor."""

    def test_their_connections_are_eager_too(self) -> None:
        """As those of the reactor's own ports."""
        clock: Any = MemoryReactorClock()
        for eager in (False, True):
            if eager:
                clock.untried = []
            service = EchoService(
                clock,
                EchoFactory(clock),
                [endpoint_for(clock, f"unix:{self.folder()}/echo.sock")],
            )
            service.startService()
            (port,) = service.ports
            assert (getattr(port, "transport", None) is eagerunix.Server) is eager
            service.stopService()
            clock.advance(1)


class TLSTests(ListeningCase):
    """TLS, with the standard library's client."""

    def setUp(self) -> None:
        """Make a certificate, and a client that trusts it."""
        self.certificate, key = write_certificate(self.folder())
        self.description = f"ssl:0:interface=127.0.0.1:certKey={self.certificate}:privateKey={key}"
        self.context = ssl.create_default_context(cafile=self.certificate)

    def secure(self, client: Callable[[ssl.SSLSocket], Any]) -> Callable[[socket.socket], Any]:
        """Make a client that talks TLS."""

        def run(connection: socket.socket) -> Any:
            with self.context.wrap_socket(connection, server_hostname="127.0.0.1") as secure:
                return client(secure)

        return run

    async def test_a_client_that_waits_gets_its_replies(self) -> None:
        """Large messages too; then either side may close."""
        service = self.start(self.description, delay=0.1)
        data = bytes(range(256)) * 200

        def client(connection: ssl.SSLSocket) -> bytes:
            connection.sendall(data)
            return read_exactly(connection, len(data))

        address = ("127.0.0.1", port_of(service))
        assert await self.talk(address, self.secure(client)) == data

    async def test_ipv6(self) -> None:
        """By the interface."""
        service = self.start(self.description.replace("127.0.0.1", r"\:\:1"))

        def client(connection: ssl.SSLSocket) -> bytes:
            connection.sendall(b"hi")
            return read_exactly(connection, 2)

        assert await self.talk(("::1", port_of(service)), self.secure(client)) == b"hi"

    async def test_closing_gives_up_what_is_owed(self) -> None:
        """A TLS client that says it will send no more is not answered any more; nothing is left."""
        service = self.start(self.description, delay=0.3)

        def client(connection: ssl.SSLSocket) -> bytes:
            connection.sendall(b"hi")
            plain = connection.unwrap()  # sends close_notify, waits for the service's
            return read_to_end(plain)

        address = ("127.0.0.1", port_of(service))
        assert await self.talk(address, self.secure(client)) == b""
        await self.until(lambda: not service.factory.connections)
        assert len(service.factory.connections.timers) == 0
        assert service.factory.connections.budget.used == 0

    async def test_stopping_delivers_what_is_owed(self) -> None:
        """As without TLS."""
        service = self.start(self.description, delay=0.5)

        def client(connection: ssl.SSLSocket) -> bytes:
            connection.sendall(b"owed")
            return read_to_end(connection)

        address = ("127.0.0.1", port_of(service))
        talking: Deferred[bytes] = Deferred.fromCoroutine(self.talk(address, self.secure(client)))
        await self.until(lambda: len(service.factory.connections.timers) == 1)
        await service.stopService()
        assert await talking == b"owed"

    async def test_stopping_waits_for_the_first_message_of_a_new_connection(self) -> None:
        """It may be on its way, or wait to be decrypted: then the service has begun to stop."""
        service = self.start(self.description)
        stopping = Event()

        def client(connection: ssl.SSLSocket) -> bytes:
            assert stopping.wait(20)
            connection.sendall(b"first")
            return read_to_end(connection)

        address = ("127.0.0.1", port_of(service))
        talking: Deferred[bytes] = Deferred.fromCoroutine(self.talk(address, self.secure(client)))
        await self.until(lambda: bool(service.factory.connections))
        stopped = service.stopService()
        stopping.set()
        assert await talking == b"first"
        await stopped

    async def test_a_connection_over_a_cap_is_closed_and_nothing_fails(self) -> None:
        """Twisted's own factory would fail on the refusal."""
        service = self.start(self.description, limits=Limits(connections=1))
        address = ("127.0.0.1", port_of(service))

        def first(connection: ssl.SSLSocket) -> bool:
            connection.sendall(b"x")
            read_exactly(connection, 1)
            with socket.create_connection(address, 20) as second:
                return read_to_end(second) == b""

        assert await self.talk(address, self.secure(first))
        assert service.factory.counts.refused == {"too-many-connections": 1}
        assert self.flushLoggedErrors() == []

    async def test_a_peer_that_talks_no_tls_is_closed(self) -> None:
        """Nothing is logged as an error and nothing is left."""
        service = self.start(self.description)

        def client(connection: socket.socket) -> None:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            read_to_end(connection)

        await self.talk(("127.0.0.1", port_of(service)), client)
        await self.until(lambda: not service.factory.connections)
        assert self.flushLoggedErrors() == []


class DescriptionTests(ListeningCase):
    """What is wrong, as ValueError where the description is, as OSError where the world is."""

    def test_systemd_descriptions(self) -> None:
        """A wrong domain, no socket, both ways to name one."""
        for description in ("systemd:domain=INET4:name=x", "systemd:", "systemd:INET"):
            self.assertRaises(ValueError, endpoint_for, reactor, description)
        for which in ("name=x", "index=0"):
            error = self.assertRaises(
                OSError, endpoint_for, reactor, f"systemd:domain=INET:{which}"
            )
            assert "systemd" in str(error)

    def test_anything_else_is_twisteds(self) -> None:
        """Unknown kinds and arguments."""
        for description in (
            "nosuch:1",
            "tcp:x",
            "tcp:1:no=1",
            "unix:",
            "unix:/x:mode=9",
            "ssl:",
            "tcp:",
        ):
            self.assertRaises(ValueError, endpoint_for, reactor, description)


class CommandTests(TestCase):
    """What ``twist echo`` says of a bad description and of a bad world: one line, the option."""

    def check(
        self, description: str, code: int, words: str, *options: str, command: Any = refused
    ) -> None:
        """Hold that a description ends the command with one line."""
        ended, said = command("-p", description, *options)
        assert ended == code, said
        assert said.startswith(f"twist echo: --port {description}: "), said
        assert words in said, said
        assert said.count("\n") == 1, said

    def test_what_twisted_cannot_cut_into_parts(self) -> None:
        """Names alone, among which there is no kind; and an escape of nothing."""
        for description in ("a=b:c=d", "tcp:1\\"):
            with self.assertRaisesRegex(ValueError, "its kind is missing, or it ends"):
                endpoint_for(reactor, description)

    def test_certificates(self) -> None:
        """Missing, unreadable, empty, broken, of another key; and bad arguments beside."""
        case = ListeningCase("folder")
        folder = case.folder()
        self.addCleanup(case.doCleanups)
        certificate, key = write_certificate(folder)
        other, _ = write_certificate(folder, "other")
        empty, broken = Path(folder, "empty"), Path(folder, "broken")
        empty.touch()
        broken.write_text(Path(certificate).read_text().replace("A", "B"))
        for described, code, words in (
            (f"certKey={certificate}:privateKey={folder}/none", 1, f"{folder}/none: No such file"),
            (f"certKey={folder}/none:privateKey={key}", 1, f"{folder}/none: No such file"),
            (f"certKey={folder}:privateKey={key}", 1, f"{folder}: Is a directory"),
            (f"certKey={empty}:privateKey={key}", 1, "cannot use certificate and key"),
            (f"certKey={broken}:privateKey={key}", 1, "cannot use certificate and key"),
            (
                f"certKey={certificate}:privateKey={certificate}",
                1,
                "cannot use certificate and key",
            ),
            (f"certKey={other}:privateKey={key}", 1, "cannot use certificate and key"),
            (f"certKey={certificate}:privateKey={key}:backlog=x", 2, "'x' is not a number"),
            (f"certKey={certificate}:privateKey={key}:nosuch=x", 2, "nosuch"),
        ):
            self.check(f"ssl:0:{described}", code, words)
        self.check("ssl:port", 2, "'port' is not a number")
        self.check(f"ssl:0:certKey={certificate}:privateKey={key}", 2, "TLS", "--proxy-from", "::1")

    def test_the_tls_extra_is_missing(self) -> None:
        """The line says what to install."""
        case = ListeningCase("folder")
        folder = case.folder()
        self.addCleanup(case.doCleanups)
        Path(folder, "OpenSSL.py").write_text("raise ImportError('not here')")
        before = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = os.pathsep.join([folder, before] if before else [folder])
        try:
            self.check("ssl:0", 1, "pip install 'twistecho[tls]'", command=fails)
        finally:
            if before is None:
                del os.environ["PYTHONPATH"]
            else:
                os.environ["PYTHONPATH"] = before

    def test_unix_sockets(self) -> None:
        """A live one, a file, no folder, a path that is too long, no right."""
        case = ListeningCase("folder")
        folder = case.folder()
        self.addCleanup(case.doCleanups)
        Path(folder, "file").touch()
        with socket.socket(socket.AF_UNIX) as live:
            live.bind(f"{folder}/live")
            live.listen()
            self.check(f"unix:{folder}/live", 1, "Address already in use")
        self.check(f"unix:{folder}/file", 1, "Address already in use")
        self.check(f"unix:{folder}/no/x", 1, "No such file or directory")
        self.check(f"unix:{folder}/{'x' * 120}", 1, "path too long")
        self.check(f"unix:{folder}/x:mode=rw", 2, "")

    def test_systemd(self) -> None:
        """No socket was passed."""
        self.check("systemd:domain=INET:name=echo", 1, "systemd has passed no such socket")
        self.check("systemd:domain=IPX:name=echo", 2, "domain must be")

    def test_proxies(self) -> None:
        """What is no address."""
        code, said = refused("--proxy-from", "haproxy.example")
        assert code == 2
        assert said.startswith("twist echo: --proxy-from: "), said
        assert said.count("\n") == 1


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

    def lock(self) -> int:
        """Lock the path as a service does that is being started; give the descriptor."""
        handle = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT)
        fcntl.flock(handle, fcntl.LOCK_EX)
        return handle

    def left(self) -> list[str]:
        """Give the names of what lies beside the socket."""
        return [each.name for each in Path(self.path).parent.iterdir() if not each.is_socket()]

    def test_one_that_is_being_started_is_waited_for(self) -> None:
        """For a moment; nothing is left of the lock, be it removed by the other or not."""
        for removed in (True, False):
            handle = self.lock()

            def go_on(_seconds: float, handle: int = handle, removed: bool = removed) -> None:
                if removed:
                    Path(f"{self.path}.lock").unlink()
                os.close(handle)

            with mock.patch("time.sleep", side_effect=go_on) as slept:
                self.start(f"unix:{self.path}")
            assert slept.call_count == 1
            assert self.left() == []
            Path(self.path).unlink()

    def test_one_that_does_not_come_to_its_end_is_not_waited_for_longer(self) -> None:
        """It is said what is in the way, which stays."""
        self.addCleanup(os.close, self.lock())
        with mock.patch.object(endpoint, "LOCK_WAIT", 0):
            error = self.assertRaises(CannotListenError, self.start, f"unix:{self.path}")
        assert f"another service is starting: it holds the lock {self.path}.lock" in str(error)
        assert self.left() == ["echo.sock.lock"]

    def test_a_lock_that_was_removed_meanwhile_is_none(self) -> None:
        """Between opening and locking: a second one may have been made."""
        lock, locks = Path(f"{self.path}.lock"), 0

        def flock(handle: int, how: int, flock: Any = fcntl.flock) -> None:
            nonlocal locks
            locks += 1
            if locks == 1:
                lock.unlink()
            flock(handle, how)

        with mock.patch("fcntl.flock", side_effect=flock):
            self.start(f"unix:{self.path}")
        assert (locks, self.left()) == (2, [])

    def test_what_others_put_in_the_place_of_the_lock_denies_nothing(self) -> None:
        """It is neither followed nor removed; nor does a lock on the folder matter."""
        folder = Path(self.path).parent
        handle = os.open(folder, os.O_RDONLY)
        self.addCleanup(os.close, handle)
        fcntl.flock(handle, fcntl.LOCK_EX)
        lock = Path(f"{self.path}.lock")
        self.start(f"unix:{self.path}")
        for put in (lambda: lock.symlink_to(folder / "other"), lock.mkdir):
            Path(self.path).unlink()
            put()
            self.start(f"unix:{self.path}")
            assert self.left() == [lock.name]
            lock.unlink() if lock.is_symlink() else lock.rmdir()
        Path(self.path).unlink()
        self.addCleanup(os.close, self.lock())
        with mock.patch("os.geteuid", return_value=os.geteuid() + 1):  # it is another user's
            self.start(f"unix:{self.path}")
        assert self.left() == [lock.name]

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
