"""A transport in memory that can be full, and connections of a factory over it."""

from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.testing import StringTransport

from twistecho import EchoFactory, Limits
from twistecho.service.echo.protocol import EchoProtocol

SMALL = Limits(waiting_bytes=20_000)
"""Limits that a test reaches quickly."""


class Pipe(StringTransport):
    """A transport that records; with ``full`` it behaves as if its peer did not read."""

    bufferSize = 65536
    dataBuffer = b""
    aborted = False
    full = False

    def write(self, data: bytes) -> None:
        """Take bytes, and pause the producer while the buffer is over its size."""
        super().write(data)
        if self.full and self.producer is not None and len(self.value()) > self.bufferSize:
            self.producer.pauseProducing()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Register a producer, and resume a pull producer, as Twisted's transports do."""
        super().registerProducer(producer, streaming)
        if not streaming:
            producer.resumeProducing()

    def drain(self) -> bytes:
        """Let the peer read all bytes, as when a socket becomes writable."""
        data: bytes = self.value()
        self.clear()
        if self.producer is not None:
            self.producer.resumeProducing()
        return data

    def abortConnection(self) -> None:
        """Record the call."""
        self.aborted = True


def connect(factory: EchoFactory, transport: Pipe | None = None) -> tuple[EchoProtocol, Pipe]:
    """Make one connection of a factory."""
    transport = transport or Pipe()
    protocol = factory.buildProtocol(None)
    assert protocol is not None
    protocol.makeConnection(transport)
    return protocol, transport


def tcp(host: str, port: int = 1) -> IPv4Address | IPv6Address:
    """Make an address."""
    return IPv6Address("TCP", host, port) if ":" in host else IPv4Address("TCP", host, port)
