"""From the options of ``twist echo`` to what serves: the factory, its limits, where it listens.

What is wrong ends the process with one line that names the option: exit code 2 where the command
line is at fault, 1 where the world is.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IProtocolFactory, IReactorTime, IStreamServerEndpoint
from twisted.logger import Logger

from twistecho.base.processes import raise_open_files, room_for_connections
from twistecho.service.echo.limits import Limits
from twistecho.service.listening.endpoint import endpoint_for
from twistecho.service.listening.proxy_factory import ProxiedEchoFactory

from .options import BACKLOG, end_process

SOMAXCONN = Path("/proc/sys/net/core/somaxconn")
"""Where Linux tells the longest backlog it grants."""

_log = Logger()


class Listener(NamedTuple):
    """Something to listen on, the factory to serve there, and the option that asked for it."""

    endpoint: IStreamServerEndpoint
    factory: IProtocolFactory
    option: str


def make_factory(
    clock: IReactorTime, options: Mapping[str, Any], limits: Limits, *, debugging: bool
) -> ProxiedEchoFactory:
    """Make the factory that the options ask for; connections are logged when debugging."""
    return ProxiedEchoFactory(
        clock,
        proxies=options["proxy-from"],
        reply=options["reply"],
        delay=options["delay"],
        delay_per=options["delay-per"],
        limits=limits,
        log_connections=debugging,
        log_payload=bool(options["log-payload"]),
        faults=options["faults"],
        in_band=bool(options["in-band"]),
    )


def listener(reactor: object, option: str, description: str, factory: IProtocolFactory) -> Listener:
    """Find out where to listen. Ends the process where that cannot be."""
    try:
        return Listener(endpoint_for(reactor, description), factory, option)
    except OSError as error:
        end_process(f"{option}: {reason(error)}", 1)
    except Exception as error:  # noqa: BLE001 - each endpoint's parser raises what it likes
        end_process(f"{option}: not an endpoint description: {error}", 2)


def reason(error: BaseException) -> str:
    """Give the system's words where there are some, without the number."""
    why = error.socketError if isinstance(error, CannotListenError) else error
    return getattr(why, "strerror", None) or str(why)


def end_without_metrics() -> None:
    """End the process where the library for ``--metrics`` is missing."""
    try:
        import prometheus_client  # noqa: F401, PLC0415 - it needs an extra
    except ImportError:
        end_process("--metrics: this needs prometheus-client: pip install 'twistecho[metrics]'", 2)


def fitting(limits: Limits) -> Limits:
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


def warn_of_backlog() -> None:
    """Say so where the kernel will cut the backlog short."""
    try:
        most = int(SOMAXCONN.read_text())
    except (OSError, ValueError):
        return  # not Linux
    if most < BACKLOG:
        _log.warn(
            "net.core.somaxconn cuts the backlog of {backlog} to {most}", backlog=BACKLOG, most=most
        )
