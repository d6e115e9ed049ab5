"""Whether this machine can run the clients of a plan, checked before they start.

The limits are the open files of a process, and the local ports for connections between two
addresses. The message for either names a remedy.
"""

import socket

from twistecho.base.processes import room_for_connections
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.sources import families
from twistecho.fleet.plans.target import Target

from .local_ports import local_ports


def lack(plan: Plan, target: Target, processes: int, open_files: int) -> str | None:
    """Return one line if the plan exceeds a limit of this machine, else None.

    ``open_files`` is the limit of each of the ``processes``.
    """
    room = room_for_connections(open_files)
    most = -(-plan.at_once // processes)
    if most > room:
        return (
            f"{most:,} clients in a process, which may open only {open_files:,} files: "
            f"use {-(-plan.at_once // room)} --processes or more, or raise the limit (ulimit -n)"
        )
    ports = local_ports()
    addresses = max(1, len(plan.sources))
    if target.path is None and ports is not None and plan.clients > ports * addresses:
        return (
            f"{plan.clients:,} clients, but only {ports:,} local ports per source address: "
            f"use {-(-plan.clients // ports)} addresses with --source, "
            "or widen net.ipv4.ip_local_port_range"
        )
    return None


def problem_with_sources(plan: Plan, target: Target) -> str | None:
    """Return one line that names a source address that cannot be used, or None."""
    if plan.sources and target.host is None:
        return f"{target} has no host: source addresses are for TCP targets"
    for source in plan.sources:
        family = socket.AF_INET6 if 6 in families((source,)) else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.bind((source, 0))
        except OSError as error:
            return f"{source}: {error.strerror or error}"
    return None
