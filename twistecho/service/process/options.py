"""The command line of ``twist echo``. The texts of its options are read in `option_values`."""

import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeVar

from twisted.python import usage

from twistecho.base.notation import escaped
from twistecho.base.version import VERSION
from twistecho.eagerreactor import install_fastest

from .bounds import BOUNDS, default_of

_DELAY_HELP = (
    "How long a reply is held: a time (2, 20ms, 1min), uniform:1,3, exponential:0.2, "
    "lognormal:median=0.05,sigma=0.8, choice:0.01@0.9,1@0.1 or trace:FILE. [default: 0]"
)

_FRAMING_HELP = (
    "What a message is: read, line, delimiter:TEXT, length:1|2|4[,little][,inclusive] or fixed:N. "
    "[default: read]"
)

_Method = TypeVar("_Method", bound=Callable[..., Any])


def _helped(text: str) -> Callable[[_Method], _Method]:
    """Return a decorator that sets the help text of an option, also with ``python -OO``."""

    def set_help(method: _Method) -> _Method:
        method.__doc__ = text
        return method

    return set_help


class Options(usage.Options):
    """The command line of ``twist echo``; parsing turns its texts into values."""

    synopsis = "[options]"
    longdesc = (
        "An echo service whose replies are late or wrong exactly as asked. Each read (up to 1024 "
        "bytes) counts as one message and gets one reply, unless --framing is set. Replies on a "
        "connection keep their order; a client that half-closes still gets every pending reply. "
        "Exit codes: 1 for errors of the environment, such as a port in use; 2 wrong command; "
        "130 after Ctrl-C; 143 after SIGTERM (it ends by the signal, which shells show so)."
    )
    optParameters: Sequence[Sequence[Any]] = [
        ["host", None, "127.0.0.1", "Interface for ports given as a bare number."],
        ["scenario", None, None,
         "File (.toml or .json) with the scenario; options take precedence."],
        ["framing", None, None, _FRAMING_HELP],
        ["banner", None, None, r"Text to send on accept, with \r, \n, \t, \\ and \xHH."],
        ["banner-delay", None, None, "Delay of the banner, as --delay. [default: 0]"],
        ["banner-fault", None, None, "Fault of the banner, as --fault."],
        ["reply", "r", None,
         "Format of the replies: stamped, prefixed or raw. [default: stamped]"],
        ["delay", "d", None, _DELAY_HELP],
        ["delay-per", None, None,
         "What is held: each reply, or each connection once. [default: reply]"],
        *([name, None, default_of(field), text] for name, field, _, text in BOUNDS),
        ["metrics", None, None,
         "Port or endpoint at which to serve Prometheus metrics, under /metrics."],
        ["control", None, None,
         "Port or endpoint for control of the running service: JSON over HTTP."],
        ["control-token-file", None, None,
         "File whose first line is the token that control requests must send."],
        ["drain", None, None,
         "Time to send pending replies when stopping. [default: longest delay + 5 s]"],
        ["workers", None, None,
         "Processes serving the same ports: a number, or auto for one per core. [default: this]"],
        ["seed", None, None,
         "Whole number from which delays and faults are drawn. [default: a new one, logged]"],
    ]  # fmt: skip
    optFlags: Sequence[Sequence[Any]] = [
        ["log-payload", None, "Log received bytes, escaped and cut."],
        ["in-band", None, "Let messages that begin with ! request a delay or fault."],
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
        """Add a port."""
        self["port"].append(text)

    opt_p = opt_port

    @_helped(
        "Trust the PROXY headers of these peers: ADDRESS, ADDRESS/BITS, or unix. "
        "They must send one, version 1 or 2. May be given more than once."
    )
    def opt_proxy_from(self, text: str) -> None:
        """Add trusted peers."""
        self["proxy-from"].append(text)

    @_helped(
        "KIND[:PROBABILITY][,option=value]: refuse, reset, close, silent, truncate, corrupt, "
        "extra, drip, stall, late, bandwidth or unaccepted; options every=K, after=N, "
        "connection=I, peer=ADDRESS[/BITS], limit=N, those of the kind, and at the end "
        "match=REGEX. May be given more than once."
    )
    def opt_fault(self, text: str) -> None:
        """Add a fault."""
        self["fault"].append(text)

    @_helped(
        r"Answer messages that match: /PATTERN/REPLY/[close][,delay=TIME][,limit=N][,fault=FAULT]; "
        r"\1 in the reply is a group. May be given more than once; the first match wins."
    )
    def opt_on(self, text: str) -> None:
        """Add an answer."""
        self["on"].append(text)

    @_helped(
        "Another Host name to accept in control requests, besides localhost and the addresses "
        "of this machine, such as a container's. May be given more than once."
    )
    def opt_control_host(self, text: str) -> None:
        """Add a host name."""
        self["control-host"].append(text)

    @_helped("Display this help and exit.")
    def opt_help(self) -> None:
        """Display the help, as Twisted does."""
        super().opt_help()

    @_helped("Display the version of twistecho and exit.")
    def opt_version(self) -> NoReturn:
        """Display the version of twistecho and exit."""
        sys.stdout.write(f"twistecho {VERSION}\n")
        raise SystemExit(0)

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Parse; end the process with one line and exit code 2 where something is wrong.

        Then install the fastest reactor, unless twist has installed that of ``--reactor`` before.
        """
        try:
            super().parseOptions(options)
        except usage.UsageError as error:
            end_process(f"{error}", 2)
        install_fastest()

    def postOptions(self) -> None:
        """Turn texts into values. Raises UsageError, which names the option."""
        # Checking the values needs most of the service, and --help none of it.
        from .option_values import read_values  # noqa: PLC0415 - see above

        read_values(self)


def end_process(problem: str, code: int) -> NoReturn:
    """End the process with one line on standard error and this exit code."""
    sys.stderr.write(f"twist echo: {escaped(problem)}\n")
    raise SystemExit(code)
