"""The command line of ``twist echo``: texts become values, or one line says what is wrong."""

import re
import secrets
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from typing import Any, NoReturn, TypeVar

from twisted.python import usage

from twistecho.base.escapes import unescape
from twistecho.base.files import lines_of
from twistecho.base.notation import FieldError, escaped, parse_seconds, whole
from twistecho.base.processes import cores
from twistecho.base.reply_formats import ReplyFormat
from twistecho.base.seeding import parse_seed
from twistecho.eagerreactor import install_fastest
from twistecho.service.control.authority import parse_host
from twistecho.service.control.bearer import read_token
from twistecho.service.echo.limits import Limits, check_size, parse_workers, shares_of
from twistecho.service.listening.endpoint import describe_port, is_tls
from twistecho.service.listening.proxy_header import TrustedProxies, parse_trusted
from twistecho.service.scenario.delay import AskedDelay, DelayPer
from twistecho.service.scenario.escapes import parse_on
from twistecho.service.scenario.framing import parse_framing
from twistecho.service.scenario.parsing import parse_delays, parse_faults
from twistecho.service.scenario.scenario import Scenario
from twistecho.service.scenario.values import read_message_fault

from .scenario_file import scenario_from

_DELAY_HELP = (
    "How long a reply is held: a time (2, 20ms, 1min), uniform:1,3, exponential:0.2, "
    "lognormal:median=0.05,sigma=0.8, choice:0.01@0.9,1@0.1 or trace:FILE. [default: 0]"
)

_FRAMING_HELP = (
    "What a message is: read, line, delimiter:TEXT, length:1|2|4[,little][,inclusive] or fixed:N. "
    "[default: read]"
)

_BOUNDS: list[tuple[str, str, Callable[[str], float], str]] = [
    ("max-waiting", "waiting_bytes", whole,
     "Bytes that may wait on one connection before its peer is held back."),
    ("max-messages", "waiting_messages", whole,
     "Messages that may wait on one connection before its peer is held back."),
    ("max-waiting-total", "total_waiting_bytes", whole,
     "Bytes that may wait on all connections together."),
    ("max-connections", "connections", whole, "Connections in all; 0 for no bound."),
    ("max-per-peer", "connections_per_peer", whole,
     "Connections of one IPv4 address or IPv6 /64; 0 for no bound."),
    ("idle", "idle", parse_seconds,
     "How long without a message (20ms, 2s, 1min, 1h) until a connection is dropped; 0 for ever."),
    ("stall", "stall", parse_seconds,
     "How long a peer may refuse to read before it is dropped; 0 for ever."),
    ("max-message-size", "message_size", whole,
     "Bytes of a message, unless --framing is read; a connection with more is ended."),
    ("max-received", "received_messages", whole,
     "Messages that are kept for who asks through --control what was received."),
    ("max-received-bytes", "received_bytes", whole, "Bytes of these messages together."),
]  # fmt: skip

_OPTION_OF = {field: name for name, field, _, _ in _BOUNDS}


def _default(field: str) -> str:
    """Write a limit that holds where none is asked for as its option is written."""
    value = getattr(Limits(), field)
    return str(value) if isinstance(value, int) else f"{value:g}"


_PARSERS: dict[str, Callable[[Any], object]] = {
    **{name: parse for name, _, parse, _ in _BOUNDS},
    "seed": parse_seed,
    "drain": parse_seconds,
    "metrics": lambda text: (text, describe_port(text, "127.0.0.1")),
    "control": lambda text: (text, describe_port(text, "127.0.0.1")),
    "control-host": lambda texts: tuple(map(parse_host, texts)),
    "control-token-file": read_token,
    "proxy-from": parse_trusted,
    "workers": lambda text: parse_workers(text, cores()),
}


_Method = TypeVar("_Method", bound=Callable[..., Any])


