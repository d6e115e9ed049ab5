"""``twist echo``: the service that its options ask for, as the main thing of its process.

This is the edge: the only server room that takes the global reactor, speaks on standard error and
ends the process. Whatever is wrong is said in one line that names the option: exit code 2 where the
command line is at fault, 1 where the world is (a port in use, say).
"""

import os
import signal
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import (
    IProtocolFactory,
    IReactorCore,
    IReactorFromThreads,
    IReactorTime,
    IStreamServerEndpoint,
)
from twisted.logger import Logger, LogLevel

from .echooptions import BACKLOG, Options, end_process
from .endpoint import endpoint_for
from .factory import EchoFactory
from .limits import Limits
from .monotonic import make_steady
from .notify import Notifications
from .openfiles import raise_open_files, room_for_connections
from .proxied import ProxiedEchoFactory
from .service import EchoService

SOMAXCONN = Path("/proc/sys/net/core/somaxconn")
"""Where Linux tells the longest backlog it grants."""

_log = Logger()
_Result = TypeVar("_Result")


def makeService(options: Options) -> EchoService:
    """Make the service that the options ask for, on the global reactor.

    Ends the process with one line where an endpoint's description is wrong.
    """
    from twisted.internet import reactor  # noqa: PLC0415 - importing it installs it

    clock = cast("IReactorTime", reactor)
    make_steady(clock)
    factory = ProxiedEchoFactory(
        clock,
        proxies=options["proxy-from"],
        reply=options["reply"],
        delay=options["delay"],
        delay_per=options["delay-per"],
        limits=_fitting(options["limits"]),
        log_connections=_debugging(options),
        log_payload=bool(options["log-payload"]),
        faults=options["faults"],
        in_band=bool(options["in-band"]),
    )
    listeners = [
        _listener(reactor, f"--port {text}", description, factory)
        for text, description in options["endpoints"].items()
    ]
    if options["metrics"] is not None:
        text, description = options["metrics"]
        listeners.append(_listener(reactor, f"--metrics {text}", description, _metrics(factory)))
    _warn_of_backlog()
    return _ProcessService(clock, factory, listeners, options["drain"])


class _Listener(NamedTuple):
    """Something to listen on, the factory to serve there, and the option that asked for it."""

    endpoint: IStreamServerEndpoint
    factory: IProtocolFactory
    option: str


def _listener(
    reactor: object, option: str, description: str, factory: IProtocolFactory
) -> _Listener:
    try:
        return _Listener(endpoint_for(reactor, description), factory, option)
    except OSError as error:
        end_process(f"{option}: {_reason(error)}", 1)
    except Exception as error:  # noqa: BLE001 - each endpoint's parser raises what it likes
        end_process(f"{option}: not an endpoint description: {error}", 2)


def _metrics(factory: EchoFactory) -> IProtocolFactory:
    try:
        from .metrics import metrics_site  # noqa: PLC0415 - it needs an extra
    except ImportError:
        end_process("--metrics: this needs prometheus-client: pip install 'twistecho[metrics]'", 2)
    return metrics_site(factory)


def _debugging(options: Options) -> bool:
    """Say whether twist was asked for the log of level debug."""
    parent = getattr(options, "parent", None)
    return parent is not None and parent.get("logLevel") is LogLevel.debug


def _fitting(limits: Limits) -> Limits:
    """Lower the number of connections to what the open-file limit, raised if possible, allows."""
    open_files = raise_open_files()
    room = room_for_connections(open_files)
    if 0 < limits.connections <= room:
        return limits
    _log.warn(
        "The limit of {files} open files leaves room for {room} connections: that is the bound now",
        files=open_files,
        room=room,
    )
    return replace(limits, connections=room)


def _warn_of_backlog() -> None:
    """Say so where the kernel will cut the backlog short."""
    try:
        most = int(SOMAXCONN.read_text())
    except (OSError, ValueError):
        return  # not Linux
    if most < BACKLOG:
        _log.warn(
            "net.core.somaxconn cuts the backlog of {backlog} to {most}", backlog=BACKLOG, most=most
        )


class _ProcessService(EchoService):
    """The service as the main thing of its process: errors and second signals end the process."""

    def __init__(
        self,
        clock: IReactorTime,
        factory: EchoFactory,
        listeners: Sequence[_Listener],
        drain: float | None,
    ) -> None:
        echo = [listener.endpoint for listener in listeners if listener.factory is factory]
        super().__init__(clock, factory, echo, drain)
        self._listeners = listeners
        self._notifications = Notifications(clock, os.environ)

    def startService(self) -> None:
        """Listen; say that the service is ready once the reactor runs."""
        super().startService()
        cast("IReactorCore", self.clock).callWhenRunning(self._notifications.ready)

    def privilegedStartService(self) -> None:
        """Listen everywhere or end the process."""
        for endpoint, factory, option in self._listeners:
            try:
                self.listen(endpoint, factory)
            except Exception as error:  # noqa: BLE001 - each kind of endpoint raises what it likes
                end_process(f"{option}: cannot listen: {_reason(error)}", 1)

    def stopService(self) -> Deferred[Any]:
        """Stop, and let a second signal end what is still waited for."""
        restore = _on_signals((signal.SIGINT, signal.SIGTERM), self._stop_at_once)
        self._notifications.stopping()
        return super().stopService().addBoth(restore).addBoth(self._fall_silent)

    def _fall_silent(self, result: _Result) -> _Result:
        self._notifications.stop()
        return result

    def _stop_at_once(self, *_signal: object) -> None:
        cast(IReactorFromThreads, self.clock).callFromThread(self.abort)


def _on_signals(
    numbers: Iterable[signal.Signals], call: Callable[..., None]
) -> Callable[[_Result], _Result]:
    """Have signals call ``call``; give a callback that puts their handlers back."""
    before = {number: signal.signal(number, call) for number in numbers}

    def restore(result: _Result) -> _Result:
        for number, handler in before.items():
            signal.signal(number, handler)
        return result

    return restore


def _reason(error: BaseException) -> str:
    """Give the system's words where there are some, without the number."""
    why = error.socketError if isinstance(error, CannotListenError) else error
    return getattr(why, "strerror", None) or str(why)
