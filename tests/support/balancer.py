"""HAProxy, controlled through its admin socket."""

import csv
import re
import socket
import time
from collections.abc import Callable
from typing import TypeVar

LONGEST_WAIT = 20.0
"""Seconds after which a test fails: far more than any step here takes."""

Found = TypeVar("Found")


def until(look: Callable[[], Found | None], what: str) -> Found:
    """Call ``look`` until it returns a value. Raises AssertionError after `LONGEST_WAIT`."""
    deadline = time.monotonic() + LONGEST_WAIT
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.01)
    raise AssertionError(f"not within {LONGEST_WAIT:g} s: {what}")


class Balancer:
    """A running HAProxy, by the path of its admin socket and its clients' address."""

    def __init__(self, admin: str, clients: str) -> None:
        self._admin = admin
        self._clients = clients

    def ask(self, command: str) -> str:
        """Send a command to the admin socket; return the answer."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(LONGEST_WAIT)
            connection.connect(self._admin)
            connection.sendall(command.encode() + b"\n")
            with connection.makefile() as answer:
                return answer.read().strip()

    def order(self, command: str) -> None:
        """Send a command that has no answer."""
        answer = self.ask(command)
        assert answer == "", f"{command}: {answer}"

    def servers(self) -> dict[str, dict[str, str]]:
        """Return the figures of each server, as ``show stat`` names them."""
        rows = csv.DictReader(self.ask("show stat").removeprefix("# ").splitlines())
        sums = ("FRONTEND", "BACKEND")
        return {row["svname"]: row for row in rows if row["svname"] not in sums}

    def count(self, server: str, figure: str) -> int:
        """Return one figure of a server, such as ``scur``, its current sessions."""
        return int(self.servers()[server][figure])

    def sessions(self) -> dict[int, str]:
        """Return the server of each client that has one, by the client's port."""
        pattern = rf"src={re.escape(self._clients)}:(\d+) .* srv=(\w+) "
        return {int(port): server for port, server in re.findall(pattern, self.ask("show sess"))}
