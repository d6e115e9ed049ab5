"""Endpoints from descriptions such as ``tcp:5000``, ``unix:/run/echo.sock``, ``ssl:…``.

Descriptions are Twisted's, with these differences. Unix sockets have mode 0660; a stale one is
replaced, one in use is an error, and other files are not touched. A TLS port can refuse a
connection. Errors have a clear message: ValueError for a wrong description, OSError for environment
errors.

Twisted's own port detects a stale Unix socket by a lock file with a process number. That file
stays after a kill, is missing if another program made the socket, and is wrong in containers, where
numbers are soon reused. Here a connection attempt decides: if it is refused, the socket is stale.
"""

import errno
import fcntl
import os
import re
import socket
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

from twisted.internet import tcp, unix
from twisted.internet.abstract import isIPv6Address
from twisted.internet.endpoints import quoteStringArgument, serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamServerEndpoint
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from twistecho.base.notation import whole
from twistecho.base.sockets import check_listening, family_of
from twistecho.eagerreactor import unix as eagerunix

UNIX_MODE = "660"
"""The default mode of a Unix socket: its owner and group may connect."""

BACKLOG = 4096
"""Connections that may wait to be accepted; the kernel caps it at ``net.core.somaxconn``."""

LOCK_WAIT = 2.0
"""Seconds for which a service waits for another that is starting on the same Unix socket."""

_NO_LOCK = -1  # instead of a descriptor

_Made = TypeVar("_Made")


@contextmanager
def _alone_at(path: Path) -> Iterator[None]:
    """Keep this user's other services from replacing a socket between our check and our bind.

    A lock file beside the socket is locked meanwhile and then removed; one left behind does no
    harm. Raises OSError if another service keeps the lock for longer than `LOCK_WAIT`.
    """
    lock = Path(f"{path}.lock")
    give_up = time.monotonic() + LOCK_WAIT
    while (handle := _try_to_lock(lock)) is None:
        if time.monotonic() >= give_up:
            raise OSError(errno.EAGAIN, f"another service is starting: it holds the lock {lock}")
        time.sleep(0.02)
    try:
        yield
    finally:
        if handle != _NO_LOCK:
            with suppress(OSError):
                lock.unlink()
            os.close(handle)


def _try_to_lock(path: Path) -> int | None:
    """Lock our lock file and return its descriptor, or None if another process holds the lock.

    Returns `_NO_LOCK` if the path is not ours: another user's file must not prevent our start. That
    user cannot remove our socket, except in a folder of their own.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        handle = os.open(path, flags, 0o600)
    except OSError:
        return _NO_LOCK
    found = os.fstat(handle)
    if found.st_uid == os.geteuid():
        with suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _identity(path) == (found.st_dev, found.st_ino):  # not removed since
                return handle
    os.close(handle)
    return None if found.st_uid == os.geteuid() else _NO_LOCK


def make_way(path: Path) -> None:
    """Remove a stale socket. Raises OSError if the path is in use or is not a socket."""
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
                pass  # in use, with a full queue
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def _identity(path: Path) -> tuple[int, int] | None:
    """Return the device and inode of a file, None without one: to detect that it was replaced."""
    with suppress(OSError):
        found = path.lstat()
        return found.st_dev, found.st_ino
    return None


class UnixPort(unix.Port):
    """A Unix socket that is made at the start, and removed at the end if it is still the same."""

    _made: tuple[int, int] | None = None

    def __init__(
        self, path: str, factory: IProtocolFactory, backlog: int, mode: int, reactor: object
    ) -> None:
        super().__init__(os.fsencode(path), factory, backlog, mode, reactor)
        self.path = Path(path)

    def startListening(self) -> None:
        """Listen. Raises CannotListenError."""
        try:
            with _alone_at(self.path):
                make_way(self.path)
                super().startListening()  # type: ignore[no-untyped-call]  # Twisted's
        except OSError as error:
            raise CannotListenError(None, str(self.path), error) from error
        self._made = _identity(self.path)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Remove the socket, unless it has been replaced by another."""
        if self._made is not None and self._made == _identity(self.path):
            with suppress(OSError):
                self.path.unlink()
        # Skip the parent's method, which unlinks any file there and fails if there is none.
        tcp.Port.connectionLost(self, reason)


