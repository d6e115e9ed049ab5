"""Where to listen, from a description such as ``tcp:5000``, ``unix:/run/echo.sock``, ``ssl:…``.

Descriptions are Twisted's. What differs: Unix sockets have mode 0660 and are looked after by
`unixport`; a TLS port can refuse a connection; and what is wrong is said in words, as ValueError
where the description is at fault and as OSError where the world is.
"""

import os
import re
import socket
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamServerEndpoint

from twistecho.eagerreactor import unix as eagerunix

from .unixport import AdoptedUnixPort, UnixPort

UNIX_MODE = "660"
"""The mode of a Unix socket whose description names none: its owner and group may connect."""


class _Description(NamedTuple):
    """The parts of a description, with their backslashes."""

    kind: str
    positional: list[str]
    named: dict[str, str]


def _parts(description: str) -> _Description:
    kind, *parts = re.split(r"(?<!\\):", description)
    pairs = [re.split(r"(?<!\\)=", part, maxsplit=1) for part in parts]
    named = {pair[0]: pair[1] for pair in pairs if len(pair) == 2}
    return _Description(kind, [pair[0] for pair in pairs if len(pair) == 1], named)


def endpoint_for(reactor: Any, description: str) -> IStreamServerEndpoint:
    """Make the endpoint. Raises ValueError for a bad description, OSError for a bad world."""
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


def is_tls(description: str) -> bool:
    """Tell whether a description asks for TLS."""
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
        raise OSError("no such socket was passed by systemd, or none at all") from None


def _tls(reactor: Any, description: str, parts: _Description) -> IStreamServerEndpoint:
    try:
        import twisted.internet.ssl  # noqa: F401, PLC0415 - it needs an extra
    except ImportError:
        raise OSError("TLS needs more: pip install 'twistecho[tls]'") from None
    port = parts.named.get("port", "".join(parts.positional[:1]))
    for number in (port, parts.named.get("backlog", "1")):
        # Twisted looks at these last, when it is too late to tell them from bad files.
        if not number.isdecimal():
            raise ValueError(f"{number!r} is not a number")
    return _with_certificate(lambda: _from_string(_with_own_ports(reactor), description))


_Maker = Callable[[Any, str, _Description], IStreamServerEndpoint]
_MAKERS: dict[str, _Maker] = {"ssl": _tls, "systemd": _systemd, "unix": _unix}

_Made = TypeVar("_Made")


def _with_certificate(make: Callable[[], _Made]) -> _Made:
    """Make what needs the certificate and its key. Raises OSError where these do not do."""
    try:
        return make()
    except (OSError, TypeError, AttributeError):
        raise
    except Exception as error:
        raise OSError(f"certificate and key do not do: {_openssl_words(error)}") from error


def _openssl_words(error: Exception) -> str:
    """Give the last reason of OpenSSL's list, or the error's first line."""
    reasons = error.args[0] if error.args else None
    if isinstance(reasons, list) and reasons:
        return str(reasons[-1][-1])
    return str(error).partition("\n")[0] or type(error).__name__


def _with_own_ports(reactor: Any) -> "OwnPorts":
    return reactor if isinstance(reactor, OwnPorts) else OwnPorts(reactor)


class OwnPorts:
    """Listens in the reactor's stead where its own ports do not do. See `IReactorUNIX` and others.

    Methods, their arguments and defaults are the reactor's.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    def listenTCP(
        self, port: int, factory: IProtocolFactory, backlog: int = 50, interface: str = ""
    ) -> IListeningPort:
        """Listen on TCP: the reactor does that well."""
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
        """Start a Unix port, with the transports that its reactor would have given it."""
        if hasattr(self._reactor, "untried"):  # the eager reactor; its room needs epoll
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
        from .tlsfactory import TLSFactory  # noqa: PLC0415 - it needs an extra

        wrapped = _with_certificate(lambda: TLSFactory(contextFactory, False, factory))
        return self.listenTCP(port, wrapped, backlog, interface)

    def adoptStreamPort(
        self, fileDescriptor: int, addressFamily: int, factory: IProtocolFactory
    ) -> IListeningPort:
        """Accept on a socket that somebody else listens on."""
        with socket.socket(fileno=os.dup(fileDescriptor)) as passed:
            family = passed.family
        if family != addressFamily:
            raise OSError(f"the socket that was passed is {family.name}")
        if family != socket.AF_UNIX:
            return cast(
                "IListeningPort",
                self._reactor.adoptStreamPort(fileDescriptor, addressFamily, factory),
            )
        ports: Any = AdoptedUnixPort
        return self._started(
            ports._fromListeningDescriptor(self._reactor, fileDescriptor, factory)  # noqa: SLF001 - how reactors do it
        )
