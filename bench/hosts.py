"""Failures of clients behind the balancer of docs/hosts.md: ``python -m bench.hosts``.

Three hosts, a balancer and a fleet, in network namespaces; needs Linux, haproxy and iproute2.
All traffic stays on the machine. It prints Markdown tables, in two and a half minutes.
"""

import re
import statistics
import time
from collections.abc import Callable, Iterable

from tests.support.balanced import (
    BALANCER,
    BALANCER_TOO,
    CONFIGURATION,
    PORT,
    SERVICES,
    Balanced,
    Service,
    balanced,
)
from tests.support.balancer import until
from twistecho.fleet.reports.report import Report

CLIENTS = 300
LATE = "!delay 4 late"
DRAIN = "set server twistecho/echo2 state drain"
SHUTDOWN = " on-marked-down shutdown-sessions"
REUSE = "echo 1 > /proc/sys/net/ipv4/tcp_tw_reuse"
WAYS_TO_STOP: dict[str, tuple[str, ...]] = {
    "SIGTERM alone": (),
    "state drain, SIGTERM": (DRAIN,),
    "state maint, SIGTERM": (DRAIN.replace("drain", "maint"),),
    "state drain, disable health, SIGTERM": (DRAIN, "disable health twistecho/echo2"),
}


def table(title: str, columns: str, rows: Iterable[tuple[object, ...]]) -> None:
    """Print each row as soon as it is measured."""
    print(f"\n{title}\n\n| {columns} |\n|{'---|' * (columns.count('|') + 1)}", flush=True)
    for row in rows:
        print(f"| {' | '.join(map(str, row))} |", flush=True)


def causes(report: Report) -> str:
    """Write the failures of a fleet."""
    return ", ".join(f"{number} {cause}" for cause, number in report.failures.items()) or "none"


def gone(hosts: Balanced, name: str) -> float:
    """Wait until no session of a host is left; return the seconds this took."""
    began = time.monotonic()
    until(lambda: hosts.balancer.count(name, "scur") == 0, f"{name} has no sessions")
    return time.monotonic() - began


def connected(hosts: Balanced, clients: int) -> None:
    """Wait until every client has a host."""
    until(
        lambda: sum(hosts.balancer.count(name, "scur") for name in SERVICES) == clients,
        "every client has a host",
    )


def arrived(service: Service, number: int) -> None:
    """Wait until ``number`` messages have reached a service."""
    until(lambda: service.messages(len(LATE)) == number, "the messages have arrived")


def end_of_a_host(end: Callable[[Balanced], None], configuration: str) -> tuple[object, ...]:
    """End echo1; return how many clients it had, their failures, and after what time."""
    with (
        balanced("--delay", "50ms", configuration=configuration) as hosts,
        hosts.fleet(f"-c{CLIENTS}", "-n120", "--timeout", "8") as fleet,
    ):
        connected(hosts, CLIENTS)
        on_it = hosts.balancer.count("echo1", "scur")
        end(hosts)
        seconds = gone(hosts, "echo1")
        return on_it, causes(fleet.report()), f"{seconds:.2f} s"


def ends() -> Iterable[tuple[object, ...]]:
    """End a host by a kill, and by an unplugged cable."""
    text = CONFIGURATION.read_text()
    yield "killed", *end_of_a_host(lambda hosts: hosts.services["echo1"].kill(), text)
    yield "cable pulled", *end_of_a_host(unplug, text)
    without = f"cable pulled, without `{SHUTDOWN.strip()}`"
    yield without, *end_of_a_host(unplug, text.replace(SHUTDOWN, ""))


def unplug(hosts: Balanced) -> None:
    """Unplug echo1's cable."""
    hosts.hosts["echo1"].unplug()


def stop_of_a_service(orders: Iterable[str], configuration: str) -> tuple[object, ...]:
    """Stop echo2 after commands to HAProxy; return its pending replies, and the failures."""
    with (
        balanced("--in-band", "--drain", "6", configuration=configuration) as hosts,
        hosts.fleet(f"-c{CLIENTS}", "-m", LATE) as fleet,
    ):
        connected(hosts, CLIENTS)
        stopped, owed = hosts.services["echo2"], hosts.balancer.count("echo2", "scur")
        arrived(stopped, owed)
        for order in orders:
            hosts.balancer.order(order)
        stopped.terminate()
        return owed, causes(fleet.report())


