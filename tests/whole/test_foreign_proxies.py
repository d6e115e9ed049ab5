"""Proxies and clients that nobody here wrote, between the fleet and the service, or instead of one.

HAProxy is in `tests.service.listening.test_proxy_factory` and in `tests.whole.test_hosts`.
"""

import socket
import ssl
import subprocess
from pathlib import Path
from typing import Any

from twisted.internet.threads import deferToThread

from tests.service.listening.test_proxy_factory import ProxiedCase, half_close
from tests.support.certificates import write_certificate
from tests.support.listening import LONGEST_WAIT, port_of, reactor
from tests.support.peers import unused_port
from tests.support.programs import missing, program
from twistecho import Fleet, Plan, ReplyFormat, Report, run_threads

MESSAGES = (b"Ola mundo da internet!", b"\x00\xff\r\n" * 100, b"x" * 1000)
PLAN = Plan(clients=10, messages=MESSAGES, repeat=10, reply=ReplyFormat.RAW)
STREAM = "/usr/lib/nginx/modules/ngx_stream_module.so"

_NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr emerg;
load_module {module};
events {{ worker_connections 512; }}
stream {{
    upstream echo {{ {servers} }}
    server {{
        listen 127.0.0.1:{port}; proxy_pass echo; proxy_protocol on;
        proxy_half_close on;  # a client that has said FIN is still answered
    }}
}}
"""

_STUNNEL = """
foreground = yes
pid =
debug = 3
[echo]
accept = 127.0.0.1:{port}
connect = 127.0.0.1:{to}
"""


class ForeignCase(ProxiedCase):
    """Runs other people's programs in front of services of this process."""

    def run_program(self, *command: str) -> "subprocess.Popen[str]":
        """Start a program, which is ended after the test."""
        running = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        self.addCleanup(running.communicate)
        self.addCleanup(running.terminate)
        return running

    async def until_it_listens(self, running: "subprocess.Popen[str]", port: int) -> None:
        """Wait until a program listens. Raises AssertionError if it ends instead."""

        def listens() -> bool:
            assert running.poll() is None, f"{running.args!r} ended: {running.communicate()[1]}"
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        await self.until(listens)

    async def count(self, target: str, plan: Plan = PLAN) -> None:
        """Run a plan with both engines: all is answered, and they agree."""
        ours: Report = await Fleet(reactor, target, plan).run()
        theirs: Report = await deferToThread(run_threads, plan, target)
        for report in ours, theirs:
            assert report.failures == {}
            assert report.complete
        assert ours.disagreements(theirs) == []

    async def see_the_client(self, port: int, services: Any, client: Any = half_close) -> None:
        """Talk through a proxy: a service sees the client's own address, not the proxy's."""
        seen: set[tuple[str, int]] = set()
        for service in services:
            enter = service.factory.connections.enter

            def entered(connection: Any, enter: Any = enter) -> int:
                seen.add((connection.peer.host, connection.peer.port))
                return int(enter(connection))

            self.patch(service.factory.connections, "enter", entered)
        reply, address = await self.talk(("127.0.0.1", port), client, ("127.0.0.2", 0))
        assert reply == b"hi"
        assert seen == {address}


class NginxTests(ForeignCase):
    """Nginx's stream module, which balances and says who the client is (PROXY version 1)."""

    async def test_balances_clients_and_says_who_they_are(self) -> None:
        """Every second client goes to the other service; half-close comes through."""
        nginx = program("nginx", "nginx-light")
        if not Path(STREAM).exists():
            missing("nginx's stream module (Debian package libnginx-mod-stream)")
        services = [self.start_proxied(), self.start_proxied()]
        servers = " ".join(f"server 127.0.0.1:{port_of(service)};" for service in services)
        folder, port = self.folder(), unused_port()
        text = _NGINX.format(folder=folder, port=port, module=STREAM, servers=servers)
        path = Path(folder, "nginx.conf")
        path.write_text(text)
        await self.until_it_listens(self.run_program(nginx, "-p", folder, "-c", str(path)), port)
        await self.until(lambda: sum(self.came(services)) == 1)  # who saw that it listens
        await self.count(f"127.0.0.1:{port}")
        await self.see_the_client(port, services)
        assert sorted(self.came(services)) == [PLAN.clients + 1] * 2

    def came(self, services: Any) -> list[int]:
        """Count whom each service has seen: those who said nothing have sent a header too."""
        return [
            service.factory.counts.accepted + service.factory.counts.refused.total()
            for service in services
        ]


class StunnelTests(ForeignCase):
    """Stunnel, which speaks TLS for those that do not."""

    async def run_stunnel(self, to: int, *lines: str) -> int:
        """Start it in front of a port; give its own."""
        port = unused_port()
        path = Path(self.folder(), "stunnel.conf")
        path.write_text("\n".join((_STUNNEL.format(port=port, to=to), *lines, "")))
        stunnel = program("stunnel", "stunnel4")
        await self.until_it_listens(self.run_program(stunnel, str(path)), port)
        return port

    async def test_ends_tls_before_the_service(self) -> None:
        """The fleet verifies its certificate; its PROXY header says who the client is."""
        service = self.start_proxied()
        certificate, key = write_certificate(self.folder())
        lines = (f"cert = {certificate}", f"key = {key}", "protocol = proxy")
        port = await self.run_stunnel(port_of(service), *lines)
        await self.count(f"tls:127.0.0.1:{port}:ca={certificate}")
        context = ssl.create_default_context(cafile=certificate)

        def client(connection: socket.socket) -> tuple[bytes, Any]:
            with context.wrap_socket(connection, server_hostname="127.0.0.1") as secured:
                secured.sendall(b"hi")
                return secured.recv(2), secured.getsockname()

        await self.see_the_client(port, [service], client)

    async def test_begins_tls_for_clients_without(self) -> None:
        """The service's certificate is verified by it; a plain fleet is answered right."""
        certificate, key = write_certificate(self.folder())
        where = f"ssl:0:interface=127.0.0.1:certKey={certificate}:privateKey={key}"
        service = self.start(where)
        lines = ("client = yes", "verifyChain = yes", f"CAfile = {certificate}")
        port = await self.run_stunnel(port_of(service), *lines, "checkIP = 127.0.0.1")
        await self.count(f"127.0.0.1:{port}")


class ClientTests(ForeignCase):
    """Socat and ncat as clients: they say FIN at the end of their input, and wait for replies."""

    async def say_with(self, *command: str) -> bytes:
        """Run a client with three kilobytes to say; give what it has heard when it ends."""
        run = await deferToThread(
            subprocess.run,
            command,
            input=b"hello\n" * 500,
            stdout=subprocess.PIPE,
            timeout=LONGEST_WAIT,
        )
        assert run.returncode == 0
        return bytes(run.stdout)

    async def test_socat_and_ncat_are_answered_after_their_fin(self) -> None:
        """Over TCP and over a Unix socket, by a service that answers late."""
        path = f"{self.folder()}/echo.sock"
        port = str(port_of(self.start("tcp:0:interface=127.0.0.1", delay=0.1)))
        self.start(f"unix:{path}", delay=0.1)
        socat, ncat = program("socat", "socat"), program("ncat", "ncat")
        for command in (
            (socat, "-t10", "-", f"TCP:127.0.0.1:{port}"),
            (socat, "-t10", "-", f"UNIX-CONNECT:{path}"),
            (ncat, "127.0.0.1", port),
            (ncat, "-U", path),
        ):
            assert await self.say_with(*command) == b"hello\n" * 500, command
