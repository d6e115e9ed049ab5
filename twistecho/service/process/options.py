"""The command line of ``twist echo``. What the texts mean is read in `option_values`."""

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
        "sending side is still answered what it is owed. "
        "Exit codes: 1 for errors of the environment, such as a port in use; 2 wrong command; "
        "130 after Ctrl-C; 143 after SIGTERM (it ends by the signal, which shells show so)."
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
        *([name, None, default_of(field), text] for name, field, _, text in BOUNDS),
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
        sys.stdout.write(f"twistecho {VERSION}\n")
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
        # Most of the service is needed to tell what is right, and none of it for --help.
        from .option_values import read_values  # noqa: PLC0415 - see above

        read_values(self)


def end_process(problem: str, code: int) -> NoReturn:
    """End the process with one line on standard error and this exit code."""
    sys.stderr.write(f"twist echo: {escaped(problem)}\n")
    raise SystemExit(code)
