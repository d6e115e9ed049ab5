"""Hosts on one network, each a network namespace: for tests that need more than one machine.

    network ---- bridge
                 |-- veth -- eth0 of a host
                 |-- veth -- eth0 of another

They are in a user namespace, so no root privileges are needed, and exist while processes run that
end with this one: no namespace has a name, and none is left behind, even after ``kill -9``.
"""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from .programs import missing, program

_HOLD = ("sh", "-c", "echo; exec cat")  # reports that the namespace exists; ends with its input


class Host:
    """A host of a network: its processes see its own loopback, and ``eth0``."""

    def __init__(self, network: "Network", namespace: int, address: str) -> None:
        self.address = address
        self._network = network
        self._namespace = namespace

    @contextmanager
    def running(self, *command: str, **options: Any) -> Iterator["subprocess.Popen[str]"]:
        """Run a command there for the block's time; options are those of `subprocess.Popen`."""
        # The process that is started becomes the command, and is killed if this one ends.
        full = (*_inside(self._namespace), "setpriv", "--pdeathsig", "KILL", *command)
        with subprocess.Popen(full, text=True, **options) as process:
            try:
                yield process
            finally:
                process.kill()

    def output(self, *command: str) -> str:
        """Run a command there to its end; return its output. Raises CalledProcessError."""
        full = (*_inside(self._namespace), *command)
        return subprocess.run(full, check=True, stdout=subprocess.PIPE, text=True).stdout

    def unplug(self) -> None:
        """Unplug its cable: packets from it and to it no longer arrive."""
        self._network.configure(f"link set {_port(self.address)} down")


class Network:
    """A bridge, and the hosts on it, until an `ExitStack` is closed.

    Raises SkipTest (in CI an AssertionError) if the system has no network namespaces.
    """

    def __init__(self, held: ExitStack) -> None:
        for name in ("unshare", "nsenter", "setpriv"):
            program(name, "util-linux")
        self._ip = program("ip", "iproute2")
        self._held = held
        self._namespace = self._hold(("unshare", "--map-root-user", "--net"))
        self.configure("link add lan type bridge", "link set lan up")

    def host(self, address: str, *more: str) -> Host:
        """Connect a host that has one or more IPv4 addresses in a /24 network."""
        namespace = self._hold((*_inside(self._namespace), "unshare", "--net"))
        port = _port(address)
        self.configure(
            f"link add {port} type veth peer name eth0 netns {namespace}",
            f"link set {port} master lan up",
        )
        self._configure(
            namespace,
            "link set lo up",
            *(f"address add {each}/24 dev eth0" for each in (address, *more)),
            "link set eth0 up",
        )
        return Host(self, namespace, address)

    def configure(self, *orders: str) -> None:
        """Run ``ip`` commands in the bridge's namespace."""
        self._configure(self._namespace, *orders)

    def _configure(self, namespace: int, *orders: str) -> None:
        done = subprocess.run(
            [*_inside(namespace), self._ip, "-batch", "-"],
            input="\n".join(orders),
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            missing(f"a network of namespaces: {done.stderr.strip()}")

    def _hold(self, command: Sequence[str]) -> int:
        """Make a namespace that exists until the end; return the id of its process."""
        holder = subprocess.Popen(
            [*command, *_HOLD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._held.enter_context(holder)  # closes its input, waits for its end
        assert holder.stdout and holder.stderr
        if not holder.stdout.readline():
            missing(f"network namespaces: {holder.stderr.read().strip()}")
        return holder.pid


def _inside(namespace: int) -> tuple[str, ...]:
    target = f"--target={namespace}"
    return ("nsenter", target, "--user", "--preserve-credentials", "--net")


def _port(address: str) -> str:
    """Return the name of the bridge's port for a host: at most 15 characters."""
    return f"to{address}"[:15]