class AdoptedUnixPort(unix.Port):
    """A Unix socket that another process, such as systemd, has opened and keeps.

    Twisted's own port would change its mode, shut it down at the end, and remove it.
    """

    _shouldShutdown = False

    def startListening(self) -> None:
        """Accept on the socket as it is."""
        port: Any = self  # Twisted's annotations do not allow these assignments
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


class _Description(NamedTuple):
    """The parts of a description, still with their backslashes."""

    kind: str
    positional: list[str]
    named: dict[str, str]


def _parts(description: str) -> _Description:
    kind, *parts = re.split(r"(?<!\\):", description)
    pairs = [re.split(r"(?<!\\)=", part, maxsplit=1) for part in parts]
    named = {pair[0]: pair[1] for pair in pairs if len(pair) == 2}
    return _Description(kind, [pair[0] for pair in pairs if len(pair) == 1], named)


def describe_port(text: str, host: str) -> str:
    """Turn a bare port number into an endpoint description; leave a description as it is.

    Raises ValueError for what is neither.
    """
    if ":" in text:
        return text
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(f"{text!r} is neither a port nor an endpoint description")
    if whole(text) > 65535:
        raise ValueError(f"{text} is not a port, 0 to 65535")
    kind = "tcp6" if isIPv6Address(host) else "tcp"
    return f"{kind}:{int(text)}:interface={quoteStringArgument(host)}:backlog={BACKLOG}"


def endpoint_for(reactor: Any, description: str) -> IStreamServerEndpoint:
    """Make the endpoint. Raises ValueError for a bad description, else OSError."""
    parts = _parts(description)
    make = _MAKERS.get(parts.kind)
    try:
        if make is None:
            return _from_string(reactor, description)
        return make(reactor, description, parts)
    except OSError as error:
        if error.filename is None:
            raise
        raise OSError(f"{os.fsdecode(error.filename)}: {error.strerror}") from error
    except (TypeError, AttributeError, KeyError) as error:
        raise ValueError(str(error)) from error
    except (IndexError, RuntimeError):  # from Twisted, for a text that it cannot parse
        raise ValueError("its kind is missing, or it ends with a backslash") from None


def is_tls(description: str) -> bool:
    """Return whether a description asks for TLS."""
    return _parts(description).kind == "ssl"


def _from_string(reactor: object, description: str) -> IStreamServerEndpoint:
    return cast("IStreamServerEndpoint", serverFromString(reactor, description))


def _unix(reactor: Any, description: str, parts: _Description) -> IStreamServerEndpoint:
    if not parts.named.get("address", *parts.positional[:1]):
        raise ValueError("the path is missing")
    if "mode" not in parts.named and len(parts.positional) < 2:
        description = f"{description}:mode={UNIX_MODE}"
    return _from_string(_with_own_ports(reactor), description)


def _systemd(reactor: Any, description: str, parts: _Description) -> IStreamServerEndpoint:
    domain = parts.named.get("domain", *parts.positional[:1])
    if domain not in ("INET", "INET6", "UNIX"):
        raise ValueError("domain must be INET, INET6 or UNIX")
    try:
        return _from_string(_with_own_ports(reactor), description)
    except LookupError:
        raise OSError("systemd has passed no such socket") from None


def _tls(reactor: Any, description: str, parts: _Description) -> IStreamServerEndpoint:
    try:
        import twisted.internet.ssl  # noqa: F401, PLC0415 - it needs an extra
    except ImportError:
        raise OSError("TLS needs an extra: pip install 'twistecho[tls]'") from None
    port = parts.named.get("port", "".join(parts.positional[:1]))
    for number in (port, parts.named.get("backlog", "1")):
        # Twisted checks these last, with the same errors as for bad certificate files.
        if not (number.isascii() and number.isdecimal()):
            raise ValueError(f"{number!r} is not a number")
    return _with_certificate(lambda: _from_string(_with_own_ports(reactor), description))


