"""N hosts behind a balancer lose one at peak: ``python -m bench.losing_a_host``.

A seeded simulation. The clients of the lost host reconnect, each by the same rule; the balancer
passes every attempt to the host with the fewest connections; a host has limits for accepts per
second, waiting connections and all connections. It prints how long it takes until all clients are
served again, and the number of attempts. It leaves out the network, the messages of served clients,
and limits of the balancer.
"""

import argparse
import heapq
import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

Wait = Callable[[random.Random, int], float]
"""Returns how long a client waits, in seconds, before attempt n, counted from 0."""

RULES: dict[str, Wait] = {
    "at once, again every 100 ms": lambda _chance, number: 0.1 * bool(number),
    "every second": lambda _chance, _number: 1.0,
    "doubled from 1 s": lambda _chance, number: float(2 ** min(number, 6)),
    "doubled from 1 s, with jitter": lambda chance, number: chance.uniform(0, 2 ** min(number, 6)),
    "spread over 30 s, then doubled with jitter": lambda chance, number: chance.uniform(
        0, 30.0 if number == 0 else 2 ** min(number, 6)
    ),
}


@dataclass(frozen=True)
class Site:
    """The simulated site: ``clients`` on ``hosts`` hosts, each with at most ``cap`` connections.

    A host accepts ``accepts`` connections per second, and at most ``backlog`` wait; further ones
    are refused, as are clients that have waited for ``longest_wait`` seconds.
    """

    clients: int = 1_000_000
    hosts: int = 10
    cap: int = 120_000
    accepts: float = 16_000.0
    backlog: int = 4_096
    longest_wait: float = 5.0


@dataclass
class Host:
    """One host: its connections, and when it will have accepted all waiting ones."""

    open: int
    free_at: float = 0.0

    def attempt(self, site: Site, now: float) -> float | None:
        """Return when the connection is accepted, or None if it is refused."""
        waiting = max(0.0, self.free_at - now) * site.accepts
        if self.open >= site.cap or waiting >= site.backlog:
            return None
        begun = max(self.free_at, now)
        self.free_at = begun + 1 / site.accepts
        if begun - now > site.longest_wait:
            return None
        self.open += 1
        return self.free_at


@dataclass
class Found:
    """The result: all attempts, attempts by second, and when each client was served again."""

    lost: int
    attempts: int = 0
    by_second: Counter[int] = field(default_factory=Counter)
    served: list[float] = field(default_factory=list)

    def share_served(self, share: float) -> float:
        """Return when this share of the lost clients was served again; infinite if never."""
        place = math.ceil(share * self.lost) - 1
        return sorted(self.served)[place] if place < len(self.served) else math.inf


def simulate(site: Site, rule: Wait, *, seed: int = 0, until: float = 600.0) -> Found:
    """Lose one host at time 0 and let its clients reconnect, for at most ``until`` seconds."""
    chance = random.Random(seed)  # noqa: S311 - a simulation
    each = site.clients // site.hosts
    hosts = [Host(each) for _ in range(site.hosts - 1)]
    fewest = [(host.open, number) for number, host in enumerate(hosts)]
    heapq.heapify(fewest)
    found = Found(each)
    coming = [(rule(chance, 0), client, 1) for client in range(each)]
    heapq.heapify(coming)
    room = sum(site.cap - host.open for host in hosts)
    while coming and coming[0][0] <= until and len(found.served) < room:
        now, client, number = heapq.heappop(coming)
        found.attempts += 1
        found.by_second[int(now)] += 1
        _, at = heapq.heappop(fewest)
        accepted = hosts[at].attempt(site, now)
        heapq.heappush(fewest, (hosts[at].open, at))
        if accepted is None:
            heapq.heappush(coming, (now + max(1e-3, rule(chance, number)), client, number + 1))
        else:
            found.served.append(accepted)
    return found


def headroom(site: Site, spare: int) -> Site:
    """Return the same site with hosts that hold all clients even without ``spare`` of them."""
    return replace(site, cap=math.ceil(site.clients / (site.hosts - spare)))


HEAD = """\
| reconnecting | accepts per host | half served | 99 % | all | attempts each | most per second |
|---|---|---|---|---|---|---|"""


def row(name: str, site: Site, found: Found) -> str:
    """Write a result as a row of a Markdown table."""
    times = [found.share_served(share) for share in (0.5, 0.99, 1.0)]
    cells = [name, f"{site.accepts:,.0f}/s"]
    cells += [f"{at:.1f} s" if at < math.inf else "never" for at in times]
    cells += [f"{found.attempts / found.lost:.1f}" if found.attempts else "endless"]
    cells += [f"{max(found.by_second.values(), default=0):,}"]
    return f"| {' | '.join(cells)} |"


def plot(curves: dict[str, Found], path: str) -> None:
    """Draw the attempts per second, one curve per rule."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - only plots need it

    figure = Figure(figsize=(8, 3.4), layout="constrained")
    axes = figure.subplots()
    for (name, found), style in zip(curves.items(), ("-", "--", ":", "-.", "-"), strict=False):
        seconds: Sequence[int] = range(61)
        axes.plot(seconds, [found.by_second[s] for s in seconds], style, label=name)
    axes.set(yscale="symlog", xlabel="seconds after losing the host", ylabel="attempts per second")
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Simulate every rule with one spare host, on fast hosts and on slow ones."""
    parser = argparse.ArgumentParser(prog="python -m bench.losing_a_host", description=__doc__)
    parser.add_argument("--clients", type=int, default=Site.clients)
    parser.add_argument("--hosts", type=int, default=Site.hosts)
    parser.add_argument("--accepts", type=float, default=Site.accepts, help="per second and host")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", metavar="FILE", help="draw the attempts on fast hosts into FILE")
    options = parser.parse_args()
    site = headroom(Site(options.clients, options.hosts, accepts=options.accepts), 1)
    print(HEAD)
    tight = headroom(site, 0)
    print(row("any rule, full hosts", tight, simulate(tight, RULES["every second"])))
    curves: dict[str, Found] = {}
    for accepts in (options.accepts, options.accepts / 8):
        for name, rule in RULES.items():
            slower = replace(site, accepts=accepts)
            found = simulate(slower, rule, seed=options.seed)
            print(row(name, slower, found), flush=True)
            curves.setdefault(name, found)
    if options.plot:
        plot(curves, options.plot)


if __name__ == "__main__":
    main()
