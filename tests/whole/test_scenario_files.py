"""docs/scenarios: each file is a scenario, and does what its real client asks for."""

import poplib
import smtplib
from unittest import TestCase

import httpx
import redis

from tests.support import DOCS
from twistecho.service.process.scenario_file import scenario_from
from twistecho.service.scenario.document import read_scenario, written
from twistecho.testcase import EchoServerMixin
from twistecho.testing.server import EchoServer

FILES = sorted((DOCS / "scenarios").iterdir())
DEADLINE = 60.0
"""Seconds after which a client has waited in vain: far more than anything here takes."""


class FilesTests(TestCase):
    """The files by themselves."""

    def test_each_is_a_scenario_that_the_page_links_to(self) -> None:
        """And says the same when it is written as JSON."""
        page = (DOCS / "steering.md").read_text(encoding="utf-8")
        assert len(FILES) == 4
        for path in FILES:
            with self.subTest(path=path.name):
                document = written(scenario_from(str(path)))
                assert written(read_scenario(document)) == document
                assert f"](scenarios/{path.name})" in page


class ClientsTests(EchoServerMixin, TestCase):
    """Every command that a file answers, from the client of the protocol."""

    def serve(self, name: str) -> EchoServer:
        """Start a server with one of the files."""
        return self.echo_server(scenario=DOCS / "scenarios" / f"{name}.toml")

    def test_smtp(self) -> None:
        """A whole session; what the mail says is not answered."""
        server = self.serve("smtp")
        client = smtplib.SMTP(server.host, server.port, timeout=DEADLINE)
        assert client.helo() == client.ehlo() == (250, b"mail.example")
        assert client.noop() == client.rset() == (250, b"OK")
        mail = "Subject: Ola\r\n\r\nhi\r\n.\r\nQUIT it\r\n"
        assert client.sendmail("me@mail.example", ["you@mail.example"], mail) == {}
        server.assert_received(b"Subject: Ola\r\n", times=1)
        assert client.quit() == (221, b"Bye")

    def test_pop3(self) -> None:
        """Lists and mails of several lines, and a command that it does not know."""
        server = self.serve("pop3")
        client = poplib.POP3(server.host, server.port, timeout=DEADLINE)
        assert client.getwelcome() == b"+OK ready"
        assert client.user("me") == client.pass_("secret") == b"+OK"
        _, lines, size = client.retr(1)
        assert lines == [b"Subject: Ola", b"", b"hi"]
        assert client.stat() == (1, size)
        assert client.list()[1] == client.uidl()[1] == [b"1 %d" % size]
        assert client.dele(1) == client.noop() == client.rset() == b"+OK"
        for command in (lambda: client.retr(2), lambda: client.top(1, 0)):
            with self.assertRaisesRegex(poplib.error_proto, "unknown command"):
                command()
        assert client.quit() == b"+OK bye"

    def test_redis(self) -> None:
        """Both versions of its protocol, and another database."""
        server = self.serve("redis")
        for protocol in (2, 3):
            with redis.Redis(
                server.host,
                server.port,
                db=1,
                protocol=protocol,
                socket_timeout=DEADLINE,
            ) as client:
                assert client.ping() is True
                assert client.set("greeting", "hello") is True
                assert client.get("greeting") == b"hello"

    def test_http(self) -> None:
        """Several requests on one connection."""
        server = self.serve("http")
        base = f"http://{server.host}:{server.port}"
        with httpx.Client(base_url=base, timeout=DEADLINE) as client:
            for _ in range(2):
                response = client.get("/")
                assert (response.status_code, response.text) == (200, "hello")
                assert client.get("/other").status_code == 404
        assert server.connections == 1
