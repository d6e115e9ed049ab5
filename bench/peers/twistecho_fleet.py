"""This project's fleet on its own reactor: every byte verified, every latency recorded."""

import sys
from typing import Any

from twistecho.base.reply_formats import ReplyFormat
from twistecho.eagerreactor import install
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reactor_engine.fleet import Fleet
from twistecho.fleet.reports.report import Report

from .records import Cpu


def main() -> None:
    """Carry out the plan; print messages and seconds."""
    port, clients, size, repeat = map(int, sys.argv[1:])
    reactor: Any = install()
    message = (bytes(range(256)) * (size // 256 + 1))[:size]
    plan = Plan(clients=clients, messages=(message,), repeat=repeat, reply=ReplyFormat.RAW)
    reports: list[Report] = []
    cpu = Cpu()

    def ended(report: Report) -> None:
        reports.append(report)
        reactor.stop()

    reactor.callWhenRunning(lambda: Fleet(reactor, str(port), plan).run().addCallback(ended))
    reactor.run()
    assert reports[0].complete
    print(reports[0].messages, reports[0].makespan, cpu)


if __name__ == "__main__":
    main()
