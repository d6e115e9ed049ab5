"""The effect of a stall on an open and on a closed load: ``python -m bench.stall [PICTURE]``.

The server does nothing for 1 of every 10 seconds. Of an open load at a constant rate, a tenth of
the messages are due in these seconds and wait for 0 to 1 second, equally distributed: the 95th
percentile of all response times is half a second, the 99th is 0.9. A closed load, of as many
clients, with pauses so that it sends about as much, has one waiting message per client during a
stall, and sends no others meanwhile.
"""

import sys
from dataclasses import replace

from twistecho.base.reply_formats import ReplyFormat
from twistecho.fleet.output.charts import percentile_chart
from twistecho.fleet.output.times import own_lines
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.target import parse_target
from twistecho.fleet.reports.histograms import Latencies
from twistecho.fleet.reports.report import Report
from twistecho.fleet.reports.verdict import invalid
from twistecho.fleet.runs.engine import ENGINES, Engine
from twistecho.fleet.runs.fleet_process import FleetProcess
from twistecho.pictures.chart import Picture
from twistecho.pictures.files import save

from .programs import running

_EVERY, _STALL, _SECONDS = 10.0, 1.0, 30.0
_RATE, _CLIENTS = 1000.0, 50
_OPEN = Plan(
    clients=_CLIENTS,
    messages=(b"x" * 64,),
    rate=_RATE,
    duration=_SECONDS,
    reply=ReplyFormat.RAW,
    barrier=True,
)
_CLOSED = replace(_OPEN, rate=None, think=_CLIENTS / _RATE)
_AT = (50.0, 90.0, 95.0, 99.0, 99.9)


def _run(engine: Engine, plan: Plan) -> Report:
    """Run a plan against a server of its own, in a process of its own."""
    server = [sys.executable, "-m", "bench.peers.stalling_server", str(_EVERY), str(_STALL)]
    with running(server, 0) as stalling:
        target = f"127.0.0.1:{stalling.line()}"
        with FleetProcess(engine, parse_target(target), plan) as clients:
            return clients.wait_for_report()


def _figures(report: Report) -> str:
    summary = Latencies(report.measured.latency).summary(_AT)
    assert summary is not None
    at = zip(_AT, summary.percentiles, strict=True)
    return "  ".join(f"p{percent:g} {value * 1e3:8.2f} ms" for percent, value in at)


def main() -> None:
    """Run both loads with both engines; print the figures, and draw those of the reactor's."""
    curves: dict[str, str] = {}
    for engine in ENGINES:
        for name, plan in (("open", _OPEN), ("closed", _CLOSED)):
            report = _run(engine, plan)
            print(f"{engine} {name:6} {report.messages:7,} messages  {_figures(report)}")
            for line in (*invalid(report), *own_lines(report)):
                print(line)
            curves.setdefault(
                f"{name} load, {_RATE:,.0f} messages per second", report.measured.latency
            )
    if sys.argv[1:]:
        save(Picture("", (percentile_chart(curves),)), sys.argv[1])


if __name__ == "__main__":
    main()