def _helped(text: str) -> Callable[[_Method], _Method]:
    """Give what sets the text that --help shows of an option, which ``python -OO`` keeps."""

    def set_help(method: _Method) -> _Method:
        method.__doc__ = text
        return method

    return set_help


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
        ["scenario", None, None,
         "File, .toml or .json, of what becomes of messages; options take precedence."],
        ["framing", None, None, _FRAMING_HELP],
        ["banner", None, None, r"What is sent on accept: text, with \r, \n, \t, \\ and \xHH."],
        ["banner-delay", None, None, "How long the banner is held, as --delay. [default: 0]"],
        ["banner-fault", None, None, "How the banner goes wrong, as --fault."],
        ["reply", "r", None,
         "Format of the replies: stamped, prefixed or raw. [default: stamped]"],
        ["delay", "d", None, _DELAY_HELP],
        ["delay-per", None, None,
         "What is held: each reply, or each connection once. [default: reply]"],
        *([name, None, _default(field), text] for name, field, _, text in _BOUNDS),
        ["metrics", None, None,
         "Port or endpoint at which to serve Prometheus metrics, under /metrics."],
        ["control", None, None,
         "Port or endpoint at which the service is steered while it runs: JSON over HTTP."],
        ["control-token-file", None, None,
         "File whose first line is the token that who steers has to send."],
        ["drain", None, None,
         "How long to deliver owed replies when stopping. [default: longest delay + 5 s]"],
        ["workers", None, None,
         "Processes that serve the same ports: a number, or auto for one a core. [default: this]"],
        ["seed", None, None,
         "Whole number that delays and faults are drawn from. [default: a new one, said on start]"],
    ]  # fmt: skip
    optFlags: Sequence[Sequence[Any]] = [
        ["log-payload", None, "Log what peers say, escaped and cut."],
        ["in-band", None, "Let messages that begin with ! choose their own delay or fault."],
    ]

    def __init__(self) -> None:
        super().__init__()
        self["port"] = []
        self["proxy-from"] = []
        self["fault"] = []
        self["on"] = []
        self["control-host"] = []

    @_helped(
        "A port number, or a Twisted endpoint description (tcp6:5000, unix:/run/echo.sock). "
        "May be given more than once. [default: 5000]"
    )
    def opt_port(self, text: str) -> None:
        """Listen there too."""
        self["port"].append(text)

    opt_p = opt_port

    @_helped(
        "Trust the PROXY headers of these peers: ADDRESS, ADDRESS/BITS, or unix. "
        "They must send one, version 1 or 2. May be given more than once."
    )
    def opt_proxy_from(self, text: str) -> None:
        """Trust these peers too."""
        self["proxy-from"].append(text)

    @_helped(
        "KIND[:PROBABILITY][,option=value]: refuse, reset, close, silent, truncate, corrupt, "
        "extra, drip, stall, late, bandwidth or unaccepted; options every=K, after=N, "
        "connection=I, peer=ADDRESS[/BITS], limit=N, those of the kind, and at the end "
        "match=REGEX. May be given more than once."
    )
    def opt_fault(self, text: str) -> None:
        """Let this go wrong too."""
        self["fault"].append(text)

    @_helped(
        r"Answer messages that match: /PATTERN/REPLY/[close][,delay=TIME][,limit=N][,fault=FAULT]; "
        r"\1 in the reply is what a group holds. May be given more than once; the first match wins."
    )
    def opt_on(self, text: str) -> None:
        """Answer this too."""
        self["on"].append(text)

    @_helped(
        "A name by which who steers may call this service besides localhost and its addresses, "
        "such as a container's. May be given more than once."
    )
    def opt_control_host(self, text: str) -> None:
        """Go by this name too."""
        self["control-host"].append(text)

    @_helped("Display this help and exit.")
    def opt_help(self) -> None:
        """Do as Twisted does."""
        super().opt_help()

    @_helped("Display the version of twistecho and exit.")
    def opt_version(self) -> NoReturn:
        """Display the version of twistecho and exit."""
        sys.stdout.write(f"twistecho {version('twistecho')}\n")
        raise SystemExit(0)

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Parse; end the process with one line and exit code 2 where something is wrong.

        twist has installed a reactor by now if it was told which; otherwise the fastest is chosen.
        """
        try:
            super().parseOptions(options)
        except usage.UsageError as error:
            end_process(f"{error}", 2)
        install_fastest()

    def postOptions(self) -> None:
        """Turn texts into values. Raises UsageError naming the option at fault."""
        for name, parse in _PARSERS.items():
            if self[name] is not None:
                self[name] = _parsed(name, parse, self[name])
        try:
            self["limits"] = Limits(**{field: self[name] for field, name in _OPTION_OF.items()})
            shares_of(self["limits"], self["workers"] or 1)
        except FieldError as error:
            problem = error.said(lambda field: f"--{_OPTION_OF[field]}")
            raise usage.UsageError(problem) from None
        self["scenario"] = self._scenario()
        for name in ("control-host", "control-token-file"):
            if self[name] and self["control"] is None:
                raise usage.UsageError(f"--{name}: without --control nobody can steer")
        self["endpoints"] = {
            text: _parsed("port", lambda port: describe_port(port, self["host"]), text)
            for text in self["port"] or ["5000"]
        }
        for text, description in self["endpoints"].items():
            if self["proxy-from"] != TrustedProxies() and is_tls(description):
                raise usage.UsageError(
                    f"--port {text}: with --proxy-from the proxy has to end TLS itself"
                )
            if self["scenario"].faults.unaccepted and description.startswith("unix:"):
                raise usage.UsageError(
                    f"--fault: unaccepted: only a TCP port can, --port {text} is none"
                )

    def _scenario(self) -> Scenario:
        """Put together what becomes of messages: the file's, and options in its place."""
        drawn = secrets.randbits(32)
        scenario = Scenario(seed=drawn)
        if self["scenario"] is not None:
            name = self["scenario"]
            scenario = _parsed("scenario", lambda name: scenario_from(name, seed=drawn), name)
        seed = scenario.seed if self["seed"] is None else self["seed"]
        changes = {
            field: _parsed(option, partial(read, seed=seed), self[option])
            for option, (field, read) in _FIELDS.items()
            if self._is_given(option)
        }
        try:
            made = scenario.replace(**changes, seed=seed)
            check_size(made.framing, self["limits"].longest_message)
        except FieldError as error:
            raise usage.UsageError(self._at_fault(error)) from None
        return made

    def _is_given(self, option: str) -> bool:
        """Tell whether an option of the scenario is there, be it empty."""
        return self[option] not in (None, [], 0)

    def _at_fault(self, error: FieldError) -> str:
        """Name the option, or else the file, that a scenario cannot be made for."""
        field = re.split(r"[.[]", error.field)[0]
        option = next((option for option, (name, _) in _FIELDS.items() if name == field), field)
        if self["scenario"] is not None and not self._is_given(option):
            return f"--scenario: {self['scenario']}: {error}"
        return f"--{option}: {error.problem}"


