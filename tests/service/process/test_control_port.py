"""``--control``: its options, where it listens, and what the log says of that."""

import io
import json
import socket
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any
from unittest import TestCase, mock

from twisted.internet.threads import deferToThread
from twisted.logger import LogEvent, capturedLogs, formatEvent

from tests.support.listening import ListeningCase, reactor, talk
from tests.support.peers import read_to_end
from tests.support.steering import DEFAULT, FakeSteering
from twistecho.service.listening.guarded import Guarded
from twistecho.service.process.options import Options
from twistecho.service.process.serving import serves_metrics
from twistecho.service.workers.make_service import makeService

from .test_options import refusal
from .test_tap import refused

STEERING = "twistecho.service.process.control_port.make_steering"


def get(path: str, **headers: str) -> Any:
    """Make a client that asks for a path, and gives status and body."""

    def ask(connection: socket.socket) -> tuple[int, bytes]:
        lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        head, _, body = read_to_end(connection).partition(b"\r\n\r\n")
        return int(head.split()[1]), body

    return ask


def get_nothing(connection: socket.socket) -> bytes:
    """Ask for messages, of which there are none; give what comes."""
    connection.sendall(b"GET /received?wait=20 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return read_to_end(connection)


class OptionsTests(TestCase):
    """The command line."""

    def test_a_bare_number_listens_on_the_loopback(self) -> None:
        """As --metrics does; a description listens where it says."""
        options = Options()
        options.parseOptions(["--control=0", "--control-host=echo", "--control-host=::5"])
        assert options["control"] == ("0", "tcp:0:interface=127.0.0.1:backlog=4096")
        assert list(map(str, options["control-host"])) == ["echo", "::5"]
        assert options["control-token-file"] is None
        options = Options()
        options.parseOptions(["--control=tcp:0"])
        assert options["control"] == ("tcp:0", "tcp:0")

    def test_what_is_wrong_is_one_line(self) -> None:
        """Exit code 2, with the option's name."""
        for arguments, words in {
            ("--control=x",): "--control: 'x' is neither a port nor an endpoint description",
            ("--control=65536",): "--control: 65536 is not a port, 0 to 65535",
            ("--control=0", "--control-host=a:80"): (
                "--control-host: 'a:80' is not a host name without a port"
            ),
            ("--control-host=echo",): "--control-host: needs --control",
            ("--control=0", "--control-token-file=/nowhere"): (
                "--control-token-file: /nowhere: No such file or directory"
            ),
            ("--control=0", "--control-token-file=/dev/null"): (
                "--control-token-file: /dev/null: its first line is empty"
            ),
        }.items():
            with self.subTest(arguments=arguments):
                assert refusal(*arguments) == f"twist echo: {words}"

    def test_an_address_that_cannot_be_had_is_one_line(self) -> None:
        """Exit code 1; a description that is none, 2."""
        with socket.create_server(("127.0.0.1", 0)) as other, mock.patch(STEERING, FakeSteering):
            busy = str(other.getsockname()[1])
            assert refused("-p0", f"--control={busy}") == (
                1, (f"twist echo: --control {busy}: cannot listen: Address already in use; "
                "choose another port, or 0 for a free one\n"),
            )  # fmt: skip
            code, said = refused("-p0", "--control=tcp:x")
        assert code == 2
        assert said.startswith("twist echo: --control tcp:x: not an endpoint description: ")


class PortCase(ListeningCase):
    """Services that `makeService` made, which listen, and steer a fake."""

    def setUp(self) -> None:
        """Keep what is steered."""
        self.steering = FakeSteering(reactor)

    def start_with(self, *arguments: str) -> tuple[Any, list[LogEvent]]:
        """Give a service and what it logged when it listened."""
        options = Options()
        options.parseOptions(["--port=0", *arguments])
        clock = mock.patch("twistecho.service.workers.make_service.count_monotonic")
        steering = mock.patch(STEERING, lambda _factory: self.steering)
        with clock, steering, capturedLogs() as events:
            service: Any = makeService(options)
            service.privilegedStartService()
        self.addCleanup(service._stop_listening)
        return service, list(events)

    def token_file(self, token: str) -> str:
        """Write a token to a file; give its path."""
        path = Path(self.folder()) / "token"
        path.write_text(f"{token}\n")
        return str(path)


class PortTests(PortCase):
    """One process."""

    async def test_it_is_announced_and_answers(self) -> None:
        """With host and port for programs, so that port 0 is usable; guarded like any other."""
        service, events = self.start_with("--control=0")
        [said] = [event for event in events if event.get("what") == "control"]
        assert formatEvent(said) == f"Listening on 127.0.0.1:{said['port']} for control"
        assert said["host"] == "127.0.0.1"
        assert type(service.ports[-1].factory) is Guarded
        status, body = await self.talk((said["host"], said["port"]), get("/scenario"))
        assert (status, json.loads(body)) == (200, DEFAULT)
        assert not any("can be reached" in formatEvent(event) for event in events)

    async def test_metrics_are_there_too(self) -> None:
        """The library is here; where it is not, the rest works all the same."""
        service, _ = self.start_with("--control=0")
        address = ("127.0.0.1", service.ports[-1].getHost().port)
        status, body = await self.talk(address, get("/metrics"))
        assert status == 200
        assert b"\ntwistecho_connections 0.0\n" in body
        with mock.patch.dict("sys.modules", prometheus_client=None):
            service, _ = self.start_with("--control=0")
        address = ("127.0.0.1", service.ports[-1].getHost().port)
        assert (await self.talk(address, get("/metrics")))[0] == 404
        assert (await self.talk(address, get("/health")))[0] == 200

    async def test_names_and_the_token_are_those_of_the_options(self) -> None:
        """The token is in the log of nobody."""
        path = self.token_file("s3cret")
        service, events = self.start_with(
            "--control=0", f"--control-token-file={path}", "--control-host=echo"
        )
        address = ("127.0.0.1", service.ports[-1].getHost().port)
        for headers, status in (
            ({}, 401), ({"Authorization": "Bearer s3cret"}, 200),
            ({"Authorization": "Bearer s3cret", "Origin": "http://echo:1"}, 200),
            ({"Authorization": "Bearer s3cret", "Origin": "http://evil:1"}, 403),
        ):  # fmt: skip
            assert (await self.talk(address, get("/health", **headers)))[0] == status
        assert not any("s3cret" in formatEvent(event) for event in events)

    async def test_who_waits_when_the_service_stops_is_not_waited_for(self) -> None:
        """The connection ends with its port, and nothing is left of the request."""
        service, _ = self.start_with("--control=0")
        address = ("127.0.0.1", service.ports[-1].getHost().port)
        waiting = deferToThread(talk, address, get_nothing)
        await self.until(lambda: self.steering.waits)
        await service._stop_listening()
        assert await waiting == b""
        assert not self.steering.waits

    def test_an_exposed_port_is_warned_of_in_words_of_its_own(self) -> None:
        """Whoever gets there can steer, unless there is a token."""
        _, events = self.start_with("--control=tcp:0")
        [warning] = [text for text in map(formatEvent, events) if "can be reached" in text]
        assert warning.startswith("0.0.0.0:")
        assert "any client there can control the service" in warning
        _, events = self.start_with(
            "--control=tcp:0", f"--control-token-file={self.token_file('s3cret')}"
        )
        assert not any("can be reached" in formatEvent(event) for event in events)


class WorkersPortTests(ListeningCase):
    """Several workers: the process that started them is steered."""

    def test_workers_count_for_whoever_serves_metrics(self) -> None:
        """At a port of theirs, or where the service is steered, if the library is there."""
        missing = mock.patch.dict("sys.modules", prometheus_client=None)
        for arguments, here, without in (
            ((), False, False), (("--control=0",), True, False), (("--metrics=0",), True, None),
        ):  # fmt: skip
            options, said = Options(), io.StringIO()
            options.parseOptions(arguments)
            assert serves_metrics(options) is here
            with missing, redirect_stderr(said):
                if without is None:
                    self.assertRaises(SystemExit, serves_metrics, options)
                    assert "--metrics: this needs prometheus-client" in said.getvalue()
                else:
                    assert serves_metrics(options) is without
