"""This project's fleets, with public names only: ``fleet_in_turns ENGINE PORT PLAN``.

``PLAN`` is a JSON object of `Plan`'s fields without ``duration``, with messages as text; replies
are raw by default. Each line of input is a number of seconds, for which every client connects and
sends messages; the program prints the number of right replies.
"""

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

from twistecho import Plan, Report


def _plans(fields: dict[str, Any]) -> Iterator[Plan]:
    if "messages" in fields:
        fields["messages"] = tuple(message.encode() for message in fields["messages"])
    for line in sys.stdin:
        yield Plan(**{"reply": "raw", **fields, "duration": float(line)})


def _tell(report: Report) -> None:
    assert report.complete
    print(report.messages, flush=True)


def threads(target: str, plans: Iterator[Plan]) -> None:
    """Carry out the plans, one thread per client."""
    from twistecho import run_threads  # noqa: PLC0415 - only the used engine is imported

    for plan in plans:
        _tell(run_threads(plan, target))


def reactor(target: str, plans: Iterator[Plan]) -> None:
    """Carry out the plans on this project's reactor, which is idle between them."""
    from twistecho.eagerreactor import install  # noqa: PLC0415 - as above

    loop: Any = install()
    from twisted.internet.defer import Deferred  # noqa: PLC0415 - once the reactor is installed

    from twistecho import Fleet  # noqa: PLC0415 - likewise

    async def carry_out_all() -> None:
        try:
            for plan in plans:
                _tell(await Fleet(loop, target, plan).run())
        finally:
            loop.stop()  # after an error, too: otherwise it would run forever

    loop.callWhenRunning(lambda: Deferred.fromCoroutine(carry_out_all()))
    loop.run()


ENGINES: dict[str, Callable[[str, Iterator[Plan]], None]] = {
    "reactor": reactor,
    "threads": threads,
}


def main() -> None:
    """Carry out the plan for each line of input."""
    engine, port, fields = sys.argv[1:]
    ENGINES[engine](f"127.0.0.1:{port}", _plans(json.loads(fields)))


if __name__ == "__main__":
    main()
