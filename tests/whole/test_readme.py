"""The README's programs, as processes: the service under twistd and as a script, and the fleet."""

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.peers import unused_port

ROOT = Path(__file__).parents[2]
DEADLINE = 60.0
"""Seconds after which a test has failed: far more than anything here takes."""


def programs() -> list[str]:
    """Give the programs of the section that is about one's own."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.partition("## From Python\n")[2].partition("\n## ")[0]
    return re.findall(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


@contextmanager
def running(port: int, *command: str, folder: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a command until the block ends, which begins once it listens on a port."""
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        _await_listener(process, port)
        yield process
    finally:
        process.kill()
        process.communicate()


def _await_listener(process: "subprocess.Popen[bytes]", port: int) -> None:
    give_up = time.monotonic() + DEADLINE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), DEADLINE).close()
        except ConnectionRefusedError:
            if process.poll() is not None or time.monotonic() > give_up:
                process.kill()
                raise AssertionError(process.communicate()[0].decode()) from None
            time.sleep(0.05)
        else:
            return


class ReadmeTests(unittest.TestCase):
    """What a reader copies works."""

    def setUp(self) -> None:
        """Write the programs down, with a port that is free."""
        kept = tempfile.TemporaryDirectory()
        self.addCleanup(kept.cleanup)
        self.folder, self.port = kept.name, unused_port()
        service, fleet = programs()
        for name, text in (("echo.py", service), ("fleet.py", fleet)):
            assert ":5000" in text
            (Path(kept.name) / name).write_text(text.replace(":5000", f":{self.port}"))

    def check(self, *command: str) -> None:
        """Run the service, let the fleet talk to it, and stop it while a reply is owed."""
        with running(self.port, *command, folder=self.folder) as service:
            done = subprocess.run(
                [sys.executable, "fleet.py"],
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                capture_output=True,
                text=True,
                timeout=DEADLINE,
                check=False,
            )
            assert (done.stdout, done.stderr) == ("100 clients answered, 0 failed\n", "")
            with socket.create_connection(("127.0.0.1", self.port), DEADLINE) as client:
                client.sendall(b"ola")
                service.terminate()
                assert client.recv(9) == b"OLA"
            said = service.communicate(timeout=DEADLINE)[0].decode()
            assert service.returncode in (0, -15), said
            assert "Traceback" not in said, said

    def test_the_service_runs_under_twistd(self) -> None:
        """With ``twistd -ny``, as every .tac file does."""
        self.check("-c", "from twisted.scripts.twistd import run; run()", "-ny", "echo.py")

    def test_the_service_runs_as_a_script(self) -> None:
        """With ``python``, and stops as gently."""
        self.check("echo.py")
