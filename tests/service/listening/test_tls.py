"""What is added to Twisted's TLS: records followed, and a handshake that has its time."""

from typing import Any
from unittest import TestCase

from twisted.internet.task import Clock

from tests.support.pipes import Pipe
from twistecho import EchoFactory
from twistecho.service.listening.tls import HANDSHAKE_TIMEOUT, Records, TLSFactory


class RecordsTests(TestCase):
    """Where records begin and end."""

    def test_however_they_are_cut(self) -> None:
        """In the middle of a record, of its header, byte by byte, or several at once."""
        stream = b"\x17\x03\x03\x00\x03abc" + b"\x17\x03\x03\x01\x00" + bytes(256)
        ends = {8, len(stream)}
        for step in (1, 3, 5, 8, 100, len(stream)):
            records = Records()
            assert not records.amid
            for at in range(0, len(stream), step):
                part = stream[at : at + step]
                records.follow(part)
                with self.subTest(step=step, at=at):
                    assert records.amid is (at + len(part) not in ends)


class HandshakeTests(TestCase):
    """A peer that connects and says nothing, or not enough."""

    def test_it_has_its_time(self) -> None:
        """On top of that for which it is held; then the connection is reset and counted."""
        from twisted.internet.ssl import CertificateOptions  # noqa: PLC0415 - it needs an extra

        clock = Clock()
        echo = EchoFactory(clock)
        factory = TLSFactory(clock, CertificateOptions(), echo)
        echo.scenario = echo.scenario.replace(delay=30.0, delay_per="connection")
        protocol: Any = factory.buildProtocol(None)
        transport: Any = Pipe()
        protocol.makeConnection(transport)
        clock.advance(30.0)
        clock.advance(HANDSHAKE_TIMEOUT - 0.1)
        assert not transport.aborted
        clock.advance(0.2)
        assert transport.aborted
        assert echo.counts.dropped == {"no-tls-handshake": 1}
        assert len(factory.deadlines) == 0
