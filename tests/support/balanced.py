"""Three services behind HAProxy, and a fleet, each on a host, as in docs/haproxy-hosts.cfg."""

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from twistecho.fleet.reports.report import Report

from . import DOCS
from .balancer import LONGEST_WAIT, Balancer, until
from .namespaces import Host, Network
from .programs import program

CONFIGURATION = DOCS / "haproxy-hosts.cfg"
BALANCER = "192.0.2.10"
BALANCER_TOO = "192.0.2.9"
"""Another address of the balancer, for more connections than one address has ports."""

SERVICES = {"echo1": "192.0.2.11", "echo2": "192.0.2.12", "echo3": "192.0.2.13"}
CLIENTS = "192.0.2.100"
PORT = 5000
PROBE = b"ping"
"""The message of a health check."""

TWIST = [sys.executable, "-m", "twisted", "--log-format=text", "echo", "--reply", "raw"]
TWIST += ["--host", "0.0.0.0", "--port", str(PORT), "--metrics", "9100"]

SCRAPE = """
from urllib.request import urlopen
print(urlopen("http://127.0.0.1:9100/metrics", timeout=20).read().decode())
"""


class Service:
    """A running ``twist echo`` on a host, and its metrics."""

    def __init__(self, host: Host, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self._host = host

    def metrics(self) -> dict[str, float]:
        """Scrape the metrics that have no labels."""
        text = self._host.output(sys.executable, "-I", "-c", SCRAPE)
        samples = (sample for f in text_string_to_metric_families(text) for sample in f.samples)
        return {sample.name: sample.value for sample in samples if not sample.labels}

    def messages(self, size: int) -> int:
        """Count only the messages of this size: all others are the probes of health checks.

        It follows from the number and the bytes of all messages and probes together.
        """
        metrics = self.metrics()
        number = metrics["twistecho_messages_total"]
        received = metrics["twistecho_received_bytes_total"]
        messages, rest = divmod(received - number * len(PROBE), size - len(PROBE))
        assert rest == 0, f"{number} messages of {received} bytes"
        return int(messages)

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait(LONGEST_WAIT)

    def terminate(self) -> None:
        """Ask it to stop, as systemd does."""
        self.process.terminate()

    def ended_as_asked(self) -> bool:
        """Wait for its end; return whether SIGTERM was the reason."""
        return self.process.wait(LONGEST_WAIT) == -signal.SIGTERM


class Running:
    """A running ``twistecho fleet``."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def ports(self) -> list[int]:
        """Return the local port of each connected client, in the order of connecting.

        That is the order of the descriptors, if none was closed.
        """
        local = {}
        for line in Path(f"/proc/{self.process.pid}/net/tcp").read_text().splitlines():
            fields = line.split()
            if fields[2].endswith(f":{PORT:04X}"):
                local[f"socket:[{fields[9]}]"] = int(fields[1].partition(":")[2], 16)
        folder = Path(f"/proc/{self.process.pid}/fd")
        numbers = sorted(int(entry.name) for entry in folder.iterdir())
        links = [str((folder / str(number)).readlink()) for number in numbers]
        return [local[link] for link in links if link in local]

    def report(self) -> Report:
        """Wait for the fleet's end; return its report."""
        said, _ = self.process.communicate(timeout=3 * LONGEST_WAIT)
        report = Report.from_json(said)
        assert (self.process.returncode == 0) == report.complete
        return report


class Balanced:
    """The running hosts: ``services`` by name, ``balancer``, and fleets on request."""

    def __init__(self, network: Network, folder: str) -> None:
        self._folder = Path(folder)
        self._clients = network.host(CLIENTS)
        self.hosts = {name: network.host(address) for name, address in SERVICES.items()}
        self.front = network.host(BALANCER, BALANCER_TOO)
        self.services: dict[str, Service] = {}
        self.balancer = Balancer(str(self._folder / "admin.sock"), CLIENTS)

    @contextmanager
    def serving(self, name: str, *options: str) -> Iterator[None]:
        """Run a service for the block's time."""
        path = self._folder / f"{name}.log"
        command = [*TWIST, "--proxy-from", BALANCER, *options]
        with (
            path.open("w") as log,
            self.hosts[name].running(*command, stdout=log, stderr=log) as process,
        ):
            self.services[name] = Service(self.hosts[name], process)
            yield

    def states(self) -> dict[str, str]:
        """Return HAProxy's state of each server: ``UP``, ``DOWN``, ``DRAIN``."""
        return {name: row["status"] for name, row in self.balancer.servers().items()}

    def listening(self, name: str) -> bool:
        """Return whether a service has begun to listen."""
        said = (self._folder / f"{name}.log").read_text()
        assert self.services[name].process.poll() is None, said
        return "Listening on" in said

    @contextmanager
    def balancing(self, configuration: str) -> Iterator[None]:
        """Run HAProxy for the block's time; the block begins when every check has succeeded."""
        path = self._folder / "haproxy.cfg"
        assert "/run/haproxy/" in configuration
        path.write_text(configuration.replace("/run/haproxy/", f"{self._folder}/"))
        command = (program("haproxy", "haproxy"), "-db", "-q", "-f", str(path))
        with self.front.running(*command) as process:
            until(lambda: self._all_well(process), "all services are up")
            yield

    def _all_well(self, process: "subprocess.Popen[str]") -> bool:
        assert process.poll() is None
        if not Path(self._folder, "admin.sock").exists():
            return False
        try:
            states = self.balancer.servers().values()
        except ConnectionRefusedError:  # its socket exists, but does not listen yet
            return False
        return all((s["status"], s["check_status"]) == ("UP", "L7OK") for s in states)

    @contextmanager
    def fleet(self, *options: str, address: str = BALANCER) -> Iterator[Running]:
        """Run a fleet against the balancer, or another host, for the block's time."""
        target = f"{address}:{PORT}"
        command = [sys.executable, "-m", "twistecho", "fleet", target, "--reply", "raw"]
        with self._clients.running(
            *command, "--json", "-", *options, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            yield Running(process)


@contextmanager
def balanced(*options: str, configuration: str | None = None) -> Iterator[Balanced]:
    """Set up the network, three services with these options, and the balancer."""
    program("haproxy", "haproxy")
    with ExitStack() as held:
        network = Network(held)
        hosts = Balanced(network, held.enter_context(tempfile.TemporaryDirectory(prefix="echo")))
        for name in SERVICES:
            held.enter_context(hosts.serving(name, *options))
        until(lambda: all(map(hosts.listening, SERVICES)), "the services listen")
        held.enter_context(hosts.balancing(configuration or CONFIGURATION.read_text()))
        yield hosts
