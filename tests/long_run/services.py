"""The visited services, each ``twist echo`` as users run it, and their resources."""

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.service.process.test_tap import Started, twist_echo
from tests.support.certificates import write_certificate
from tests.support.peers import unused_port

BOUNDS = (
    "--idle=4", "--stall=2", "--max-connections=200", "--max-waiting-total=8388608", "--drain=5",
)  # fmt: skip
MIXED = tuple(
    f"--fault={fault}"
    for fault in (
        "refuse:0.01", "reset:0.03,at=middle", "close:0.03", "silent:0.02", "truncate:0.03",
        "corrupt:0.03", "extra:0.03", "drip:0.03,pause=1ms", "stall:0.03,for=50ms",
        "late:0.03,times=3",
    )
)  # fmt: skip

SERVICES = {
    "plain": ("eager", "-rraw", *BOUNDS),
    "faulty": ("epoll", "-rraw", "--delay=uniform:0,20ms", "--in-band", *MIXED, *BOUNDS),
    "proxied": (
        "eager", "--delay=5ms", "--delay-per=connection", "--proxy-from=127.0.0.1", *BOUNDS,
    ),
    "workers": ("eager", "-rraw", "--delay=exponential:5ms", "--workers=2", *MIXED[1:3], *BOUNDS),
}  # fmt: skip
"""The services by name: the reactor of each, and its options."""


@dataclass(frozen=True)
class Place:
    """A place where a service listens: a port of 127.0.0.1, or a Unix socket's path."""

    service: str
    port: int
    path: str = ""
    tls: bool = False
    metrics: bool = False

    @property
    def target(self) -> str:
        """The place as a fleet's target."""
        if self.path:
            return f"unix:{self.path}"
        return f"tls:127.0.0.1:{self.port}:insecure" if self.tls else f"127.0.0.1:{self.port}"


class Services:
    """All services, while ``held`` is open; they and the probe write into ``folder``."""

    def __init__(self, held: ExitStack, folder: str, *, leak: bool) -> None:
        self.places: list[Place] = []
        self._processes: dict[str, psutil.Process] = {}
        self._folder = Path(folder)
        probe = Path(__file__).parent / "probe"
        added = {"PYTHONPATH": str(probe), "TWISTECHO_PROBE": folder}
        added |= {"TWISTECHO_LEAK": "1"} if leak else {}
        with _environment(added):
            for name, (reactor, *options) in SERVICES.items():
                self._start(held, name, reactor, *options)

    def _start(self, held: ExitStack, name: str, reactor: str, *options: str) -> None:
        path, metrics = str(self._folder / f"{name}.sock"), unused_port()
        certificate, key = write_certificate(str(self._folder), name)
        secure = f"-pssl:0:interface=127.0.0.1:certKey={certificate}:privateKey={key}"
        more = () if name == "proxied" else (f"-punix:{path}", secure)
        # Ctrl-C reaches only the long run; however that ends, its services end with it.
        prefix = ("setsid", "setpriv", "--pdeathsig=KILL")
        program = [sys.executable, "-m", "twisted", f"--reactor={reactor}"]
        started, listening = held.enter_context(
            twist_echo(
                "-p0", *more, f"--metrics={metrics}", *options, prefix=prefix, program=program
            )
        )
        if name == "workers":
            started.until("are ready")
        ports = [event["port"] for event in listening if event.get("port")]
        self.places.append(Place(name, ports[0]))
        self.places.append(Place(name, metrics, metrics=True))
        if more:
            self.places += [Place(name, 0, path=path), Place(name, ports[1], tls=True)]
        self._remember(name, started)

    def _remember(self, name: str, started: Started) -> None:
        process = psutil.Process(started.process.pid)
        self._processes[name] = process
        for child in process.children()[:1]:  # the other one is killed repeatedly
            self._processes[f"{name}, a worker"] = child

    def kill_a_worker(self) -> None:
        """Kill a worker, but not the sampled one; a new one replaces it."""
        for child in self._processes["workers"].children():
            if child not in self._processes.values():
                child.kill()

    def sample(self) -> dict[str, dict[str, int]]:
        """Return each process's resources. Raises RuntimeError for one that does not answer."""
        return {name: self._held(name, process) for name, process in self._processes.items()}

    def _held(self, name: str, process: psutil.Process) -> dict[str, int]:
        answer = self._folder / f"{process.pid}.json"
        answer.unlink(missing_ok=True)
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGUSR2)
        until = time.monotonic() + 30
        while not answer.exists():
            if time.monotonic() > until or not process.is_running():
                raise RuntimeError(f"the process of {name} has ended, or does not answer")
            time.sleep(0.01)
        inside: dict[str, int] = json.loads(answer.read_text())
        return inside | outside(process)


def outside(process: psutil.Process) -> dict[str, int]:
    """Return a process's open descriptors and memory, as the system counts them."""
    return {"descriptors": process.num_fds(), "memory": process.memory_info().rss}


@contextlib.contextmanager
def _environment(added: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(added)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
