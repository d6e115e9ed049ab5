"""TLS for plain sockets: whom to trust, and the handshake.

The handshake's waits are the poller's, so that they end at once when the run does.
"""

import select
import socket
import ssl
from collections.abc import Callable

from twistecho.fleet.plans.target import Target

from .connecting import StoppedError
from .gate import Gate


class HandshakeError(Exception):
    """No TLS came about: ``reason`` is ``certificate`` or ``tls``; ``errno`` is the system's."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.reason = "certificate" if isinstance(error, ssl.SSLCertVerificationError) else "tls"
        self.errno = None if isinstance(error, ssl.SSLError) else error.errno


def context_for(target: Target) -> ssl.SSLContext:
    """Give a context that trusts whom the target does.

    Raises ValueError, naming ``ca`` or ``server-name``, where these cannot be used.
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
            raise ValueError(f"ca: {target.ca} holds no certificates") from None
        except OSError as error:
            raise ValueError(f"ca: {target.ca}: {error.strerror or error}") from None
    try:
        context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=target.name)
    except ValueError:
        raise ValueError(f"server-name: {target.name!r} is no host") from None
    return context


def secure(
    connection: socket.socket,
    context: ssl.SSLContext,
    name: str,
    left: Callable[[], float],
    stop: Gate,
) -> ssl.SSLSocket:
    """Carry out the handshake over a connected socket; it does not block afterwards.

    ``left()`` is the time left for it, in seconds. Where the other side closes without
    close_notify later on, reading raises SSLEOFError. Raises HandshakeError, TimeoutError and
    StoppedError; the socket is closed then.
    """
    connection.setblocking(False)
    # A message goes out as several records: none of them is to wait for an acknowledgement.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    secured: ssl.SSLSocket | None = None
    try:
        secured = context.wrap_socket(
            connection,
            server_hostname=name,
            do_handshake_on_connect=False,
            suppress_ragged_eofs=False,
        )
        while wanted := _step(secured):
            _wait(secured, wanted, left(), stop)
    except (OSError, StoppedError) as error:
        (secured or connection).close()
        if isinstance(error, StoppedError | TimeoutError):
            raise
        raise HandshakeError(error) from error
    return secured


def _step(connection: ssl.SSLSocket) -> int:
    """Go on with the handshake; give the event that it waits for, 0 once it is done."""
    try:
        connection.do_handshake()
    except ssl.SSLWantReadError:
        return select.POLLIN
    except ssl.SSLWantWriteError:
        return select.POLLOUT
    return 0


def _wait(connection: socket.socket, event: int, left: float, stop: Gate) -> None:
    if left <= 0:
        raise TimeoutError
    poller = select.poll()
    poller.register(connection, event)
    poller.register(stop, select.POLLIN)
    ready = dict(poller.poll(left * 1000))
    if stop.fileno() in ready:
        raise StoppedError
    if not ready:
        raise TimeoutError