_Maker = Callable[[Any, str, _Description], IStreamServerEndpoint]
_MAKERS: dict[str, _Maker] = {"ssl": _tls, "systemd": _systemd, "unix": _unix}


def _with_certificate(make: Callable[[], _Made]) -> _Made:
    """Call a function that needs the certificate and its key. Raises OSError if these are bad."""
    try:
        return make()
    except (OSError, TypeError, AttributeError):
        raise
    except Exception as error:
        raise OSError(f"cannot use certificate and key: {_openssl_words(error)}") from error


def _openssl_words(error: Exception) -> str:
    """Return the last reason of OpenSSL's list, or the error's first line."""
    reasons = error.args[0] if error.args else None
    if isinstance(reasons, list) and reasons:
        return str(reasons[-1][-1])
    return str(error).partition("\n")[0] or type(error).__name__


def _tls_factory(clock: Any, context_factory: Any, factory: IProtocolFactory) -> IProtocolFactory:
    """Wrap a factory that may refuse connections in TLS."""
    from .tls import TLSFactory  # noqa: PLC0415 - it needs an extra

    return cast("IProtocolFactory", TLSFactory(clock, context_factory, factory))


def _with_own_ports(reactor: Any) -> "OwnPorts":
    return reactor if isinstance(reactor, OwnPorts) else OwnPorts(reactor)


class OwnPorts:
    """Replaces the reactor's methods for Unix sockets and TLS. See `IReactorUNIX` and others.

    Methods, their arguments and defaults are the reactor's.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    def listenTCP(
        self, port: int, factory: IProtocolFactory, backlog: int = 50, interface: str = ""
    ) -> IListeningPort:
        """Listen on TCP, as the reactor does."""
        return cast("IListeningPort", self._reactor.listenTCP(port, factory, backlog, interface))

    def listenUNIX(
        self,
        address: str,
        factory: IProtocolFactory,
        backlog: int = 50,
        mode: int = 0o660,
        wantPID: bool = False,  # noqa: ARG002 - no lock file is needed
    ) -> IListeningPort:
        """Listen on a Unix socket."""
        return self._started(UnixPort(address, factory, backlog, mode, self._reactor))

    def _started(self, port: Any) -> IListeningPort:
        """Start a Unix port, with the transport class of its reactor."""
        if hasattr(self._reactor, "untried"):  # the eager reactor; its module needs epoll
            port.transport = eagerunix.Server
        port.startListening()
        return cast("IListeningPort", port)

    def listenSSL(
        self,
        port: int,
        factory: IProtocolFactory,
        contextFactory: Any,
        backlog: int = 50,
        interface: str = "",
    ) -> IListeningPort:
        """Listen for TLS."""
        wrapped = _with_certificate(lambda: _tls_factory(self._reactor, contextFactory, factory))
        return self.listenTCP(port, wrapped, backlog, interface)

    def adoptStreamPort(
        self, fileDescriptor: int, addressFamily: int, factory: IProtocolFactory
    ) -> IListeningPort:
        """Accept on a socket that is listening already. Raises OSError if it is not."""
        family = family_of(fileDescriptor)
        if family != addressFamily:
            raise OSError(f"the socket that was passed is {family.name}")
        check_listening(fileDescriptor)
        if family != socket.AF_UNIX:
            return cast(
                "IListeningPort",
                self._reactor.adoptStreamPort(fileDescriptor, addressFamily, factory),
            )
        ports: Any = AdoptedUnixPort
        return self._started(
            ports._fromListeningDescriptor(self._reactor, fileDescriptor, factory)  # noqa: SLF001 - as reactors do
        )
