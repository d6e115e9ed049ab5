"""Local ports: how many the system has, and whether a plan's connections use them up.

Every connection from one address to the same service needs a local port of its own. The side that
closes first keeps its port for a while (TIME_WAIT), in case late packets arrive. That is the fleet,
unless the server closes first. On Linux the time is one minute. With ``tcp_tw_reuse`` Linux reuses
the port after one second, if both sides send TCP timestamps. Source: ip-sysctl in the Linux
documentation.
"""

from contextlib import suppress
from ipaddress import ip_address
from math import ceil, inf
from pathlib import Path

from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.target import Target

PORT_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
"""Linux's first and last local port."""

REUSE = Path("/proc/sys/net/ipv4/tcp_tw_reuse")
"""Linux's setting for early reuse: 0 none, 1 all connections, 2 those on the loopback."""

_TIME_WAIT, _REUSED_AFTER = 60.0, 1.0  # seconds


def local_ports() -> int | None:
    """Return the number of local ports; None if the system does not publish it."""
    try:
        first, last = PORT_RANGE.read_text().split()
    except (OSError, ValueError):
        return None
    return int(last) - int(first) + 1


def kept_for(target: Target) -> float:
    """Return for how many seconds a closed connection to a target keeps its local port."""
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
    """Return one line if a plan's connections will use up the local ports, else None.

    This can only be computed for a plan with a rate. Otherwise the server determines how many
    connections there are.
    """
    a_second, ports = plan.connects_per_second, local_ports()
    if a_second is None or ports is None or target.host is None:
        return None
    kept = kept_for(target)
    taken = plan.clients + min(a_second * kept, _closed_in_all(plan, a_second))
    if taken <= ports * max(1, len(plan.sources)):
        return None
    soon = "" if kept < _TIME_WAIT else ", set net.ipv4.tcp_tw_reuse to 1"
    return (
        f"{a_second:,.5g} connections/s, each of which keeps its local port for {kept:g} s after "
        f"it ends, but only {ports:,} ports per source address: unless the server closes first, "
        f"clients will fail with connect:no-local-port. Use {ceil(taken / ports):,} addresses "
        f"with --source{soon}, or make fewer connections"
    )


def _closed_in_all(plan: Plan, a_second: float) -> float:
    """Return the most connections that a plan closes, without each client's last one."""
    if plan.duration is not None:
        return a_second * (plan.warmup + plan.duration)
    each, carried = plan.messages_per_client, plan.reconnect
    return inf if each is None or carried is None else plan.clients * (ceil(each / carried) - 1)
