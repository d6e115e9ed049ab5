"""The eager reactor's transports, based on Twisted's: the base class of all streams, and TCP.

Buffers, producers, TLS and closing stay Twisted's. The bytes that a callback writes are *untried*
until all callbacks of the turn have returned; then the reactor tries the socket for the first time,
and registers it for writability only if it refuses. A connection that breaks keeps its errno.

A TCP connection has a shortcut for the usual case, and its protocol may have a method for the most
common one, a reply to received bytes:

    replyEagerly(data: bytes) -> bytes | None

It is called in place of ``dataReceived``, and the bytes it returns are written as if by ``write``.
Other reactors do not call it, so ``dataReceived`` must do the same.

It is called only if one class defines both: the class that the protocol inherits ``dataReceived``
from must have a ``replyEagerly`` in its own body, and the protocol must have that one and no other.
So all code between the bytes and the protocol sees all bytes, as under every other reactor:

- a wrapper of a protocol that has the method, even if it passes on unknown attribute names;
- a subclass or a mixin with a ``dataReceived`` of its own, to check, to log or to refuse;
- a subclass with only a ``replyEagerly``, whether or not the inherited ``dataReceived`` calls it;
- a protocol on which either was set, as an attribute, before the first bytes arrived.

This is checked when the first bytes arrive after ``transport.protocol`` was set, by Twisted or by
other code, and not per message, which would take a tenth longer. So code that changes a protocol or
its class later must set ``transport.protocol = protocol`` again. Code that replaces
``dataReceived`` in a class that has both must replace ``replyEagerly`` too.
"""

from errno import EBADF, ENOBUFS, EWOULDBLOCK
from os import strerror
from socket import SO_ERROR, SOL_SOCKET
from types import MethodType
from typing import Any

from twisted.internet import address, error, main, tcp
from twisted.python import context
from twisted.python.log import ILogContext

from twistecho.base.sockets import share_local_ports

REFUSED = (EWOULDBLOCK, ENOBUFS)
"""Errors after which a send is tried again when the socket is writable."""

Ended = error.ConnectionLost | error.ConnectionDone | None
"""The result of a read: why the connection has ended, or None."""


def connection_lost(os_error: OSError) -> error.ConnectionLost:
    """Make a `ConnectionLost` whose ``osError`` and ``__cause__`` are the system's error."""
    lost = error.ConnectionLost()
    lost.osError = lost.__cause__ = os_error  # type: ignore[attr-defined]  # this adds it
    return lost


def eager_reply(protocol: Any) -> Any:
    """Return the protocol's replyEagerly, or None if it must not replace dataReceived.

    Nothing is cached per class: a lookup by weak reference would take as long.
    """
    for kind in type(protocol).__mro__:
        body = kind.__dict__
        if "dataReceived" in body:
            break
    else:
        return None
    if "replyEagerly" not in body:
        return None
    found = protocol.dataReceived, protocol.replyEagerly
    for method, own in zip(found, (body["dataReceived"], body["replyEagerly"]), strict=True):
        if (
            type(method) is not MethodType
            or method.__func__ is not own
            or method.__self__ is not protocol
        ):
            return None
    return found[1]


