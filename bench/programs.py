"""The measured programs: built if necessary, started on a core, watched, ended."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from twistecho.compare.launch import LaunchedServer

UNDER_TEST, LOAD = 0, 1
"""The cores: the measured process runs alone on the first, its load on the second."""

_PEERS = Path(__file__).parent / "peers"
_MODULES = {
    "twistecho": "twistecho_server",
    "uvloop": "uvloop_server",
    "asyncio": "asyncio_server",
    "twisted": "twisted_server",
    "gevent": "gevent_server",
    "threads": "threads_server",
    "twistecho fleet": "twistecho_fleet",
    "uvloop client": "uvloop_fleet",
    "twisted client": "twisted_fleet",
    "threads client": "threads_fleet",
    "web": "web_server",
    "amp": "amp_server",
    "lines": "line_server",
    "tls": "tls_server",
    "tls client": "tls_client",
}
_ARGUMENTS = {
    **{name: ("-m", f"bench.peers.{module}") for name, module in _MODULES.items()},
    "twistecho faults": (
        *("-m", "twisted", "--log-format=text", "echo", "--port=0", "--reply=raw"),
        *("--fault=corrupt:0.01", "--seed=7"),
    ),
    "import twistecho": ("-c", "import twistecho"),
    "import click": ("-c", "import click"),
    "twistecho --version": ("-m", "twistecho", "--version"),
    "twist --help": ("-m", "twisted", "--help"),
    "twist echo --help": ("-m", "twisted", "echo", "--help"),
}
"""Python's arguments, by peer. Ours use public names only if any version may be run."""

_SOURCES = {
    "c": "server.c",
    "go": "server.go",
    "client": "client.c",
    "least client": "least_client.c",
    "observer": "observer.c",
    "bucket": "token_bucket_server.c",
    "worker": "one_worker_server.c",
}
"""The compiled programs: peers, loads, observers and servers with a known limit."""

_TOOLS = {"c": "gcc", "go": "go", "node": "node"}


def twist_echo(*options: str) -> LaunchedServer:
    """Return ``twist echo`` on a free port, not yet started."""
    return LaunchedServer("twisted", "--log-format=text", "echo", "--port=0", *options)


class Cpu(NamedTuple):
    """CPU time that a process has used, in seconds."""

    user: float
    sys: float


class Programs:
    """Command lines by name; programs that need it are compiled, once, into a folder.

    ``python`` runs programs in Python, and servers start in the folder ``place``: by default that
    of this process, so that its own version of the product is measured.
    """

    def __init__(
        self, folder: Path, python: str = sys.executable, place: Path | None = None
    ) -> None:
        self._folder = folder
        self._python = python
        self.place = place
        self.has = {name for name, tool in _TOOLS.items() if shutil.which(tool)}

    def available(self, name: str) -> bool:
        """Return whether this machine has the tools for a peer."""
        return name not in _TOOLS or name in self.has

    def command(self, name: str) -> list[str]:
        """Return the command line of a peer, or of the load, ``client``."""
        if name in _ARGUMENTS:
            return [self._python, *_ARGUMENTS[name]]
        if name == "node":
            return ["node", str(_PEERS / "server.js")]
        source = _PEERS / _SOURCES[name]
        built = self._folder / name
        if not built.exists():
            compiler = ["go", "build"] if name == "go" else ["gcc", "-O2"]
            subprocess.run([*compiler, "-o", str(built), str(source)], check=True)
        return [str(built)]

    def server(self, name: str, hold: int) -> list[str]:
        """Return the command line of a server that delays each reply by ``hold`` milliseconds."""
        held = f"--delay={hold / 1000}" if name == "twistecho faults" else str(hold)
        return [*self.command(name), held]

    def echo(self, *options: str) -> list[str]:
        """Return the command line of ``twist echo`` on a free port."""
        service = ["-m", "twisted", "--log-format=text", "echo", "--port=0"]
        return [self._python, *service, *options]

    def fleet(self, engine: str, port: str, plan: str) -> list[str]:
        """Return the command line of `peers.fleet_in_turns`."""
        return [self._python, "-m", "bench.peers.fleet_in_turns", engine, port, plan]


_PORT = re.compile(r"(?:^|Listening on \S+:)(\d+)(?:$|: )")


class Process:
    """A process that runs on one core; its input and output are lines."""

    def __init__(self, command: Sequence[str], core: int, place: Path | None = None) -> None:
        before = os.sched_getaffinity(0)
        # Inherited, so that a runtime that counts its cores at the start counts one.
        os.sched_setaffinity(0, {core})
        try:
            self._process = subprocess.Popen(
                command,
                cwd=place,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # peers' messages about lost clients are not needed
                text=True,
            )
        finally:
            os.sched_setaffinity(0, before)

    def line(self) -> str:
        """Wait for a line. Raises RuntimeError if the process ends instead."""
        assert self._process.stdout is not None
        said = self._process.stdout.readline().strip()
        if not said:
            raise RuntimeError(f"{self._process.args!r} ended without output")
        return said

    def port(self) -> str:
        """Wait for the port it listens on: a line of its own, or in the service's log."""
        while not (found := _PORT.search(self.line())):
            pass
        return found[1]

    def numbers(self) -> list[float]:
        """Wait for a line of numbers."""
        return [float(word) for word in self.line().split()]

    def tell(self, line: str = "") -> None:
        """Send a line; an empty one stands for: continue."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def cpu(self) -> Cpu:
        """Return the CPU time used until now; the sum is exact, the parts to 0.01 s.

        It is read from the process's own clock, whose id is that of clock_getcpuclockid(3).
        """
        pid = self._process.pid
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        system = int(fields[12]) / os.sysconf("SC_CLK_TCK")
        return Cpu(time.clock_gettime(~pid << 3 | 2) - system, system)

    def ended(self) -> Cpu:
        """Wait until it has ended by itself, and return all the CPU time it used."""
        assert self._process.stdout is not None
        self._process.stdout.read()
        _, status, used = os.wait4(self._process.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        if status:
            raise RuntimeError(f"{self._process.args!r} failed")
        return Cpu(used.ru_utime, used.ru_stime)

    def resident(self) -> int:
        """Return the resident memory, in bytes."""
        pages = Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def end(self) -> None:
        """Kill it, if it has not ended, and close its pipes."""
        if self._process.returncode is None:
            self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


@contextmanager
def running(command: Sequence[str], core: int, place: Path | None = None) -> Iterator[Process]:
    """Run a process for the block's time, in this folder or another."""
    process = Process(command, core, place)
    try:
        yield process
    finally:
        process.end()
