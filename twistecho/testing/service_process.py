"""``twist echo`` as the child of a process that talks to it: see `base.processes.command`.

Its arguments are the number of an open socket and the options of ``twist echo``. It reads lines
from its standard input and writes JSON to the socket, so that its standard output is anybody's:

    <- {"host": "127.0.0.1", "port": 40001, "connections": 0, ...}     it listens
    -> status
    <- {"host": "127.0.0.1", "port": 40001, "connections": 3, ...}
    -> stop                                        deliver what is owed, say the status, and end
    -> end of file                                 end at once

This is an edge: it takes the global reactor.
"""

import json
import re
import sys
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import connectionDone
from twisted.logger import (
    FilteringLogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    globalLogBeginner,
    textFileLogObserver,
)
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from twistecho.service.listening.echo_service import EchoService
from twistecho.service.process.options import Options, end_process
from twistecho.service.workers.make_service import makeService


class Control(LineOnlyReceiver):
    """The parent's end of the line."""

    delimiter = b"\n"

    def __init__(self, reactor: Any, service: EchoService) -> None:
        self._reactor = reactor
        self._service = service
        # One that is stopping forgets its ports.
        addresses: list[Any] = [port.getHost() for port in service.ports]
        self._address = next(address for address in addresses if hasattr(address, "port"))

    def connectionMade(self) -> None:
        """Say that the service listens, and where."""
        self._say()

    def lineReceived(self, line: bytes) -> None:
        """Do what the parent asks."""
        if line == b"stop":
            stopped: Deferred[Any] = self._service.stopService()
            stopped.addBoth(lambda _: self._stopped())
        else:
            self._service.accept_waiting()  # the parent's own connections count
            self._say()

    def _say(self) -> None:
        factory = self._service.factory
        status = {
            "host": self._address.host,
            "port": self._address.port,
            "how": factory.describe(),
            "connections": factory.counts.accepted,
            "open": len(factory.connections),
            "faults": factory.faults_met,
            "control_words": factory.control_words,
        }
        self.sendLine(json.dumps(status).encode())

    def _stopped(self) -> None:
        self._say()
        self._end()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: ARG002 - Twisted's
        """End: the parent has gone, or wants no more."""
        self._end()

    def _end(self) -> None:
        if self._reactor.running:
            self._reactor.callLater(0, self._reactor.crash)


def main(arguments: Sequence[str]) -> None:
    """Serve until the parent says otherwise."""
    line, *given = arguments
    observer = FilteringLogObserver(
        textFileLogObserver(sys.stderr), [LogLevelFilterPredicate(LogLevel.warn)]
    )
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)
    options = Options()
    told = any(re.match("--port=(?!unix:)", argument) for argument in given)
    options.parseOptions([*given] if told else ["--port=0", *given])  # installs the fastest reactor
    if options["workers"] is not None:
        end_process("--workers: its processes cannot be asked what they have counted", 2)
    from twisted.internet import reactor  # noqa: PLC0415 - importing it installs it
    from twisted.internet.stdio import StandardIO  # noqa: PLC0415 - it needs the reactor

    service = makeService(options)
    service.startService()
    streams: Any = StandardIO  # for type checkers Windows' own
    streams(Control(reactor, service), stdout=int(line))
    reactor.run()


if __name__ == "__main__":
    main(sys.argv[1:])
