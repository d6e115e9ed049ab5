"""Local ports: how many the system gives out, and whether a plan's connections use them up.

Connections from one address to the same service have a port each. Whoever closes first keeps it for
a while longer (TIME_WAIT), since late packets may come: the fleet does, unless a server closes by
itself. Linux keeps it for a minute; where ``tcp_tw_reuse`` lets it, it gives it out again after a
second, if both sides send TCP's timestamps. See ip-sysctl in Linux's documentation.
"""

from contextlib import suppress
from ipaddress import ip_address
from math import ceil, inf
from pathlib import Path

from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.target import Target

PORT_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
"""Where Linux tells the first and the last local port that it gives out."""

REUSE = Path("/proc/sys/net/ipv4/tcp_tw_reuse")
"""Where Linux tells what it gives out again soon: 0 nothing, 1 all, 2 what is of the loopback."""

_TIME_WAIT, _REUSED_AFTER = 60.0, 1.0  # seconds


def local_ports() -> int | None:
    """Count the local ports that the system gives out; None where it does not tell."""
    try:
        first, last = PORT_RANGE.read_text().split()
    except (OSError, ValueError):
        return None
    return int(last) - int(first) + 1


def kept_for(target: Target) -> float:
    """Say for how many seconds a closed connection to a target keeps its local port."""
    with suppress(OSError):
        reuse = REUSE.read_text().strip()
        if reuse == "1" or (reuse == "2" and _is_loopback(target.host or "")):
            return _REUSED_AFTER
    return _TIME_WAIT


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"


def shortage(plan: Plan, target: Target) -> str | None:
    """Say in one line that a plan's connections will use up the local ports, or None.

    A plan shows it where it has a rate. Else how many connections there are is up to the server.
    """
    a_second, ports = plan.connects_per_second, local_ports()
    if a_second is None or ports is None or target.host is None:
        return None
    kept = kept_for(target)
    taken = plan.clients + min(a_second * kept, _closed_in_all(plan, a_second))
    if taken <= ports * max(1, len(plan.sources)):
        return None
    soon = "" if kept < _TIME_WAIT else ", let net.ipv4.tcp_tw_reuse be 1"
    return (
        f"{a_second:,.5g} connections/s, each of which keeps its local port for {kept:g} s after "
        f"its end, but {ports:,} ports for each source address: unless the server closes first, "
        f"clients will fail with connect:no-local-port. Give {ceil(taken / ports):,} addresses "
        f"with --source{soon}, or have fewer connections"
    )


def _closed_in_all(plan: Plan, a_second: float) -> float:
    """Say how many connections a plan has at most, its clients' last ones apart."""
    if plan.duration is not None:
        return a_second * (plan.warmup + plan.duration)
    each, carried = plan.messages_per_client, plan.reconnect
    return inf if each is None or carried is None else plan.clients * (ceil(each / carried) - 1)