class EagerConnection(tcp.Connection):
    """The base class of the eager reactor's stream transports; mixed in before Twisted's class.

    In its own callbacks a transport is also the log context: Twisted's context stack reads
    ``member[ILogContext]`` of its members, and this one computes the value only when a line is
    logged. A thread started from the callback inherits it, as in Twisted.
    """

    __slots__ = ("_protocol", "bufferSize", "chunk", "reply_to", "socket", "untried")

    replies = False  # whether a protocol's replyEagerly is called, if it has one
    chunk: bytes | None
    reply_to: Any
    untried: bool
    bufferSize: int
    broken: error.ConnectionLost | None = None  # the error of a write's first try
    reactor: Any  # an eager one

    def __new__(cls, *_args: object) -> "EagerConnection":  # noqa: PYI034 - Self came with 3.11
        """Make one; attributes that are used per message, some of them Twisted's, are in slots."""
        self = super().__new__(cls)
        self.bufferSize = tcp.Connection.bufferSize
        self.untried = False  # has bytes to write, and its socket was not tried yet
        self.chunk = b""  # written and untried; see `_TCPConnection`
        self.reply_to = None  # the protocol's replyEagerly, if it is called
        return self

    @property
    def protocol(self) -> Any:
        """The protocol; Twisted deletes it, and the socket, when the connection is lost."""
        return self._protocol

    @protocol.setter
    def protocol(self, protocol: Any) -> None:
        self._protocol = protocol
        if self.replies:
            # Until the first bytes arrive, connectionMade or other code may change the protocol.
            has_one = hasattr(type(protocol), "replyEagerly")
            self.reply_to = self._receive_first if has_one else None

    @protocol.deleter
    def protocol(self) -> None:
        del self._protocol
        self.reply_to = None

    def _receive_first(self, data: bytes) -> Any:
        """Pass on a protocol's first bytes, and choose the method that gets the later ones."""
        protocol = self._protocol
        self.reply_to = reply_to = eager_reply(protocol)
        if reply_to is not None:
            return reply_to(data)
        protocol.dataReceived(data)
        return None

    def __getitem__(self, key: object) -> dict[str, Any]:
        """Return the log context of this connection's callbacks. Raises KeyError for other keys."""
        if key is not ILogContext:
            raise KeyError(key)
        contexts = context.theContextTracker.currentContext().contexts
        outer = contexts[: contexts.index(self)]
        base = next(under[key] for under in reversed(outer) if key in under)
        return {**base, "system": self.logPrefix()}

    def __contains__(self, key: object) -> bool:
        """Return whether `__getitem__` has a value for the key."""
        return key is ILogContext

    def doRead(self) -> Ended:  # type: ignore[override]  # Twisted's are not annotated
        """Read once and pass the bytes to the protocol."""
        try:
            data = self.socket.recv(self.bufferSize)
        except OSError as os_error:
            return self.not_received(os_error)
        if not data:
            return self.end_of_stream()
        self._protocol.dataReceived(data)
        return None

    def end_of_stream(self) -> Ended:
        """Return how the connection ended when a read returned no bytes; see `doRead`."""
        # A failed send clears the socket's error: the next read then looks like a FIN.
        return self.broken or main.CONNECTION_DONE

    def not_received(self, os_error: OSError) -> error.ConnectionLost | None:
        """Return why the connection is lost after a failed read, or None; see `doRead`."""
        if os_error.errno == EWOULDBLOCK:
            return None
        if os_error.errno == EBADF:  # other code has closed the socket
            return error.ConnectionFdescWentAway("File descriptor lost")
        return connection_lost(os_error)

    def why_lost(self) -> error.ConnectionLost:
        """Return why a connection broke: the error found before, or else the socket's."""
        number = 0 if self.broken else self.socket.getsockopt(SOL_SOCKET, SO_ERROR)
        found = connection_lost(OSError(number, strerror(number))) if number else self.broken
        return found or main.CONNECTION_LOST

    def close_shortcut(self) -> None:
        """Do nothing: only `_TCPConnection` has a shortcut."""

    def doWrite(self) -> BaseException | int | None:  # type: ignore[override]  # Twisted's are not annotated
        """Send the buffered bytes, then resume the producer or close, if either waits for that."""
        if self.untried:
            return self._unless_broken(super().doWrite())
        return self.broken or super().doWrite()

    def not_sent(self, chunk: bytes, os_error: OSError) -> None:
        """Keep a chunk until the socket is writable, and the error if the connection broke."""
        if os_error.errno not in REFUSED:
            self._unless_broken(connection_lost(os_error))
        self.wait_with(chunk, 0)

    def wait_with(self, chunk: bytes, sent: int) -> None:
        """Keep the rest of a chunk, if there is one, until the socket is writable."""
        self.chunk = None
        if sent < len(chunk):
            self.chunk, self.dataBuffer, self.offset = b"", chunk, sent
            self.untried = True
            self._maybePauseProducer()

    def _unless_broken(self, why: BaseException | int | None) -> BaseException | int | None:
        """Keep the error of a first try until the socket is reported as ready.

        Bytes that the peer sent before it closed are read first then, as under Twisted.
        """
        if why.__class__ is not error.ConnectionLost:
            return why
        self.broken = self.broken or why
        return None

    def writeSomeData(self, data: bytes | memoryview) -> int | error.ConnectionLost:
        """Send up to ``SEND_LIMIT`` bytes; return how many, or why the connection is lost."""
        if not data:
            return 0
        if len(data) > self.SEND_LIMIT:
            data = memoryview(data)[: self.SEND_LIMIT]
        try:
            sent: int = self.socket.send(data)
        except OSError as os_error:
            return 0 if os_error.errno in REFUSED else connection_lost(os_error)
        return sent


