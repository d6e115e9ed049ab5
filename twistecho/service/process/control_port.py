"""``--control``: the control port of the process."""

from collections.abc import Mapping
from typing import Any

from twisted.web.resource import IResource

from twistecho.service.control.factory_steering import FactorySteering
from twistecho.service.control.guards import Guards
from twistecho.service.control.site import control_site
from twistecho.service.control.steering import Steering
from twistecho.service.listening.echo_service import EchoService

from .serving import Listener, make_listener

CONTROL = "control"
"""The name of the control port's service in the log."""

STEERED_BY_ANYBODY = (
    "{where} can be reached from other machines, and any client there can control the service "
    "without a token. Set one with --control-token-file, or bind 127.0.0.1."
)
"""The warning for such a port."""


def make_steering(service: EchoService) -> Steering:
    """Make the control operations of a service in one process."""
    return FactorySteering(
        service.clock,
        service.factory,
        service.accept_waiting,
        check=service.check,
        follow=service.follow_scenario,
    )


def make_control(
    reactor: Any, options: Mapping[str, Any], steering: Steering, metrics: IResource | None
) -> Listener:
    """Make the listener of ``--control``. Ends the process where that fails."""
    text, description = options["control"]
    token = options["control-token-file"]
    site = control_site(reactor, steering, Guards(options["control-host"], token), metrics)
    exposed = STEERED_BY_ANYBODY if token is None else ""
    return make_listener(reactor, f"--control {text}", description, site, CONTROL, exposed=exposed)