def stops() -> Iterable[tuple[object, ...]]:
    """Stop a service, in several ways, while each of its clients has a pending reply."""
    text = CONFIGURATION.read_text()
    for what, orders in WAYS_TO_STOP.items():
        yield what, *stop_of_a_service(orders, text)
    without = f"SIGTERM alone, without `{SHUTDOWN.strip()}`"
    yield without, *stop_of_a_service((), text.replace(SHUTDOWN, ""))


def at_a_bound(
    configuration: str, *options: str, clients: int = 70, ports: int = 20
) -> tuple[object, ...]:
    """Run more clients than fit; return their failures, and the hosts' states in HAProxy."""
    with balanced("--delay", "3", *options, configuration=configuration) as hosts:
        cut_ports(hosts, ports)
        return clients, *wave(hosts, clients)


def after_others(configuration: str, setting: str = "true") -> tuple[object, ...]:
    """Run a fleet a second after an equal one has ended; return its failures."""
    with balanced("--delay", "1", configuration=configuration) as hosts:
        cut_ports(hosts, 20, setting)
        wave(hosts, 45)
        time.sleep(1)  # the kernel does not reuse a port in the same second
        return 45, *wave(hosts, 45)


def cut_ports(hosts: Balanced, ports: int, setting: str = "true") -> None:
    """Leave the balancer ``ports`` ports to connect from; run a command in its shell."""
    limit = f"echo 40000 {40000 + ports - 1} > /proc/sys/net/ipv4/ip_local_port_range"
    hosts.front.output("sh", "-c", f"{limit}; {setting}")


def wave(hosts: Balanced, clients: int) -> tuple[object, ...]:
    """Run a fleet; return its failures, and the hosts' states in HAProxy after it."""
    with hosts.fleet(f"-c{clients}") as fleet:
        report = fleet.report()
    return causes(report), ", ".join(sorted(hosts.states().values()))


def bounds() -> Iterable[tuple[object, ...]]:
    """Use up the balancer's ports, or the service's connections."""
    text = CONFIGURATION.read_text()
    fifteen = text.replace("maxconn 3000", "maxconn 15")
    server = rf"    server (echo\d) (\S+):{PORT}\n"
    double = re.sub(server, r"    server \1 \2:5000\n    server \1b \2:5001\n", fifteen)
    sources = re.sub(
        server,
        rf"    server \1 \2:{PORT} source {BALANCER}\n"
        rf"    server \1b \2:{PORT} source {BALANCER_TOO}\n",
        fifteen,
    )
    yield "20 ports for each host, no lower `maxconn`", *at_a_bound(text)
    yield "the same, `maxconn 15`", *at_a_bound(fifteen, clients=45)
    yield "the same, more clients than fit at once", *at_a_bound(fifteen)
    yield "`maxconn 15`, a second after 45 others", *after_others(fifteen)
    yield "the same, `tcp_tw_reuse=1`", *after_others(fifteen, REUSE)
    yield "`maxconn 15`, each service on two ports", *at_a_bound(double, "--port", "5001")
    yield "`maxconn 15`, from two addresses", *at_a_bound(sources, "--proxy-from", BALANCER_TOO)
    yield (
        "`--max-connections 8`, no lower `maxconn`",
        *at_a_bound(text, "--max-connections", "8", clients=30, ports=9999),
    )
    lower = text.replace("maxconn 3000", "maxconn 6")
    yield (
        "the same, `maxconn 6`",
        *at_a_bound(lower, "--max-connections", "8", clients=30, ports=9999),
    )


def price() -> Iterable[tuple[object, ...]]:
    """Measure one host directly, and all three through the balancer, in turn."""
    with balanced() as hosts:
        found: dict[str, list[Report]] = {"directly": [], "through the balancer": []}
        for _ in range(5):
            for address, reports in zip(("192.0.2.11", "192.0.2.10"), found.values(), strict=True):
                with hosts.fleet("-c1", "-n2000", address=address) as fleet:
                    reports.append(fleet.report())
    for way, reports in found.items():
        middles = [summary.percentiles[0] for r in reports if (summary := r.latencies())]
        yield way, f"{statistics.median(middles) * 1e6:.0f} us"


def main() -> None:
    """Measure everything."""
    table("A host ends", "how | its clients | their failures | after", ends())
    table("A service is stopped", "how | pending replies | lost", stops())
    table("A bound is reached", "which | clients | lost | hosts, after", bounds())
    table("One client, 2,000 messages, no delay", "way | median latency, of five runs", price())


if __name__ == "__main__":
    main()