class _TCPConnection(EagerConnection):
    """TCP connections: they have a shortcut for the one write that most callbacks make.

    The shortcut is open while ``chunk`` is None: nothing is buffered or waited for, and there is no
    TLS, no pull producer and no close in progress. A write then only stores its bytes in ``chunk``,
    to be sent as they are. Any other operation before that moves them into Twisted's buffer and
    closes the shortcut; it is open again when Twisted's own code has sent all bytes.
    """

    __slots__ = ()

    replies = True

    def write(self, data: bytes) -> None:
        """Buffer bytes; they are sent as soon as the callbacks of this turn have returned."""
        if self.chunk is None and type(data) is bytes and 0 < len(data) <= self.bufferSize:
            self.chunk = data
            self.reactor.untried.append(self)
        else:
            self.close_shortcut()
            super().write(data)

    def writeSequence(self, iovec: Any) -> None:
        """Buffer several pieces; see `write`."""
        self.close_shortcut()
        super().writeSequence(iovec)

    def startTLS(self, ctx: Any, normal: bool = True) -> None:
        """Start TLS. Bytes written before are sent before, unencrypted."""
        self.close_shortcut()
        super().startTLS(ctx, normal)

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Register a producer. A pull producer closes the shortcut: Twisted's code asks it."""
        if not streaming:
            self.close_shortcut()
        super().registerProducer(producer, streaming)

    def close_shortcut(self) -> None:
        """Use Twisted's own code from now on, also for written bytes that are untried."""
        chunk, self.chunk = self.chunk, b""
        if chunk:
            self._tempDataBuffer.append(chunk)
            self._tempDataLen += len(chunk)
            self.untried = True

    def _open_shortcut(self) -> None:
        """Use the shortcut from now on, if nothing prevents it."""
        if (
            self.connected
            and not (self.untried or self._buffered() or self.TLS)
            and not (self.disconnecting or self._writeDisconnecting or self._writeDisconnected)
            and (self.producer is None or (self.streamingProducer and not self.producerPaused))
        ):
            self.chunk = None

    def _buffered(self) -> bool:
        return bool(self.dataBuffer or self._tempDataLen)

    def doWrite(self) -> BaseException | int | None:  # type: ignore[override]  # Twisted's are not annotated
        """Send the buffered bytes, then resume the producer or close, if either waits for that."""
        chunk = self.chunk
        if not chunk:
            if self.disconnecting and self.producer is None and not self._buffered():
                return main.CONNECTION_DONE
            why = super().doWrite()
            self._open_shortcut()
            return why
        try:
            self.wait_with(chunk, self.socket.send(chunk))
        except OSError as os_error:
            self.not_sent(chunk, os_error)
        return None


class Server(_TCPConnection, tcp.Server):
    """An accepted TCP connection."""

    __slots__ = ()

    def __init__(  # noqa: PLR0917 - Twisted's
        self,
        sock: Any,
        protocol: Any,
        client: tuple[Any, ...],
        server: Any,
        sessionno: int,
        reactor: Any,
    ) -> None:
        # As tcp.Server's, but without composing texts for the log: see below.
        tcp.Connection.__init__(self, sock, protocol, reactor)
        if len(client) != 2:
            self._addressType = address.IPv6Address
        self.server, self.client, self.sessionno = server, client, sessionno
        self.hostname = client[0]
        self._prefix, self._class = self._getLogPrefix(protocol), type(protocol)
        self._words: str | int | None = getattr(server, "_realPortNumber", None)
        self.startReading()
        self.connected = 1
        self.chunk = None

    @property
    def logstr(self) -> str:  # type: ignore[override]  # Twisted has an attribute
        """The prefix of lines that are logged in this connection's callbacks."""
        return f"{self._prefix},{self.sessionno},{self.hostname}"

    @property
    def repstr(self) -> str:
        """The text of `repr`; Twisted sets it if there is no port."""
        words = self._words
        if isinstance(words, str):
            return words
        return f"<{self._class.__name__} #{self.sessionno} on {words}>"

    @repstr.setter
    def repstr(self, words: str) -> None:
        self._words = words


class Client(_TCPConnection, tcp.Client):
    """An outgoing TCP connection."""


class Connector(tcp.Connector):
    """Makes TCP connections."""

    def createInternetSocket(self) -> Any:
        """Make the socket; if it is bound to an address, ``connect`` chooses the port."""
        made = super().createInternetSocket()  # type: ignore[misc]  # tcp.Client's
        share_local_ports(made)
        return made

    def _makeTransport(self) -> Client:
        return Client(self.host, self.port, self.bindAddress, self, self.reactor)
