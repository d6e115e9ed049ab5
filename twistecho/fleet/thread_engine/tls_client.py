"""TLS for plain sockets: the trust options, the handshake, and a client's conversation.

The handshake waits in a poller, so that it ends at once when the run ends. TLS has no half-close.
Closing is close_notify both ways; a server that closes its connection without one counts as having
closed.
"""

import select
import socket
import ssl
from collections.abc import Callable
from functools import partial
from typing import Any

from twistecho.fleet.conversation.conversation import Conversation
from twistecho.fleet.plans.target import Target
from twistecho.fleet.reports.outcome import Phase

from .client import Client
from .connecting import Gate, NotConnectedError, StoppedError, await_event

# A record has at most 16 KiB: reading more at once leaves nothing inside OpenSSL, which the poller
# would not see.
_READ_SIZE = 65536
_WANTS = (ssl.SSLWantReadError, ssl.SSLWantWriteError)
_CAME_AFTER = "APPLICATION_DATA_AFTER_CLOSE_NOTIFY"


class HandshakeError(NotConnectedError):
    """The handshake failed: ``reason`` is ``certificate`` or ``tls``; ``errno`` is the system's."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.reason = "certificate" if isinstance(error, ssl.SSLCertVerificationError) else "tls"
        self.errno = None if isinstance(error, ssl.SSLError) else error.errno


def context_for(target: Target) -> ssl.SSLContext:
    """Return a context with the target's trust options.

    Raises ValueError, which names ``ca`` or ``server-name``, if they cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if target.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif target.ca is None:
        context.load_default_certs()
    else:
        try:
            context.load_verify_locations(target.ca)
        except ssl.SSLError:
            raise ValueError(f"ca: {target.ca} contains no certificates") from None
        except OSError as error:
            raise ValueError(f"ca: {target.ca}: {error.strerror or error}") from None
    try:
        context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=target.name)
    except ValueError:
        raise ValueError(f"server-name: {target.name!r} is not a host name") from None
    return context


def secure(
    connection: socket.socket,
    context: ssl.SSLContext,
    name: str,
    left: Callable[[], float],
    stop: Gate,
) -> ssl.SSLSocket:
    """Carry out the handshake over a connected socket; it does not block afterwards.

    ``left()`` returns the time left for it, in seconds. If the peer later closes without
    close_notify, reading raises SSLEOFError. Raises HandshakeError, TimeoutError and StoppedError;
    then the socket is closed.
    """
    connection.setblocking(False)
    # A message is sent as several records, none of which must wait for an acknowledgement.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    secured: ssl.SSLSocket | None = None
    try:
        secured = context.wrap_socket(
            connection,
            server_hostname=name,
            do_handshake_on_connect=False,
            suppress_ragged_eofs=False,
        )
        while wanted := _go_on_with_handshake(secured):
            await_event(secured, wanted, left(), stop)
    except (OSError, StoppedError) as error:
        (secured or connection).close()
        if isinstance(error, StoppedError | TimeoutError):
            raise
        raise HandshakeError(error) from error
    return secured


def _go_on_with_handshake(connection: ssl.SSLSocket) -> int:
    """Continue the handshake; return the event that it waits for, 0 once it is done."""
    try:
        connection.do_handshake()
    except ssl.SSLWantReadError:
        return select.POLLIN
    except ssl.SSLWantWriteError:
        return select.POLLOUT
    return 0


class TLSClient(Client):
    """One client's TLS socket, its handshake done, and its conversation."""

    def __init__(
        self,
        connection: socket.socket,
        conversation: Conversation,
        now: Callable[[], float],
        **gates: Any,
    ) -> None:
        super().__init__(connection, conversation, now, **gates)
        if not isinstance(connection, ssl.SSLSocket):
            raise TypeError("not a TLS socket")
        self._secured = connection
        self._number = 0  # the errno of a broken connection
        self._reading_writes = False  # whether reading waits until TLS can send

    def waited_for(self) -> float | None:
        """Return None: the TLS handshake is a part of connecting, and is not timed."""
        return None

    def _limit_receiving(self) -> None:
        """Do nothing: receiving never waits here."""

    def _only_waits_for_reply(self) -> bool:
        return False  # OpenSSL may have to send something of its own

    def _say(self, message: bytes) -> None:
        self._unsent += message  # TLS may have to read before it can send

    def _interest(self) -> int:
        return super()._interest() | (select.POLLOUT if self._reading_writes else 0)

    def _write(self) -> None:
        if self._reading_writes:
            self._receive()  # TLS can now send, which reading waited for
        else:
            super()._write()

    def _send(self) -> None:
        timing, at = self._running_timing(), self._now()
        try:
            while self._unsent:
                del self._unsent[: self._secured.send(self._unsent)]
            if timing:
                timing.taken(at)
        except _WANTS:
            pass
        except OSError as error:
            self._broke(error)

    def _receive(self) -> bool:
        self._look_when_it_came()
        # The ssl module reports any error of the system as an end of file.
        self._number = self._number or self._secured.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        try:
            data = self._secured.recv(_READ_SIZE)
        except _WANTS as wanted:
            self._reading_writes = isinstance(wanted, ssl.SSLWantWriteError)
            if self._unsent:
                self._send()
            return False
        except OSError as error:
            self._broke(error)
            return True
        self._reading_writes = False
        if not data:
            self._ended()
            return True
        self._say(self._conversation.received(data, self._now()))
        self._look()
        return True

    def _look_when_it_came(self) -> None:
        """Note the arrival time of the bytes that TLS reads next, while a message is timed."""
        timing = self._running_timing()
        if timing:
            # SSLSocket refuses recvmsg; the plain socket's method works.
            recvmsg = partial(socket.socket.recvmsg, self._secured)
            try:
                self._receive_timed(timing, recvmsg, socket.MSG_PEEK)
            except BlockingIOError:
                pass
            except OSError as error:
                self._number = self._number or error.errno or 0  # it is reported only once

    def _broke(self, error: OSError) -> None:
        if not isinstance(error, ssl.SSLError):
            self._lost(error)
        elif isinstance(error, ssl.SSLZeroReturnError):
            self._ended()
        elif isinstance(error, ssl.SSLEOFError):
            # OpenSSL 3 has a reason for an end of file; without one, it was a system error.
            explained = getattr(error, "reason", None) is not None
            self._ended(broke=not explained and ssl.OPENSSL_VERSION_INFO >= (3,))
        else:
            self._conversation.failed("tls", self._now())

    def _ended(self, *, broke: bool = False) -> None:
        """Note that nothing more can be read: the server closed, or the connection broke."""
        if self._number or broke:
            number = self._number or None
            self._conversation.lost(number, self._now(), sending=self._sending())
        else:
            self._conversation.closed(self._now(), sending=self._sending())

    def _finish(self) -> None:
        """Send close_notify; if the server's has not come yet, receiving waits for it."""
        try:
            self._secured.unwrap()
        except _WANTS:
            return
        except OSError as error:
            if getattr(error, "reason", None) == _CAME_AFTER:
                self._conversation.failed("extra", self._now(), phase=Phase.RECEIVE)
            else:
                self._broke(error)
