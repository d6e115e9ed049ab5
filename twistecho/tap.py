"""``twist echo``: its options, and the service they ask for.

This is the edge: the only server room that takes the global reactor, speaks on standard error and
ends the process. Whatever is wrong is said in one line that names the option: exit code 2 where the
command line is at fault, 1 where the world is (a port in use, say).
"""

import os
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TypeVar, cast

from twisted.internet.abstract import isIPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import quoteStringArgument
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import (
    IProtocolFactory,
    IReactorCore,
    IReactorFromThreads,
    IReactorTime,
    IStreamServerEndpoint,
)
from twisted.logger import Logger, LogLevel
from twisted.python import usage

from .bounds import BOUND_PARAMETERS, parse_limits
from .delay import DelayPer, parse_delay
from .endpoint import endpoint_for, is_tls
from .factory import EchoFactory
from .limits import Limits
from .monotonic import make_steady
from .notify import Notifications
from .openfiles import raise_open_files, room_for_connections
from .proxied import ProxiedEchoFactory
from .reactors import install_fastest
from .service import EchoService
from .trusted import TrustedProxies, parse_trusted
from .wire import ReplyFormat

BACKLOG = 4096
"""Connections that may wait to be accepted; the kernel caps it at ``net.core.somaxconn``."""

SOMAXCONN = Path("/proc/sys/net/core/somaxconn")
"""Where Linux tells the longest backlog it grants."""

_log = Logger()
_Choice = TypeVar("_Choice", bound=Enum)
_Result = TypeVar("_Result")


def _one_of(kind: type[_Choice]) -> Callable[[str], _Choice]:
    def parse(text: str) -> _Choice:
        try:
            return kind(text)
        except ValueError:
            names = ", ".join(str(choice) for choice in kind)
            raise ValueError(f"{text!r} is not one of {names}") from None

    return parse


_PARSERS: dict[str, Callable[[str], object]] = {
    "reply": _one_of(ReplyFormat),
    "delay": parse_delay,
    "delay-per": _one_of(DelayPer),
    "drain": lambda text: parse_delay(text).longest,
}


class Options(usage.Options):
    """The command line of ``twist echo``; after parsing, its values are no texts any more."""

    synopsis = "[options]"
    longdesc = (
        "An echo service that answers late, exactly as asked. Every message of at most 1024 bytes "
        "gets one reply. Replies to one connection keep their order; a client that closes its "
        "sending side is still answered what it is owed."
    )
    optParameters: Sequence[Sequence[Any]] = [
        ["host", None, "127.0.0.1", "Interface for ports given as a bare number."],
        ["reply", "r", "stamped", "Format of the replies: stamped, prefixed or raw."],
        ["delay", "d", "0", "Seconds for which a reply is held."],
        ["delay-per", None, "reply", "What is held: each reply, or each connection once."],
        *BOUND_PARAMETERS,
        ["metrics", None, None,
         "Port or endpoint at which to serve Prometheus metrics, under /metrics."],
        ["drain", None, None,
         "Seconds to deliver owed replies in when stopping. [default: longest delay + 5]"],
    ]  # fmt: skip
    optFlags: Sequence[Sequence[Any]] = [
        ["log-payload", None, "Log what peers say, escaped and cut."]
    ]

    def __init__(self) -> None:
        super().__init__()
        self["port"] = []
        self["proxy-from"] = []

    def opt_port(self, text: str) -> None:
        """A port number, or a Twisted endpoint description (tcp6:5000, unix:/run/echo.sock).

        May be given more than once. [default: 5000]
        """  # noqa: D401 - this is the option's help text
        self["port"].append(text)

    opt_p = opt_port

    def opt_proxy_from(self, text: str) -> None:
        """Trust the PROXY headers of these peers: ADDRESS, ADDRESS/BITS, or unix.

        They must send one, version 1 or 2. May be given more than once.
        """
        self["proxy-from"].append(text)

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Parse; end the process with one line and exit code 2 where something is wrong."""
        try:
            super().parseOptions(options)
        except usage.UsageError as error:
            _exit(f"{error}", 2)

    def postOptions(self) -> None:
        """Turn texts into values. Raises UsageError naming the option at fault.

        twist has installed a reactor by now if it was told which; otherwise the fastest is chosen.
        """
        for name, parse in _PARSERS.items():
            if self[name] is not None:
                self[name] = _parsed(name, parse, self[name])
        try:
            self["limits"] = parse_limits(self)
        except ValueError as error:
            raise usage.UsageError(str(error)) from None
        if self["metrics"] is not None:
            self["metrics"] = (
                self["metrics"],
                _parsed("metrics", lambda port: describe_port(port, "127.0.0.1"), self["metrics"]),
            )
        self["proxy-from"] = _parsed("proxy-from", parse_trusted, self["proxy-from"])
        texts = self["port"] or ["5000"]
        self["endpoints"] = {
            text: _parsed("port", lambda port: describe_port(port, self["host"]), text)
            for text in texts
        }
        for text, description in self["endpoints"].items():
            if self["proxy-from"] != TrustedProxies() and is_tls(description):
                raise usage.UsageError(
                    f"--port {text}: with --proxy-from the proxy has to end TLS itself"
                )
        install_fastest()


def _parsed(name: str, parse: Callable[[Any], Any], text: Any) -> Any:
    try:
        return parse(text)
    except ValueError as error:
        raise usage.UsageError(f"--{name}: {error}") from None


def describe_port(text: str, host: str) -> str:
    """Turn a bare port number into an endpoint description; leave a description as it is.

    Raises ValueError for what is neither.
    """
    if not text.isdecimal():
        if ":" not in text:
            raise ValueError(f"{text!r} is neither a port nor an endpoint description")
        return text
    if int(text) > 65535:
        raise ValueError(f"{text} is not a port, 0 to 65535")
    kind = "tcp6" if isIPv6Address(host) else "tcp"
    return f"{kind}:{int(text)}:interface={quoteStringArgument(host)}:backlog={BACKLOG}"


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
        _exit(f"{option}: {_reason(error)}", 1)
    except Exception as error:  # noqa: BLE001 - each endpoint's parser raises what it likes
        _exit(f"{option}: not an endpoint description: {error}", 2)


def _metrics(factory: EchoFactory) -> IProtocolFactory:
    try:
        from .metrics import metrics_site  # noqa: PLC0415 - it needs an extra
    except ImportError:
        _exit("--metrics: this needs prometheus-client: pip install 'twistecho[metrics]'", 2)
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
                _exit(f"{option}: cannot listen: {_reason(error)}", 1)

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


def _exit(problem: str, code: int) -> NoReturn:
    """End the process with one line on standard error."""
    sys.stderr.write(f"twist echo: {problem}\n")
    raise SystemExit(code)
