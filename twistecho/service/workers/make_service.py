"""``twist echo``: makes the service that its options ask for.

This is an edge of the program: it uses the global reactor, writes to standard error and ends the
process. An error is one line that names the option: exit code 2 for a wrong command line, 1 for
environment errors (such as a port in use).
"""

import sys
from io import TextIOWrapper
from typing import cast

from twisted.internet.interfaces import IReactorTime
from twisted.logger import LogLevel

from twistecho.base.timers import count_monotonic
from twistecho.eagerreactor import reactor_name
from twistecho.service.listening.echo_service import EchoService
from twistecho.service.process.first_line import first_line_for
from twistecho.service.process.options import Options
from twistecho.service.process.serving import (
    METRICS,
    Listener,
    MainService,
    fitting,
    make_factory,
    make_listener,
    make_listeners,
    serves_metrics,
)


def makeService(options: Options) -> EchoService:
    """Make the service that the options ask for, on the global reactor.

    Ends the process with one line if an endpoint's description is wrong.
    """
    from twisted.internet import reactor  # noqa: PLC0415 - importing it installs it

    clock = cast("IReactorTime", reactor)
    count_monotonic(clock)
    twist = getattr(options, "parent", None) or {}
    log_level = twist.get("logLevel") or LogLevel.info
    _escape_unwritable(twist.get("logFile"))
    if options["workers"] is not None:
        from .pool import make_workers  # noqa: PLC0415 - most services have none

        chosen = "eager" if reactor_name(reactor) == "eager" else twist.get("reactorName")
        workers = make_workers(reactor, options, chosen or "default", log_level)
        workers.first_line = first_line_for(twist, sys.stderr)
        return workers
    debugging = log_level is LogLevel.debug
    factory = make_factory(clock, options, fitting(options["limits"]), debugging=debugging)
    service = MainService(
        clock, factory, make_listeners(reactor, options, factory), options["drain"]
    )
    service.first_line = first_line_for(twist, sys.stderr)
    for listener in _listeners_beside(reactor, options, service):
        service.add_listener(listener)
    return service


def _escape_unwritable(log_file: object) -> None:
    """Escape characters that the log file's encoding lacks: Twisted would drop the line."""
    if isinstance(log_file, TextIOWrapper):
        log_file.reconfigure(errors="backslashreplace")


def _listeners_beside(reactor: object, options: Options, service: MainService) -> list[Listener]:
    """Make the listeners other than the echo's: metrics and control."""
    listeners, metrics = [], None
    if serves_metrics(options):
        from twistecho.service.process.metrics import (  # noqa: PLC0415 - it needs an extra
            metrics_of,
            metrics_site,
        )

        metrics = metrics_of(service.factory)
    if options["metrics"] is not None and metrics is not None:
        text, description = options["metrics"]
        site = metrics_site(metrics)
        listeners.append(make_listener(reactor, f"--metrics {text}", description, site, METRICS))
    if options["control"] is not None:
        from twistecho.service.process import control_port  # noqa: PLC0415 - most have none

        steering = control_port.make_steering(service)
        listeners.append(control_port.make_control(reactor, options, steering, metrics))
    return listeners
