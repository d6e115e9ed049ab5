"""A service on a real port that is steered through a second port, and plain clients of both."""

import http.client
import json
import socket
from typing import Any

from twisted.internet.threads import deferToThread
from twisted.web.resource import IResource

from tests.support.listening import LONGEST_WAIT, ListeningCase, port_of, reactor
from twistecho import EchoFactory
from twistecho.service.control.guards import Guards
from twistecho.service.control.site import control_site
from twistecho.service.listening.endpoint import endpoint_for
from twistecho.service.process.control_port import make_steering

LOOPBACK = "tcp:0:interface=127.0.0.1"


class Clients:
    """The clients of a service in a thread: they connect to it, and steer it."""

    def __init__(self, echo: int, control: int) -> None:
        self.echo = echo
        self.control = control

    def connect(self) -> socket.socket:
        """Connect to the service's port."""
        return socket.create_connection(("127.0.0.1", self.echo), LONGEST_WAIT)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request to the control port, on a new connection; return the answer's data."""
        connection = http.client.HTTPConnection("127.0.0.1", self.control, timeout=LONGEST_WAIT)
        try:
            said = None if body is None else json.dumps(body)
            connection.request(method, path, said, {"Content-Type": "application/json"})
            response = connection.getresponse()
            answered = response.read()
        finally:
            connection.close()
        assert response.status in {200, 204}, answered
        return json.loads(answered) if answered else None


class SteeredCase(ListeningCase):
    """Starts services with a control port, guarded as that of ``twist echo``."""

    def start_steered(
        self, factory: EchoFactory | None = None, metrics: IResource | None = None, **options: Any
    ) -> Any:
        """Start a service; its second port is the control port."""
        service = self.start(LOOPBACK, factory, **options)
        site = control_site(reactor, make_steering(service), Guards(), metrics)
        service.listen(endpoint_for(reactor, LOOPBACK), site, "control")
        return service

    async def in_thread(self, service: Any, client: Any) -> Any:
        """Call a function of `Clients` in a thread."""
        control = service.ports[1].getHost().port
        return await deferToThread(client, Clients(port_of(service), control))
