"""A faster epoll reactor for any Twisted program: ``twist --reactor eager``, or `install`.

It is Twisted's `EPollReactor` with three differences, which a protocol can notice only by its
timing:

1. *A write is tried before the reactor waits for writability.* Twisted buffers the bytes that a
   protocol writes, registers the descriptor for writability, waits, sends and unregisters it: two
   ``epoll_ctl`` and one more ``epoll_wait`` per reply. Here, a connected stream transport with
   bytes to write is put on a list. When the callbacks of this turn have returned, the reactor
   calls each one as if its descriptor had been reported. Only transports with bytes left after
   that are registered. So ``write`` itself never sends: all bytes that a callback writes are sent
   together (with Nagle's algorithm, a second small segment would wait for the peer's delayed ACK),
   errors are raised in the reactor and never inside a protocol's code, TLS keeps its bytes to
   itself, and a pull producer does not recurse: each transport is tried once, and the bytes that
   its producer writes next wait for writability, so no transport keeps the others waiting. A turn
   handles at most `MOST_EVENTS` events, so no reply waits long for the callbacks of others.
   Reading first and then sending also makes the best use of the processor's caches.
2. *No log context is built per event.* A transport is itself the context, and computes the prefix
   of log lines only when a line is logged; see `transports`.
3. *The clock is monotonic*, a step of the wall clock moves no delayed call, and *exact*: a delayed
   call does not wait for the next whole millisecond.

A protocol may also have a method ``replyEagerly``, which returns the reply to received bytes. It is
called in place of the ``dataReceived`` of the same class, and only where that would be called: if a
wrapper, a subclass or an attribute of the protocol puts another ``dataReceived`` before it, that
one gets all bytes, as under every reactor. See `transports` for the rule.

Stream connections that break keep their errno: the `ConnectionLost` that is passed to the protocol
has it as ``osError``. The parts of Twisted used here that are not public are listed, and tested.
"""

import select
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .reactor import EagerReactor


def install() -> "EagerReactor":
    """Install an eager reactor as the global one. Raises ReactorAlreadyInstalledError."""
    from . import reactor  # noqa: PLC0415 - it cannot be imported without epoll

    return reactor.install()


def install_fastest() -> None:
    """Install the eager reactor, unless one is installed or the platform has no epoll.

    Otherwise Twisted installs the platform's default when the reactor is first imported.
    """
    if "twisted.internet.reactor" in sys.modules or not hasattr(select, "epoll"):
        return
    install()


def reactor_name(reactor: object) -> str:
    """Return a reactor's name for ``--reactor``, by its class: ``eager`` or ``epoll``."""
    return type(reactor).__name__.removesuffix("Reactor").lower()
