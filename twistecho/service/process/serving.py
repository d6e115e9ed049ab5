"""Makes the service that the options of ``twist echo`` ask for, as the main service of its process.

An error ends the process with one line that names the option: exit code 2 for a wrong command
line, 1 for environment errors. A first signal stops the service and sends pending replies; a second
one ends it at once.
"""

import errno
import os
import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from socket import gaierror
from types import FrameType
from typing import Any, NamedTuple, TypeVar, cast

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import (
    IListeningPort,
    IProtocolFactory,
    IReactorCore,
    IReactorFromThreads,
    IReactorTime,
    IStreamServerEndpoint,
)
from twisted.logger import Logger

from twistecho.base.listening import remedy
from twistecho.base.processes import raise_open_files, room_for_connections
from twistecho.service.echo.factory import EchoFactory
from twistecho.service.echo.limits import Limits
from twistecho.service.listening.echo_service import EXPOSED, LISTENING, EchoService
from twistecho.service.listening.endpoint import BACKLOG, endpoint_for
from twistecho.service.listening.proxy_factory import ProxiedEchoFactory
from twistecho.service.scenario.scenario import Scenario

from .first_line import FirstLine
from .notify import Notifications
from .options import end_process

SOMAXCONN = Path("/proc/sys/net/core/somaxconn")
"""The file in which Linux shows the longest backlog it allows."""

_log = Logger()


_Result = TypeVar("_Result")


class Listener(NamedTuple):
    """An endpoint, the factory to serve there, and the option that asked for it.

    For a factory other than the echo's, ``what`` is its name in the log, and ``exposed`` the
    warning that is logged if other machines can reach it.
    """

    endpoint: IStreamServerEndpoint
    factory: IProtocolFactory
    option: str
    what: str = ""
    exposed: str = EXPOSED


def make_factory(
    clock: IReactorTime, options: Mapping[str, Any], limits: Limits, *, debugging: bool
) -> ProxiedEchoFactory:
    """Make the factory that the options ask for; connections are logged when debugging."""
    scenario: Scenario = options["scenario"]
    return ProxiedEchoFactory(
        clock,
        proxies=options["proxy-from"],
        scenario=scenario,
        limits=limits,
        log_connections=debugging,
        log_payload=bool(options["log-payload"]),
    )


def make_listener(
    reactor: object,
    option: str,
    description: str,
    factory: IProtocolFactory,
    what: str = "",
    *,
    exposed: str = EXPOSED,
) -> Listener:
    """Make a listener of a description. Ends the process where that fails."""
    try:
        return Listener(endpoint_for(reactor, description), factory, option, what, exposed)
    except OSError as error:
        end_process(f"{option}: {reason(error)}", 1)
    except Exception as error:  # noqa: BLE001 - endpoint parsers may raise anything
        end_process(f"{option}: not an endpoint description: {error}", 2)


def make_listeners(
    reactor: object, options: Mapping[str, Any], factory: IProtocolFactory
) -> list[Listener]:
    """Make the listeners of ``--port``, see `make_listener`."""
    _warn_of_backlog()
    return [
        make_listener(reactor, f"--port {text}", description, factory)
        for text, description in options["endpoints"].items()
    ]


def reason(error: BaseException) -> str:
    """Return the system's message, without the number, if there is one; name a bad interface."""
    why = error.socketError if isinstance(error, CannotListenError) else error
    words = getattr(why, "strerror", None) or str(why)
    if isinstance(why, gaierror) or getattr(why, "errno", None) == errno.EADDRNOTAVAIL:
        return f"interface={getattr(error, 'interface', '')}: {words}"
    return words


def _remedy(error: BaseException) -> str:
    """Return what to try where it was a TCP port that could not be had; else nothing."""
    if not (isinstance(error, CannotListenError) and isinstance(error.port, int)):
        return ""
    return remedy(getattr(error.socketError, "errno", None), error.port)


METRICS = "requests of /metrics"
"""The name of the metrics port's service in the log."""


def serves_metrics(options: Mapping[str, Any]) -> bool:
    """Return whether metrics are served: at a port of their own, or at the control port.

    Ends the process if ``--metrics`` is given and its library is missing; ``--control`` works
    without it.
    """
    if options["metrics"] is None and options["control"] is None:
        return False
    try:
        import prometheus_client  # noqa: F401, PLC0415 - it needs an extra
    except ImportError:
        if options["metrics"] is None:
            return False
        end_process("--metrics: this needs prometheus-client: pip install 'twistecho[metrics]'", 2)
    return True


