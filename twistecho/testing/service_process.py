"""``twist echo`` as the child of a process that sends it requests; see `base.processes.command`.

Its arguments are the descriptor of a socket, a JSON object (see below), and options of ``twist
echo``. It reads lines from its standard input and writes lines to the socket, so that its standard
output is free for other text. All lines are JSON; an answer has the number of its request:

    <- [0, {"host": "127.0.0.1", "port": 40001}, null]         it listens
    -> [1, "change", {"delay": "20ms"}]                        a method of `requests.Requests`
    <- [1, {"delay": "0"}, null]                               its result
    -> [2, "change", {"delay": "x"}]
    <- [2, "'x' is not a time", "delay"]                       the problem, and its field
    -> [3, "stop"]                                             deliver pending replies, send state
    -> end of file                                             end at once

The JSON object is ``{"scenario": ..., "state": ..., "port": ...}``: fields of the scenario and, if
the service continues from one that has ended, that one's state and port.

Bytes that arrived before a request count before it: sockets are read first.

This is an entry point: it uses the global reactor.
"""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.internet.task import deferLater
from twisted.logger import (
    FilteringLogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    globalLogBeginner,
    textFileLogObserver,
)
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from twistecho.base.files import lines_of
from twistecho.base.notation import FieldError
from twistecho.service.control.merge_patch import merged
from twistecho.service.listening.echo_service import EchoService
from twistecho.service.process.options import Options, end_process
from twistecho.service.scenario.document import read_scenario, written
from twistecho.service.scenario.framing import check_size
from twistecho.service.workers.make_service import makeService

from .requests import Requests

MOST_TURNS = 20
"""The most turns of the reactor before a request is answered: peers may send forever."""


class FreePortOptions(Options):
    """The options of a service that listens on a free TCP port unless one is given.

    ``port`` is its port of the previous start, used in place of a free one.
    """

    def __init__(self, port: int | None = None) -> None:
        super().__init__()
        self._before = port

    def postOptions(self) -> None:
        """Choose the port."""
        ports = self["port"]
        if all(text.startswith("unix:") for text in ports):
            ports.insert(0, "0")
        if self._before is not None:
            at = next(at for at, text in enumerate(ports) if not text.startswith("unix:"))
            ports[at] = re.sub(r"^((?:[a-z0-9]+:)?)0(?=:|$)", rf"\g<1>{self._before}", ports[at])
        super().postOptions()


class Control(LineOnlyReceiver):
    """The connection to the parent process."""

    delimiter = b"\n"
    MAX_LENGTH = 2**26

    def __init__(self, reactor: Any, service: EchoService, requests: Requests) -> None:
        self._reactor = reactor
        self._service = service
        self._requests = requests

    def connectionMade(self) -> None:
        """Report the address that the service listens on."""
        addresses: list[Any] = [port.getHost() for port in self._service.ports]
        address = next(each for each in addresses if hasattr(each, "port"))
        self._say(0, {"host": address.host, "port": address.port})

    def lineReceived(self, line: bytes) -> None:
        """Carry out a request of the parent."""
        number, what, *arguments = json.loads(line)
        if what == "stop":
            stopped: Deferred[Any] = self._service.stopService()
            stopped.addBoth(lambda _: self._stopped(number))
        else:
            settling = Deferred.fromCoroutine(settle(self._reactor, self._service))
            settling.addCallback(lambda _: self._answer(number, what, arguments))
            settling.addErrback(self._failed)

    def _answer(self, number: int, what: str, arguments: Sequence[Any]) -> None:
        try:
            answer = getattr(self._requests, what)(*arguments)
        except FieldError as error:
            self._say(number, error.problem, error.field)
        else:
            following = self._service.follow_scenario()  # no new connection needs to complete
            following.addErrback(lambda _: None)  # the service has logged why
            following.addCallback(lambda _: self._say(number, answer))

    def _failed(self, failure: Failure) -> None:
        """End after an error of the service itself; its traceback goes to the parent."""
        sys.stderr.write(failure.getTraceback())
        self._end()

    def _say(self, number: int, answer: Any, field: str | None = None) -> None:
        self.sendLine(json.dumps([number, answer, field]).encode())

    def _stopped(self, number: int) -> None:
        self._say(number, self._requests.state())
        transport: Any = self.transport
        transport.loseConnection()  # after that is written

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: ARG002 - Twisted's
        """End: the parent has ended or closed the connection."""
        self._end()

    def _end(self) -> None:
        if self._reactor.running:
            self._reactor.callLater(0, self._reactor.crash)


async def settle(reactor: IReactorTime, service: EchoService) -> None:
    """Let bytes that have arrived be read, unless the service has stopped reading."""
    before = _seen(service)
    for _ in range(MOST_TURNS):
        service.accept_waiting()
        for _half in range(2):  # sockets are read between two timed calls
            await deferLater(reactor, 0)
        now = _seen(service)
        if now == before:
            return
        before = now


def _seen(service: EchoService) -> tuple[int, int, int]:
    """Return counts that change with every read."""
    counts = service.factory.counts
    return counts.accepted, counts.bytes_in, service.factory.count_open()


def _change_scenario(options: Options, fields: Mapping[str, Any]) -> None:
    """Change the options' scenario; end the process with one line for an invalid field."""
    try:
        document = merged(written(options["scenario"]), fields)
        options["scenario"] = read_scenario(document, lines_of=lines_of)
        check_size(options["scenario"].framing, options["limits"].longest_message)
    except FieldError as error:
        field, rest = re.match(r"(\w*)(.*)", error.field, re.DOTALL).groups()  # type: ignore[union-attr]  # matches any
        name = "fault" if field == "faults" else field.replace("_", "-")
        detail = "" if name == "fault" or not rest else f"{rest.removeprefix('.')}: "
        end_process(f"--{name}: {detail}{error.problem}", 2)


def main(arguments: Sequence[str]) -> None:
    """Serve until the parent ends the connection."""
    line, how, *given = arguments
    start = json.loads(how)
    observer = FilteringLogObserver(
        textFileLogObserver(sys.stderr), [LogLevelFilterPredicate(LogLevel.warn)]
    )
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)
    options = FreePortOptions(start.get("port"))
    options.parseOptions(given)  # installs the fastest reactor
    if options["workers"] is not None:
        end_process("--workers: worker processes cannot report their counts to a test", 2)
    _change_scenario(options, start["scenario"])
    from twisted.internet import reactor  # noqa: PLC0415 - importing it installs it
    from twisted.internet.stdio import StandardIO  # noqa: PLC0415 - it needs the reactor

    clock: Any = reactor
    service = makeService(options)
    requests = Requests(clock, service.factory, service.accept_waiting)
    if "state" in start:
        requests.go_on(start["state"])
    service.startService()
    streams: Any = StandardIO  # type checkers see the class for Windows
    streams(Control(reactor, service, requests), stdout=int(line))
    reactor.run()


if __name__ == "__main__":
    main(sys.argv[1:])
