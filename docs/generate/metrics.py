"""The page about the metrics for Prometheus, of a service and of a fleet."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import Metric
from twisted.internet.task import Clock

from twistecho.fleet.output.metrics import FleetCollector
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.stages import parse_rates
from twistecho.fleet.reports.progress import Progress
from twistecho.fleet.reports.second import Second
from twistecho.service.echo.factory import EchoFactory
from twistecho.service.process.metrics import EchoCollector
from twistecho.service.workers.metrics import WorkersCollector

from .markdown import code, page, prose, table


def of_service() -> list[Metric]:
    """Give the metrics of a service, with an example of each label."""
    factory = EchoFactory(Clock())
    factory.counts.refused["example"] += 1
    factory.counts.dropped["example"] += 1
    factory.faults_met["example"] += 1
    return list(EchoCollector(factory).collect())


def of_workers() -> list[Metric]:
    """Give those that a service with workers has besides."""
    return list(WorkersCollector(lambda: (1, 0)).collect())


def of_process() -> list[Metric]:
    """Give those of prometheus-client, about the process."""
    return list(ProcessCollector(registry=CollectorRegistry()).collect())


def of_fleet() -> list[Metric]:
    """Give the metrics of a fleet whose load has stages, with an example of each label."""
    plan = Plan(rate=parse_rates("100:1s,200:1s"))
    collector = FleetCollector(plan)
    collector(Second(0, {}), Progress(1.0, failures={"example": 1}))
    return list(collector.collect())


def name_of(metric: Metric) -> str:
    """Name a metric as Prometheus shows it."""
    return metric.name + "_total" * (metric.type == "counter")


def _labels(metric: Metric) -> list[str]:
    names = {name: None for sample in metric.samples for name in sample.labels}
    return [name for name in names if name != "le"]


def _table(metrics: Iterable[Metric]) -> str:
    rows = [
        (
            code(name_of(metric)),
            metric.type,
            ", ".join(map(code, _labels(metric))),
            prose(metric.documentation),
        )
        for metric in metrics
    ]
    return table(("metric", "type", "labels", "meaning"), rows)


def written() -> str:
    """Write the page."""
    return page(
        "Metrics for Prometheus",
        "A histogram has `_bucket`, `_sum` and `_count` after its name.",
        "## Of a service",
        "`twist echo --metrics PORT` serves these, and so does `/metrics` of the "
        "[control port](control.md). [Operating](../../operating.md#metrics) says which values the "
        "label `reason` has; `kind` is a [kind of fault](faults.md).",
        _table(of_service()),
        "With `--workers`:",
        _table(of_workers()),
        "Without `--workers`, about the process, on Linux:",
        _table(of_process()),
        "## Of a fleet",
        "`twistecho fleet --metrics PORT` serves these during the run. The label `cause` is a "
        "[cause of failure](causes.md).",
        _table(of_fleet()),
        label="metrics",
    )