def fitting(limits: Limits) -> Limits:
    """Reduce the number of connections to fit the open-file limit, which is raised if possible."""
    open_files = raise_open_files()
    room = room_for_connections(open_files)
    if 0 < limits.connections <= room:
        return limits
    _log.warn(
        "Limiting connections to {room}: the process may have {files} open files",
        files=open_files,
        room=room,
    )
    return replace(limits, connections=room)


def _warn_of_backlog() -> None:
    """Warn if the kernel will reduce the backlog."""
    try:
        most = int(SOMAXCONN.read_text())
    except (OSError, ValueError):
        return  # not Linux
    if most < BACKLOG:
        _log.warn(
            "net.core.somaxconn limits the backlog of {backlog} to {most}",
            backlog=BACKLOG,
            most=most,
        )


class MainService(EchoService):
    """Serves a process's listeners, and notifies its service manager."""

    def __init__(
        self,
        clock: IReactorTime,
        factory: EchoFactory,
        listeners: Sequence[Listener],
        drain: float | None,
    ) -> None:
        super().__init__(clock, factory, (), drain)  # no endpoints: they are in its listeners
        self.first_line = FirstLine()
        self._announced: list[str] = []
        self._listeners = list(listeners)
        self._notifications = Notifications(clock, os.environ)

    def add_listener(self, listener: Listener) -> None:
        """Add a listener other than the echo's."""
        self._listeners.append(listener)

    def startService(self) -> None:
        """Listen; notify that the service is ready once the reactor runs."""
        super().startService()
        reactor = cast("IReactorCore", self.clock)
        reactor.callWhenRunning(heed_first_signal, (signal.SIGINT, signal.SIGTERM))
        reactor.callWhenRunning(self._write_first_lines)
        reactor.callWhenRunning(self._begin)

    def _write_first_lines(self) -> None:
        for line in self._announced:  # not before: another port may be in use
            self.first_line.write(line)

    def _begin(self) -> None:
        self._notifications.ready()

    def announce(self, port: IListeningPort) -> None:
        """Log where and how the echo listens, and write it for people where the log is JSON."""
        super().announce(port)
        self._announced.append(LISTENING.format(**self.said_of(port.getHost())))

    def said_of(self, address: object) -> dict[str, str]:
        """Return what `LISTENING` says of a port, on a terminal with how to stop."""
        return {**super().said_of(address), "hint": self.first_line.hint}

    def privilegedStartService(self) -> None:
        """Listen on all listeners, or end the process."""
        for listener in self._listeners:
            self.listen_or_end(listener)

    def listen_or_end(self, listener: Listener) -> None:
        """Listen, or end the process with one line."""
        try:
            self.listen(listener.endpoint, listener.factory, listener.what, listener.exposed)
        except Exception as error:  # noqa: BLE001 - endpoints may raise anything
            why = f"cannot listen: {reason(error)}{_remedy(error)}"
            end_process(f"{listener.option}: {why}", 1)

    def stopService(self) -> Deferred[Any]:
        """Stop, and let a second signal end the wait for pending replies."""
        restore = self._on_second_signals()
        self._notifications.stopping()
        return super().stopService().addBoth(restore).addBoth(self._fall_silent)

    def _on_second_signals(self) -> Callable[[_Result], _Result]:
        return on_signals((signal.SIGINT, signal.SIGTERM), self._stop_at_once)

    def _fall_silent(self, result: _Result) -> _Result:
        self._notifications.stop()
        return result

    def _stop_at_once(self, *_signal: object) -> None:
        cast(IReactorFromThreads, self.clock).callFromThread(self.abort)


def heed_first_signal(numbers: Iterable[signal.Signals]) -> None:
    """Pass only the first of these signals to its handler, until other handlers are set.

    Twisted's handler would stop the reactor for each signal in one turn, which raises an error.
    """
    handlers = {number: signal.getsignal(number) for number in numbers}
    heard: list[int] = []

    def heed(number: int, frame: FrameType | None) -> None:
        heard.append(number)
        handler = handlers[signal.Signals(number)]
        if len(heard) == 1 and callable(handler):
            handler(number, frame)

    for number, handler in handlers.items():
        if callable(handler):  # else it is ignored, or ends the process
            signal.signal(number, heed)


def on_signals(
    numbers: Iterable[signal.Signals], call: Callable[..., None]
) -> Callable[[_Result], _Result]:
    """Have signals call ``call``; return a callback that restores their handlers."""
    before = {number: signal.signal(number, call) for number in numbers}

    def restore(result: _Result) -> _Result:
        for number, handler in before.items():
            signal.signal(number, handler)
        return result

    return restore
