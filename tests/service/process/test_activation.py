"""Sockets that systemd holds: the service is started by a client and restarted behind its back."""

import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import TestCase

from tests.support.listening import LONGEST_WAIT
from tests.support.peers import read_exactly, read_to_end
from tests.support.programs import program

TWIST = [sys.executable, "-m", "twisted", "--log-format=json", "echo"]

# As systemd does: the socket is descriptor 3, and the variables name this very process.
_BECOME = 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@" 3<&"$PASSED"'


class Holder:
    """Holds a listening socket as systemd does, and starts services for it as systemd does."""

    def __init__(self, listener: socket.socket, domain: str) -> None:
        self.listener = listener
        self.address = listener.getsockname()
        self.port = f"systemd:domain={domain}:name=echo"

    def connect(self) -> socket.socket:
        """Connect a client; nobody needs to be running for that."""
        connection = socket.socket(self.listener.family)
        connection.settimeout(LONGEST_WAIT)
        connection.connect(self.address)
        return connection

    @contextmanager
    def service(self, *options: str) -> Iterator["subprocess.Popen[str]"]:
        """Have the real activator wait for a client and become the service."""
        activator = program("systemd-socket-activate", "systemd")
        command = ["bash", "-c", _BECOME, "-", activator, "--fdname=echo", *TWIST]
        held = self.listener.fileno()
        process = subprocess.Popen(
            [*command, "-p", self.port, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=[held],
            env={**os.environ, "PASSED": str(held)},
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


def wait_for(process: "subprocess.Popen[str]", words: str) -> dict[str, Any]:
    """Read the service's log until it says something."""
    for line in process.stdout or ():
        event: dict[str, Any] = json.loads(line.lstrip("\x1e"))
        if words in event.get("log_format", ""):
            return event
    raise AssertionError((process.stderr and process.stderr.read()) or "it ended without a word")


class ActivationTests(TestCase):
    """The real systemd-socket-activate, with each kind of socket."""

    def hold(self, family: socket.AddressFamily, address: Any, domain: str) -> Holder:
        """Listen, as the socket unit says."""
        listener = socket.socket(family)
        self.addCleanup(listener.close)
        listener.bind(address)
        listener.listen(64)
        return Holder(listener, domain)

    def restart(self, holder: Holder) -> None:
        """Restart under clients: none is refused, each is answered, by one service or the other."""
        with holder.service("-rraw", "-d1") as old, holder.connect() as first:
            first.sendall(b"one")
            wait_for(old, "Starting reactor")
            # Accepted: a reply has come.
            assert read_exactly(first, 3) == b"one"
            first.sendall(b"owed")
            old.terminate()
            wait_for(old, "Stopping")
            with holder.connect() as second:
                second.sendall(b"two")
                second.shutdown(socket.SHUT_WR)
                with holder.service("-rraw") as new:
                    assert read_to_end(second) == b"two"
                    assert new.poll() is None
            assert read_to_end(first) == b"owed"
            old.wait(LONGEST_WAIT)
        with holder.service("-rraw"), holder.connect() as third:
            third.sendall(b"three")
            assert read_exactly(third, 5) == b"three"

    def test_ipv4(self) -> None:
        """A socket of 127.0.0.1."""
        self.restart(self.hold(socket.AF_INET, ("127.0.0.1", 0), "INET"))

    def test_ipv6(self) -> None:
        """A socket of ::1."""
        self.restart(self.hold(socket.AF_INET6, ("::1", 0), "INET6"))

    def test_unix(self) -> None:
        """A Unix socket: mode and path are systemd's, before and after."""
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/echo.sock"
            holder = self.hold(socket.AF_UNIX, path, "UNIX")
            Path(path).chmod(0o640)
            self.restart(holder)
            assert stat.S_IMODE(Path(path).stat().st_mode) == 0o640

    def test_the_wrong_domain_is_one_line(self) -> None:
        """The socket was made by systemd for another one."""
        holder = self.hold(socket.AF_INET, ("127.0.0.1", 0), "INET6")
        with holder.service() as process, holder.connect():
            _, said = process.communicate(timeout=LONGEST_WAIT)
            assert process.returncode == 1
        (line,) = [line for line in said.splitlines() if line.startswith("twist echo:")]
        assert "the socket that was passed is AF_INET" in line
        assert "Traceback" not in said

    def test_many_clients_through_many_restarts(self) -> None:
        """Clients that come and go all the while are never refused."""
        holder = self.hold(socket.AF_INET, ("127.0.0.1", 0), "INET")
        done = threading.Event()
        answered, problems = [0], []

        def client() -> None:
            while not done.is_set():
                try:
                    with holder.connect() as connection:
                        connection.sendall(b"x")
                        connection.shutdown(socket.SHUT_WR)
                        assert read_to_end(connection) == b"x"
                        answered[0] += 1
                except (OSError, AssertionError) as error:
                    problems.append(error)

        threads = [threading.Thread(target=client) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(3):
                before = answered[0]
                with holder.service("-rraw") as process:
                    wait_for(process, "Starting reactor")
                    while answered[0] < before + 20 and not problems:
                        done.wait(0.01)
                    process.terminate()
                    process.wait(LONGEST_WAIT)
            with holder.service("-rraw"):
                done.set()
                for thread in threads:
                    thread.join()
        finally:
            done.set()
        assert problems == []
