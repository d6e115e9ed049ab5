"""Whether this machine has room for the clients of a plan, which is found before they start.

What bounds them is how many files a process may open, and how many local ports there are for
connections between two addresses. Both are said with what would help.
"""

import socket

from twistecho.base.processes import room_for_connections
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.sources import families
from twistecho.fleet.plans.target import Target

from .local_ports import local_ports


def lack(plan: Plan, target: Target, processes: int, open_files: int) -> str | None:
    """Say in one line what there is not enough of for a plan, or None where all fit.

    ``open_files`` is the limit of each of the ``processes``.
    """
    room = room_for_connections(open_files)
    most = -(-plan.at_once // processes)
    if most > room:
        return (
            f"{most:,} clients in a process, but it may open {open_files:,} files: "
            f"take {-(-plan.at_once // room)} --processes or more, or raise the limit (ulimit -n)"
        )
    ports = local_ports()
    addresses = max(1, len(plan.sources))
    if target.path is None and ports is not None and plan.clients > ports * addresses:
        return (
            f"{plan.clients:,} clients, but {ports:,} local ports for each source address: "
            f"give {-(-plan.clients // ports)} addresses with --source, "
            "or widen net.ipv4.ip_local_port_range"
        )
    return None


def problem_with_sources(plan: Plan, target: Target) -> str | None:
    """Say in one line which source address cannot be connected from, or None."""
    if plan.sources and target.host is None:
        return f"{target} is not connected to from an address"
    for source in plan.sources:
        family = socket.AF_INET6 if 6 in families((source,)) else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.bind((source, 0))
        except OSError as error:
            return f"{source}: {error.strerror or error}"
    return None
