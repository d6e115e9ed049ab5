"""The TCP transports of the eager reactor: Twisted's own, with a shortcut for the usual case.

A protocol may have a method of its own for the commonest case, a reply to what came:

    replyEagerly(data: bytes) -> bytes | None

It is called in place of ``dataReceived``, and the bytes it returns, not more than it was given, are
written as if by ``write``. Elsewhere nobody calls it, so ``dataReceived`` must do the same.
"""

from typing import Any

from twisted.internet import address, main, tcp

from twistecho.base.sockets import share_local_ports

from .connection import EagerConnection


class _TCPConnection(EagerConnection):
    """What TCP connections have besides: a shortcut for the one write that most callbacks make.

    The shortcut is open while ``chunk`` is None: nothing is buffered or waited for, and neither TLS
    nor a pull producer nor an end to come is in the way. A write then only leaves its bytes there,
    to be sent as they are. Whatever else happens before that moves them into Twisted's buffer and
    closes the shortcut; it is open again when Twisted's own way has sent all.
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
        """Start TLS. What was written before goes out before, as it is."""
        self.close_shortcut()
        super().startTLS(ctx, normal)

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Register a producer. A pull producer is asked whenever all was sent: Twisted's way."""
        if not streaming:
            self.close_shortcut()
        super().registerProducer(producer, streaming)

    def close_shortcut(self) -> None:
        """Go Twisted's way, also with what has been written and is untried."""
        chunk, self.chunk = self.chunk, b""
        if chunk:
            self._tempDataBuffer.append(chunk)
            self._tempDataLen += len(chunk)
            self.untried = True

    def _open_shortcut(self) -> None:
        """Take the shortcut from now on, where nothing is in the way."""
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
        """Send what is buffered, then tell who waits for that."""
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
        # As tcp.Server's, but for the words that it composes for the log: see below.
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
        """What lines logged in this connection's callbacks begin with."""
        return f"{self._prefix},{self.sessionno},{self.hostname}"

    @property
    def repstr(self) -> str:
        """What `repr` gives; Twisted sets it where there is no port."""
        words = self._words
        if isinstance(words, str):
            return words
        return f"<{self._class.__name__} #{self.sessionno} on {words}>"

    @repstr.setter
    def repstr(self, words: str) -> None:
        self._words = words


class Client(_TCPConnection, tcp.Client):
    """A TCP connection that is made here."""


class Connector(tcp.Connector):
    """Makes TCP connections."""

    def createInternetSocket(self) -> Any:
        """Make the socket; where it is bound to an address, ``connect`` chooses the port."""
        made = super().createInternetSocket()  # type: ignore[misc]  # tcp.Client's
        share_local_ports(made)
        return made

    def _makeTransport(self) -> Client:
        return Client(self.host, self.port, self.bindAddress, self, self.reactor)
