"""Resetting a connection once all that was written to it has been handed to the system.

Aborting alone drops what the transport still holds. A transport asks a pull producer for more when
its buffer is empty, which is how this learns that it is.
"""

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IPullProducer
from zope.interface import implementer


@implementer(IPullProducer)
class _Flushed:
    """A producer that has nothing to say, and calls back once its transport has sent all."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call
        self._asked = 0

    def resumeProducing(self) -> None:
        """Call back when asked again: the first time is at once, on being registered."""
        self._asked += 1
        if self._asked == 2:
            self._call()

    def stopProducing(self) -> None:
        """Do nothing: the connection has gone by itself."""


def reset_when_flushed(transport: Any) -> None:
    """Take the place of the transport's producer, let its buffer empty, then have RST sent."""
    transport.unregisterProducer()
    flushed = _Flushed(transport.abortConnection)
    transport.registerProducer(flushed, False)
    # Where nothing is buffered nobody would ask; a transport in memory has nothing to wait for.
    start_writing = getattr(transport, "startWriting", flushed.resumeProducing)
    start_writing()
