"""A faster epoll reactor for any Twisted program: ``twist --reactor eager``, or `install`.

It is Twisted's `EPollReactor` with three differences, none of which a protocol can see but by the
clock:

1. *Writing is tried before it is waited for.* Twisted buffers what a protocol writes, registers the
   descriptor for writability, waits, sends and unregisters it: two ``epoll_ctl`` and one more
   ``epoll_wait`` for every reply. Here, a connected stream transport that wants to write is put on
   a list, and when the callbacks of this turn have returned, the reactor asks each one's socket as
   if its descriptor had been reported. Only one that still wants to write after that is registered.
   So ``write`` itself never sends: all that a callback writes goes out together (with Nagle's
   algorithm, a second small segment would wait for the peer's delayed ACK), errors come up in the
   reactor and never in the midst of a protocol's code, TLS has its bytes to itself, and a pull
   producer does not recurse: each transport is tried once, what its producer writes then has to
   wait for writability, so that no transport keeps the others from being served. A turn takes no
   more than `MOST_EVENTS` events, so that no reply waits long for the callbacks of others. Reading
   first and then sending is also what the processor's caches like best.
2. *No log context is built for an event.* A transport is itself the context, and says which prefix
   log lines have when there is one to log; see `transports`.
3. *The clock is monotonic*, a step of the wall clock moves no delayed call, and *exact*: a delayed
   call does not wait for the next whole millisecond.

A protocol may also say in a method of its own, ``replyEagerly``, which bytes are to be written in
reply to what came. It is called in place of the ``dataReceived`` of the same class, and only where
that would be called: a wrapper, a subclass or an attribute of the protocol that puts another
``dataReceived`` before it gets all bytes, as under every reactor. See `transports` for the rule.

Stream connections that break keep their errno: the `ConnectionLost` that the protocol is given has
it as ``osError``. What is used of Twisted that is not public is listed, and tested.
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

    Where nothing is installed here, the platform's default is, when it is first imported.
    """
    if "twisted.internet.reactor" in sys.modules or not hasattr(select, "epoll"):
        return
    install()


def reactor_name(reactor: object) -> str:
    """Name a reactor as ``--reactor`` does, from its class: ``eager``, ``epoll``, ``select``."""
    return type(reactor).__name__.removesuffix("Reactor").lower()
