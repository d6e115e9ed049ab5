"""Servers in processes of their own, and plain clients, for tests of the designs."""

import re
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

HOST = "127.0.0.1"
DEADLINE = 20.0
"""Seconds after which a test fails: far more than any step here takes."""

LISTENING = re.compile(r"Listening on \S+:(\d+): ")


class Served:
    """A server's process: its ports, and its log."""

    def __init__(self, process: "subprocess.Popen[str]", ports: int) -> None:
        self.process = process
        self.lines: list[str] = []
        self._logged = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.ports = [int(self.wait_for(LISTENING, n + 1)[1]) for n in range(ports)]

    @property
    def port(self) -> int:
        """The first port."""
        return self.ports[0]

    def _read(self) -> None:
        for line in self.process.stdout or ():
            with self._logged:
                self.lines.append(line.rstrip("\n"))
                self._logged.notify_all()
        with self._logged:
            self._ended = True
            self._logged.notify_all()

    def wait_for(self, pattern: "re.Pattern[str]", times: int = 1) -> "re.Match[str]":
        """Wait until ``times`` lines match; return the last match."""

        def found() -> "list[re.Match[str]]":
            return [match for line in self.lines if (match := pattern.search(line))]

        with self._logged:
            self._logged.wait_for(lambda: self._ended or len(found()) >= times, DEADLINE)
            matches = found()
            assert len(matches) >= times, f"{times} x {pattern.pattern!r} not in {self.lines}"
            return matches[times - 1]

    def log(self) -> str:
        """Return all lines that were logged until now."""
        return "\n".join(self.lines)

    def stop(self) -> int:
        """Stop the server as a supervisor does; return its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(DEADLINE)
        finally:
            self.process.kill()
            self.process.wait()
            self._reader.join(DEADLINE)
            if self.process.stdout:
                self.process.stdout.close()


def serving(design: str, *options: str, ports: int = 1, files: int | None = None) -> Served:
    """Start a design, or ``twisted``, on free ports; ``files`` limits its open files."""
    if design == "twisted":
        words = ["twisted", "--log-format=text", "echo"]
    else:
        words = ["twistecho", "serve", design]
    limit = ["sh", "-c", f'ulimit -n {files} && exec "$@"', "sh"] if files else []
    process = subprocess.Popen(
        [*limit, sys.executable, "-m", *words, *["--port=0"] * ports, *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        return Served(process, ports)
    except BaseException:
        process.kill()
        process.communicate()
        raise


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    """Connect a plain blocking socket with a timeout."""
    with socket.create_connection((HOST, port), DEADLINE) as connection:
        yield connection


def read_to_end(connection: socket.socket) -> bytes:
    """Read until the other side's FIN."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


def ask(port: int, *messages: bytes) -> list[bytes]:
    """Send messages, each after the whole raw reply to the one before; return the replies."""
    replies = []
    with connected(port) as connection:
        for message in messages:
            connection.sendall(message)
            got = b""
            while len(got) < len(message):
                piece = connection.recv(65536)
                assert piece, f"closed after {got!r}"
                got += piece
            replies.append(got)
    return replies


def vanish(port: int, message: bytes = b"") -> None:
    """Connect, send, and close with RST instead of FIN."""
    with connected(port) as connection:
        connection.sendall(message)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def alive(pid: int) -> bool:
    """Return whether a process runs; a zombie does not."""
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False
