"""Both engines over TLS: whom they trust, how they close, and the same verdicts."""

import contextlib
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from twisted.internet.threads import deferToThread

from tests.support.certificates import write_certificate
from tests.support.listening import ListeningCase, port_of, reactor
from tests.support.peers import read_exactly, read_to_end, reset, serving
from tests.support.stamps import stamped
from twistecho import Fleet, Plan, ReplyFormat, Report
from twistecho.fleet.plans.target import parse_target
from twistecho.fleet.reactor_engine.tls_client import _Unverified
from twistecho.fleet.thread_engine.fleet import ThreadedFleet
from twistecho.fleet.thread_engine.tls_client import context_for

RAW = ReplyFormat.RAW
PLAN = Plan(clients=3, messages=(b"one", b"two"), timeout=10, reply=RAW)
IMPATIENT = Plan(clients=3, messages=(b"one", b"two"), timeout=0.5, reply=RAW)

Secure = Callable[[ssl.SSLSocket], None]


class SecureFleetTests(ListeningCase):
    """What both engines must see alike."""

    timeout = 60

    def setUp(self) -> None:
        """Make a certificate, for 127.0.0.1 and ::1."""
        self.certificate, self.key = write_certificate(self.folder())
        self.trusting = f"ca={self.certificate}"

    def serve(self, interface: str = "127.0.0.1", **options: Any) -> int:
        """Serve echoes over TLS; give the port."""
        described = f"ssl:0:interface={interface}:certKey={self.certificate}:privateKey={self.key}"
        return port_of(self.start(described, **options))

    @contextmanager
    def serving(self, behaviour: Secure) -> Iterator[str]:
        """Serve with a behaviour of a test's, over TLS; give a target that trusts it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)

        def behave(connection: socket.socket) -> None:
            with (
                contextlib.suppress(OSError),
                context.wrap_socket(connection, server_side=True) as secured,
            ):
                behaviour(secured)

        with serving(behave) as port:
            yield f"tls:127.0.0.1:{port}:{self.trusting}"

    async def both(self, target: str, plan: Plan = PLAN) -> list[Report]:
        """Run a plan with both engines, which must agree, and whose counts add up."""
        first = await Fleet(reactor, target, plan).run()
        second = await deferToThread(ThreadedFleet(target, plan).run)
        assert first.disagreements(second) == []
        for report in (first, second):
            assert {outcome.balance for outcome in report.outcomes} == {(0, 0)}
        return [first, second]

    async def failing(self, target: str, plan: Plan = PLAN) -> str:
        """Run a plan with both engines, whose clients all fail alike; give the cause."""
        for report in await self.both(target, plan):
            [(cause, clients)] = report.failures.items()
            assert clients == plan.clients
        return cause

    async def test_a_verified_server_is_talked_to(self) -> None:
        """Large messages too, several at once, on IPv4 and IPv6; what is closed is closed right."""
        plan = Plan(clients=3, messages=(bytes(300_000), b"x"), repeat=3, reply=RAW, pipeline=2)
        for report in await self.both(f"tls:127.0.0.1:{self.serve()}:{self.trusting}", plan):
            assert report.complete, report.failures
            assert report.bytes_returned == 3 * 3 * 300_001
        port = self.serve(interface=r"\:\:1")
        with stamped():
            reports = await self.both(f"tls:[::1]:{port}:{self.trusting}")
        for report in reports:
            assert report.complete, report.failures
            # Records are stamped, too; of one that comes while others are read nobody is told.
            assert 0 < report.measured.timed <= report.messages == 6

    async def test_whom_they_trust(self) -> None:
        """A certificate for another name or of an unknown authority is refused, unless insecure."""
        where = f"tls:127.0.0.1:{self.serve()}"
        cause = "connect:certificate"
        assert await self.failing(where) == cause
        assert await self.failing(f"{where}:{self.trusting}:server-name=other.example") == cause
        for report in await self.both(f"{where}:insecure"):
            assert report.complete, report.failures
        self.flushLoggedErrors()  # the service's view of handshakes that were broken off

    async def test_the_name_asked_for_is_told(self) -> None:
        """The server sees it before it shows its certificate, verified or not."""
        seen: list[str | None] = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        context.sni_callback = lambda _socket, name, _context: seen.append(name)

        def behave(connection: socket.socket) -> None:
            with context.wrap_socket(connection, server_side=True) as secured:
                read_to_end(secured)

        with serving(behave) as port:
            for trust in ("insecure", self.trusting):
                target = f"tls:127.0.0.1:{port}:server-name=echo.example:{trust}"
                await self.both(target, IMPATIENT)
        assert seen == ["echo.example"] * 12

    def test_an_address_is_no_name_to_ask_for(self) -> None:
        """Of neither family (RFC 6066, section 3)."""
        for name, asked in (
            ("a.example", b"a.example"),
            ("192.0.2.1", None),
            ("2001:db8::1", None),
        ):
            assert _Unverified(name)._name == asked

    async def test_servers_that_do_not_shake_hands_are_named(self) -> None:
        """One that echoes plainly, one that closes, one that resets, and one that says nothing."""

        def echo(connection: socket.socket) -> None:
            while data := connection.recv(65536):
                connection.sendall(data)

        def close(connection: socket.socket) -> None:
            connection.recv(65536)

        def break_off(connection: socket.socket) -> None:
            connection.recv(65536)
            reset(connection)

        for behaviour in (echo, close, break_off):
            with serving(behaviour) as port:
                assert await self.failing(f"tls:127.0.0.1:{port}:insecure") == "connect:tls"
        with serving(hush) as port:
            cause = await self.failing(f"tls:127.0.0.1:{port}:insecure", IMPATIENT)
            assert cause == "connect:timeout"

    async def test_how_the_server_ends_is_named(self) -> None:
        """Before a reply is whole, too much at the end, and without any goodbye."""

        def half(secured: ssl.SSLSocket) -> None:
            read_exactly(secured, 3)
            secured.sendall(b"on")
            secured.unwrap()

        def broken(secured: ssl.SSLSocket) -> None:
            read_exactly(secured, 3)
            reset(secured)

        def silent(secured: ssl.SSLSocket) -> None:
            read_to_end(secured)

        def garbage(secured: ssl.SSLSocket) -> None:
            read_exactly(secured, 3)
            with socket.socket(fileno=secured.detach()) as plain:
                plain.sendall(b"no TLS, this is")
                plain.settimeout(20)
                read_to_end(plain)

        for behaviour, cause in {
            half: "receive:closed", broken: "receive:reset", garbage: "receive:tls",
        }.items():  # fmt: skip
            with self.serving(behaviour) as target:
                assert await self.failing(target) == cause
        with self.serving(silent) as target:
            assert await self.failing(target, IMPATIENT) == "receive:timeout"

    async def test_a_close_without_goodbye_is_a_close(self) -> None:
        """All had been answered: many servers end so."""

        def rude(secured: ssl.SSLSocket) -> None:
            for _ in range(2):
                secured.sendall(read_exactly(secured, 3))
            read_to_end(secured)
            socket.socket(fileno=secured.detach()).close()

        with self.serving(rude) as target:
            for report in await self.both(target):
                assert report.complete, report.failures

    async def test_too_much_is_noticed_after_the_last_reply(self) -> None:
        """Sent before the client has closed, or afterwards."""

        def more(secured: ssl.SSLSocket) -> None:
            secured.sendall(read_exactly(secured, 3))
            read_exactly(secured, 3)
            secured.sendall(b"two and more")
            read_to_end(secured)

        with self.serving(more) as target:
            assert await self.failing(target) == "receive:extra"

    async def test_a_handshake_ends_with_the_run(self) -> None:
        """Stopping does not wait for it."""
        with serving(hush) as port:
            target = f"tls:127.0.0.1:{port}:insecure"
            for fleet in (Fleet(reactor, target, PLAN), ThreadedFleet(target, PLAN)):
                is_reactors = isinstance(fleet, Fleet)
                running: Any = fleet.run() if is_reactors else deferToThread(fleet.run)
                reactor.callLater(0.2, fleet.stop)
                assert (await running).interruptions == {"connect:interrupted": 3}


def hush(connection: socket.socket) -> None:
    """Say nothing."""
    read_to_end(connection)


class TrustTests(ListeningCase):
    """What is said before a run."""

    def test_files_that_hold_no_authority_are_refused(self) -> None:
        """One that is not there, and one of something else; by both engines."""
        empty = f"{self.folder()}/empty"
        Path(empty).write_text("nothing", encoding="utf-8")
        problems = {empty: "contains no certificates", "/no/such": "No such file"}
        for file, problem in problems.items():
            target = parse_target(f"tls:localhost:1:ca={file}")
            for refuse in (context_for, lambda t: Fleet(reactor, t, PLAN)):
                with pytest.raises(ValueError, match=f"^ca: {file}.*{problem}"):
                    refuse(target)

    def test_a_missing_extra_is_named(self) -> None:
        """By the reactor's engine; the other one needs none."""
        target = parse_target("tls:localhost:1")
        missing = mock.patch.dict(sys.modules, {"twistecho.fleet.reactor_engine.tls_client": None})
        with missing, pytest.raises(ValueError, match=r"pip install 'twistecho\[tls\]'"):
            Fleet(reactor, target, PLAN)

    def test_the_command_says_what_was_wrong_and_what_is_not_verified(self) -> None:
        """One line naming the option; beside the target where nothing is verified."""
        command = [str(Path(sys.executable).parent / "twistecho"), "fleet", "-c1", "-t0.5"]

        def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
            return subprocess.run(
                [*command, *arguments], capture_output=True, text=True, timeout=60, check=False
            )

        for arguments, problem in {
            ("localhost:1", "--insecure"): "--insecure: localhost:1 is not a tls: target",
            ("tls:localhost:1", "--ca=/no"): "--ca: /no: No such file or directory",
            ("tls:localhost:1", "--ca=/no", "--insecure"): "--ca: it contradicts insecure",
        }.items():
            done = run(*arguments)
            assert (done.returncode, done.stderr) == (2, f"Error: {problem}\n")
        done = run("tls:localhost:1", "--insecure")
        assert "  tls:localhost:1:insecure · certificate not verified · " in done.stdout
