"""``twist echo``: its options, and the service they ask for.

This is the edge: the only server room that takes the global reactor, speaks on standard error and
ends the process. Whatever is wrong is said in one line that names the option: exit code 2 where the
command line is at fault, 1 where the world is (a port in use, say).
"""

import secrets
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import Any, NoReturn, TypeVar, cast

from twisted.internet.abstract import isIPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import quoteStringArgument, serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IReactorFromThreads, IReactorTime, IStreamServerEndpoint
from twisted.python import usage

from .delay import DelayPer, parse_delay
from .delays import parse_delays
from .draw import parse_seed
from .factory import EchoFactory
from .faults import parse_faults
from .limits import Limits
from .service import EchoService
from .tracefile import lines_of
from .wire import ReplyFormat

BACKLOG = 4096
"""Connections that may wait to be accepted; the kernel caps it at ``net.core.somaxconn``."""

_DELAY_HELP = (
    "How long a reply is held: seconds (2, 20ms), uniform:1,3, exponential:0.2, "
    "lognormal:median=0.05,sigma=0.8, choice:0.01@0.9,1@0.1 or trace:FILE."
)

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


def _limits(text: str) -> Limits:
    if not text.isdecimal():
        raise ValueError(f"{text!r} is not a number of bytes")
    return Limits(waiting_bytes=int(text))


_PARSERS: dict[str, Callable[[str], object]] = {
    "reply": _one_of(ReplyFormat),
    "seed": parse_seed,
    "delay-per": _one_of(DelayPer),
    "max-waiting": _limits,
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
        ["delay", "d", "0", _DELAY_HELP],
        ["delay-per", None, "reply", "What is held: each reply, or each connection once."],
        ["max-waiting", None, str(Limits().waiting_bytes),
         "Bytes that may wait on one connection before its peer is held back."],
        ["drain", None, None,
         "Seconds to deliver owed replies in when stopping. [default: longest delay + 5]"],
        ["seed", None, None,
         "Whole number that delays and faults are drawn from. [default: a new one, said on start]"],
    ]  # fmt: skip
    optFlags: Sequence[Sequence[Any]] = [
        ["in-band", None, "Let messages that begin with ! choose their own delay or fault."],
    ]

    def __init__(self) -> None:
        super().__init__()
        self["port"] = []
        self["fault"] = []

    def opt_port(self, text: str) -> None:
        """A port number, or a Twisted endpoint description (tcp6:5000, unix:/run/echo.sock).

        May be given more than once. [default: 5000]
        """  # noqa: D401 - this is the option's help text
        self["port"].append(text)

    opt_p = opt_port

    def opt_fault(self, text: str) -> None:
        """KIND[:PROBABILITY][,option=value]: refuse, reset, close, silent, truncate, corrupt,
        extra, drip, stall or late; options every=K, after=N, connection=I and those of the kind.
        May be given more than once.
        """  # noqa: D205 - this is the option's help text
        self["fault"].append(text)

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Parse; end the process with one line and exit code 2 where something is wrong."""
        try:
            super().parseOptions(options)
        except usage.UsageError as error:
            _exit(f"{error}", 2)

    def postOptions(self) -> None:
        """Turn texts into values. Raises UsageError naming the option at fault."""
        for name, parse in _PARSERS.items():
            if self[name] is not None:
                self[name] = _parsed(name, parse, self[name])
        seed = secrets.randbits(32) if self["seed"] is None else self["seed"]
        self["delay"] = _parsed(
            "delay", lambda text: parse_delays(text, seed=seed, lines_of=lines_of), self["delay"]
        )
        per_reply = self["delay-per"] is DelayPer.REPLY
        self["faults"] = _parsed(
            "fault", lambda texts: parse_faults(texts, seed=seed), self["fault"]
        )
        _parsed("fault", self["faults"].multiply, self["delay"].longest if per_reply else 0.0)
        texts = self["port"] or ["5000"]
        self["endpoints"] = {
            text: _parsed("port", lambda port: describe_port(port, self["host"]), text)
            for text in texts
        }


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

    factory = EchoFactory(
        cast(IReactorTime, reactor),
        reply=options["reply"],
        delay=options["delay"],
        delay_per=options["delay-per"],
        limits=options["max-waiting"],
        faults=options["faults"],
        in_band=bool(options["in-band"]),
    )
    endpoints = {_endpoint(reactor, *item): item[0] for item in options["endpoints"].items()}
    return _ProcessService(cast(IReactorTime, reactor), factory, endpoints, options["drain"])


def _endpoint(reactor: object, text: str, description: str) -> IStreamServerEndpoint:
    try:
        return cast(IStreamServerEndpoint, serverFromString(reactor, description))
    except OSError as error:
        _exit(f"--port {text}: {_reason(error)}", 1)
    except Exception as error:  # noqa: BLE001 - each endpoint's parser raises what it likes
        _exit(f"--port {text}: not an endpoint description: {error}", 2)


class _ProcessService(EchoService):
    """The service as the main thing of its process: errors and second signals end the process."""

    def __init__(
        self,
        clock: IReactorTime,
        factory: EchoFactory,
        endpoints: dict[IStreamServerEndpoint, str],
        drain: float | None,
    ) -> None:
        super().__init__(clock, factory, list(endpoints), drain)
        self._texts = endpoints

    def _listen(self, endpoint: IStreamServerEndpoint) -> None:
        try:
            super()._listen(endpoint)
        except Exception as error:  # noqa: BLE001 - each kind of endpoint raises what it likes
            _exit(f"--port {self._texts[endpoint]}: cannot listen: {_reason(error)}", 1)

    def stopService(self) -> Deferred[Any]:
        """Stop, and let a second signal end what is still waited for."""
        restore = _on_signals((signal.SIGINT, signal.SIGTERM), self._stop_at_once)
        return super().stopService().addBoth(restore)

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
