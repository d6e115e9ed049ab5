"""A client's conversation over TLS, on a socket that does not block.

TLS has no half-close. Closing is close_notify both ways; a server that closes its connection
without one counts as having closed.
"""

import select
import socket
import ssl
from collections.abc import Callable
from typing import Any

from twistecho.fleet.conversation.conversation import Conversation
from twistecho.fleet.reports.outcome import Phase

from .client import Talk

# One record holds at most 16 KiB: reading more at once leaves nothing inside OpenSSL, of which the
# poller would not know.
_READ_SIZE = 65536
_WANTS = (ssl.SSLWantReadError, ssl.SSLWantWriteError)
_CAME_AFTER = "APPLICATION_DATA_AFTER_CLOSE_NOTIFY"


class SecureTalk(Talk):
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
        self._number = 0  # the system's, for a connection that broke
        self._reading_writes = False  # reading waits until TLS can send something of its own

    def _interest(self) -> int:
        return super()._interest() | (select.POLLOUT if self._reading_writes else 0)

    def _send(self) -> None:
        try:
            while self._unsent:
                self._unsent = self._unsent[self._secured.send(self._unsent) :]
        except _WANTS:
            pass
        except OSError as error:
            self._broke(error)

    def _receive(self) -> None:
        # The ssl module makes an end of file of whatever the system says.
        self._number = self._number or self._secured.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        try:
            data = self._secured.recv(_READ_SIZE)
        except _WANTS as wanted:
            self._reading_writes = isinstance(wanted, ssl.SSLWantWriteError)
            if self._unsent:
                self._send()
            return
        except OSError as error:
            self._broke(error)
            return
        self._reading_writes = False
        if not data:
            self._ended()
            return
        self._say(self._conversation.received(data, self._now()))
        self._look()

    def _broke(self, error: OSError) -> None:
        if not isinstance(error, ssl.SSLError):
            self._lost(error)
        elif isinstance(error, ssl.SSLZeroReturnError):
            self._ended()
        elif isinstance(error, ssl.SSLEOFError):
            # OpenSSL 3 gives a reason for an end of file; without one, it was the system's error.
            explained = getattr(error, "reason", None) is not None
            self._ended(broke=not explained and ssl.OPENSSL_VERSION_INFO >= (3,))
        else:
            self._conversation.failed("tls", self._now())

    def _ended(self, *, broke: bool = False) -> None:
        """Note the end of what can be read: the server's, or the system's."""
        if self._number or broke:
            number = self._number or None
            self._conversation.lost(number, self._now(), sending=self._sending())
        else:
            self._conversation.closed(self._now(), sending=self._sending())

    def _finish(self) -> None:
        """Send close_notify; where the server's has not come yet, receiving waits for it."""
        try:
            self._secured.unwrap()
        except _WANTS:
            return
        except OSError as error:
            if getattr(error, "reason", None) == _CAME_AFTER:
                self._conversation.failed("extra", self._now(), phase=Phase.RECEIVE)
            else:
                self._broke(error)
