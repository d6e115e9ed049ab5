"""Who may steer: pages of other hosts may not, and where there is a token, nobody without it."""

from unittest import TestCase

import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from tests.support.steering import HERE, Answered, Asking, FakeSteering
from twistecho.service.control.authority import parse_host
from twistecho.service.control.guards import Guards
from twistecho.service.control.site import control_site

TOKEN = "s3cret"  # noqa: S105 - of a test


def ask(guards: Guards, address: IAddress = HERE, **headers: str) -> Answered:
    """Ask for the scenario."""
    clock = Clock()
    return Asking(control_site(clock, FakeSteering(clock), guards), address).ask(
        "GET", "/scenario", **headers
    )


class HostTests(TestCase):
    """The names by which the service is called."""

    def test_its_own_names(self) -> None:
        """With a port or without: localhost, the loopback, the address that was connected to."""
        for host in ("localhost", "localhost:8474", "LOCALHOST.", "127.0.0.1:1", "127.1.2.3",
                     "[::1]:8474", "[::1]", "[::ffff:127.0.0.1]", "192.0.2.7:8474"):  # fmt: skip
            with self.subTest(host=host):
                assert ask(Guards(), host=host).status == 200

    def test_foreign_names_are_refused(self) -> None:
        """A name that resolves to the loopback is how a page of another host gets here."""
        for host in ("evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "192.0.2.9",
                     "[2001:db8::1]", "0.0.0.0", "", ":8474", "localhost:x", "a@localhost", "::1",
                     "localhost/", "localhost evil", "2130706433", "[::1", "127.0.0.1]",
                     "evil\xff"):  # fmt: skip
            with self.subTest(host=host):
                answered = ask(Guards(), host=host)
                assert answered.status == 403
                assert answered.json["field"] is None
                assert "Host" in answered.json["error"]

    def test_names_that_were_given(self) -> None:
        """Such as that of a container; nothing below them."""
        guards = Guards([parse_host(name) for name in ("Echo", "echo.test.", "2001:DB8:0:0::5")])
        for host in ("echo:8474", "ECHO", "echo.test", "[2001:db8::5]:1"):
            assert ask(guards, host=host).status == 200
        assert ask(guards, host="www.echo.test").status == 403

    def test_the_address_is_that_of_the_connection(self) -> None:
        """Whatever the port is bound to; a mapped one is the IPv4 address that it stands for."""
        mapped = IPv6Address("TCP", "::ffff:192.0.2.7", 8474)
        linked = IPv6Address("TCP", "fe80::1%eth0", 8474)
        for address, host, status in (
            (mapped, "192.0.2.7", 200),
            (linked, "[fe80::1]", 200),
            (IPv4Address("TCP", "192.0.2.9", 1), "192.0.2.7", 403),
            (UNIXAddress(b"/run/control"), "localhost", 200),
            (UNIXAddress(b"/run/control"), "192.0.2.7", 403),
        ):
            with self.subTest(address=address):
                assert ask(Guards(), address, host=host).status == status

    def test_there_has_to_be_one_host(self) -> None:
        """But for HTTP/1.0, which no browser speaks."""
        for lines, status in (
            (b"GET /health HTTP/1.1\r\n\r\n", 400),
            (b"GET /health HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n", 400),
            (b"GET /health HTTP/1.0\r\n\r\n", 200),
            (b"GET /health HTTP/1.0\r\nHost: evil\r\n\r\n", 403),
        ):
            asking = Asking(control_site(Clock(), FakeSteering(Clock()), Guards()))
            asking.send(lines)
            answered = asking.answered()
            assert answered is not None
            assert answered.status == status, lines

    def test_a_name_that_is_none_is_refused(self) -> None:
        """One with a port too: no option needs it."""
        for text in ("", "a:80", "http://a", "a/b", "a b", "[::1", "é", "[::1]:80"):
            with self.subTest(text=text), pytest.raises(ValueError, match="not a host name"):
                parse_host(text)


class PageTests(TestCase):
    """What browsers send with the requests of a page."""

    def test_foreign_pages_are_refused(self) -> None:
        """By their origin, or because the browser says so."""
        for origin in ("http://evil.example", "null", "", "localhost", "http://localhost.evil",
                       "http://localhost@evil", "file://"):  # fmt: skip
            with self.subTest(origin=origin):
                answered = ask(Guards(), origin=origin)
                assert (answered.status, "Origin" in answered.json["error"]) == (403, True)
        answered = ask(Guards(), sec_fetch_site="cross-site")
        assert (answered.status, "Sec-Fetch-Site" in answered.json["error"]) == (403, True)

    def test_pages_of_this_host_may_ask(self) -> None:
        """From any port: a test's own page, say."""
        for origin in ("http://localhost:3000", "https://127.0.0.1", "http://[::1]:8474"):
            assert ask(Guards(), origin=origin, sec_fetch_site="same-site").status == 200
        assert ask(Guards(["echo"]), host="echo", origin="http://echo:8474").status == 200

    def test_no_page_is_told_that_it_may_read(self) -> None:
        """There is no CORS header, whatever is asked."""
        answered = ask(Guards(), origin="http://localhost:3000")
        assert not any(name.startswith("access-control") for name in answered.headers)


class NeededTokenTests(TestCase):
    """A port with a token."""

    def test_nothing_is_done_without_it(self) -> None:
        """Neither for those with a wrong one; who has it is answered."""
        guards = Guards(token=TOKEN)
        wrong = (ask(guards, authorization=f"{each} wrong") for each in ("Bearer", "Basic"))
        for answered in (ask(guards), *wrong):
            assert answered.status == 401
            assert answered.headers["www-authenticate"].startswith("Bearer")
            assert "--control-token-file" in answered.json["error"]
        assert ask(guards, authorization="Bearer s3cret").status == 200

    def test_it_lets_no_foreign_page_in(self) -> None:
        """The other guards come first."""
        guards = Guards(token=TOKEN)
        assert ask(guards, authorization="Bearer s3cret", host="evil").status == 403

    def test_refusals_are_logged_now_and_then(self) -> None:
        """With the peer, and without what it said."""
        site = control_site(Clock(), FakeSteering(Clock()), Guards(token=TOKEN))
        with capturedLogs() as events:
            for _ in range(50):
                Asking(site).ask("GET", "/health", authorization="Bearer wrong")
        [said] = map(formatEvent, events)
        assert said.startswith("Refused a control request, wrong Authorization header: 192.0.2.8:1")
        assert "Bearer wrong" not in said