def _many(read: Callable[[str], Any]) -> Callable[..., list[Any]]:
    return lambda texts, seed: [read(text) for text in texts]  # noqa: ARG005 - as others


def _one(read: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda text, seed: read(text)  # noqa: ARG005 - as others


def _delay(text: str, seed: int) -> AskedDelay:
    return parse_delays(text, seed=seed, lines_of=lines_of)


_FIELDS: dict[str, tuple[str, Callable[..., Any]]] = {
    "framing": ("framing", _one(lambda text: parse_framing(unescape(text)))),
    "banner": ("banner", _one(unescape)),
    "banner-delay": ("banner_delay", _delay),
    "banner-fault": ("banner_fault", _one(read_message_fault)),
    "on": ("on", _many(lambda text: parse_on(text, lines_of=lines_of))),
    "reply": ("reply", _one(ReplyFormat.parse)),
    "delay": ("delay", _delay),
    "delay-per": ("delay_per", _one(DelayPer.parse)),
    "fault": ("faults", lambda texts, seed: parse_faults(texts, seed=seed)),
    "in-band": ("in_band", _one(bool)),
}
"""Which field of a scenario each option sets, and what reads it."""


def _parsed(name: str, parse: Callable[[Any], Any], text: Any) -> Any:
    try:
        return parse(text)
    except ValueError as error:
        raise usage.UsageError(f"--{name}: {error}") from None


def end_process(problem: str, code: int) -> NoReturn:
    """End the process with one line on standard error and this exit code."""
    sys.stderr.write(f"twist echo: {escaped(problem)}\n")
    raise SystemExit(code)
