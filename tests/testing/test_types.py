"""What a type checker says of tests that steer servers: each misspelt option is an error."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest import TestCase

CODE = """
import re
from pathlib import Path
from unittest import TestCase

from twistecho import EchoServer, On, Scenario
from twistecho.testcase import EchoServerMixin
from twistecho.testing.in_process import EchoListener, listen
from twistecho.testing.servers import EchoServers


def right(echo_server: EchoServers, shared: EchoServer, listener: EchoListener) -> None:
    other: EchoServer = echo_server(faults=["reset:0.1"], delay="20ms", scenario=Path("smtp.toml"))
    with other.fault("reset", limit=2), other.delay(0.5), shared.on(b"^a", [b"b", "c"], limit=1):
        shared.set(banner=b"220 ready", banner_fault="silent", on=On("x", "y"), in_band=True)
    for server in (echo_server, other, listener):
        server.assert_received(b"GET", times=3)
        server.assert_received(re.compile(rb"^GET"))
        data: bytes = server.received[0] + server.data(0)
        number: int = server.received[0].connection + server.received[0].number
        server.scenario = server.scenario.replace(delay="1ms")
        server.reset()
    echo_server.set(seed=number, banner=data)
    with EchoServer("--framing", "line", port=[0, "unix:/x"], fault="close") as server:
        server.wait_for(3, timeout=1)


def wrong(echo_server: EchoServers, server: EchoServer) -> None:
    EchoServer(dealy="20ms")  # wrong
    EchoServer(workers=2)  # wrong
    EchoServer(port=5.5)  # wrong
    echo_server(fautl="reset")  # wrong
    listen(frameing="line")  # wrong
    server.set(banner_falt="silent")  # wrong
    server.set(in_band="yes")  # wrong
    server.fault("reset", limits=2)  # wrong
    server.fault("reset", limit="two")  # wrong
    server.on("a", "b", closes=True)  # wrong
    server.assert_received(re.compile("x"))  # wrong
    server.received = []  # wrong
    Scenario(farming="line")  # wrong


class Case(EchoServerMixin, TestCase):
    def test(self) -> None:
        self.echo_server(framing="line").fault("reset")
        self.echo_server(farming="line")  # wrong
        self.echo_in_process(farming="line")  # wrong
"""


class TypeTests(TestCase):
    """``mypy --strict`` in a project that uses this one, which has no plugin for it."""

    def test_each_wrong_line_is_an_error_and_no_other(self) -> None:
        """Misspelt names, and values of wrong types."""
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "user_tests.py").write_text(CODE, encoding="utf-8")
            command = [
                sys.executable,
                "-m",
                "mypy",
                "--strict",
                "--cache-dir=cache",
                "user_tests.py",
            ]
            checked = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, timeout=300, check=False
            )
        said = checked.stdout + checked.stderr
        errors = re.findall(r"^user_tests.py:(\d+): error", said, re.MULTILINE)
        lines = enumerate(CODE.splitlines(), 1)
        assert set(map(int, errors)) == {at for at, line in lines if line.endswith("# wrong")}, said
