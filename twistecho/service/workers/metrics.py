"""The metrics of several workers as those of one service: prometheus-client's multiprocess mode.

Each worker copies its counters, as collected by `EchoCollector`, into files in a private folder;
the process that started it adds them up for each scrape. Counting in those files directly, as the
library does by itself, takes 1 us per counter (measured), and each message changes three. A worker
continues its predecessor's files, so totals never decrease; when a worker is killed, its counts
since the last copy are lost.
Needs the ``metrics`` extra.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector
from prometheus_client.values import MultiProcessValue
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from twistecho.service.echo.factory import EchoFactory
from twistecho.service.process.metrics import EchoCollector, Metrics

INTERVAL = 0.5
"""Seconds between two copies."""

_Labels = tuple[tuple[str, str], ...]
_log = Logger()


class Copier:
    """Copies the samples of a collector into the files of a worker, added to earlier totals.

    ``PROMETHEUS_MULTIPROC_DIR`` names their folder.
    """

    def __init__(self, collector: Collector, worker: int) -> None:
        self._collector = collector
        self._make: Callable[..., Any] = MultiProcessValue(lambda: worker)  # type: ignore[no-untyped-call]
        self._values: dict[tuple[str, _Labels], tuple[Any, float]] = {}

    def copy(self) -> None:
        """Copy the current value of every sample."""
        for family in self._collector.collect():
            for name, labels, number in stored(family):
                value, before = self._value(family, name, labels)
                value.set(before + number)

    def _value(self, family: Metric, name: str, labels: _Labels) -> tuple[Any, float]:
        key = (name, labels)
        if key not in self._values:
            value = self._make(
                family.type,
                family.name,
                name,
                [label for label, _ in labels],
                [text for _, text in labels],
                family.documentation,
                multiprocess_mode="livesum",
            )
            self._values[key] = value, 0.0 if family.type == "gauge" else value.get()
        return self._values[key]


def stored(family: Metric) -> Iterator[tuple[str, _Labels, float]]:
    """Yield the samples as the files hold them: the buckets of a histogram are not cumulative."""
    below = 0.0
    for sample in family.samples:
        number = sample.value
        if family.type == "histogram":
            if sample.name.endswith("_count"):
                continue
            if sample.name.endswith("_bucket"):
                number, below = number - below, number
        yield sample.name, tuple(sample.labels.items()), number


def publish(reactor: Any, factory: EchoFactory, worker: int) -> None:
    """Copy a worker's counters every `INTERVAL`, and at its end."""
    copier = Copier(EchoCollector(factory), worker)
    copying = LoopingCall(copier.copy)
    copying.clock = reactor

    def failed(failure: Failure) -> None:  # the folder was removed, or is full
        _log.warn("The metrics of this worker are no longer updated: {why}", why=failure.value)

    def last() -> None:
        if copying.running:
            copying.stop()
            copier.copy()

    done: Deferred[Any] = copying.start(INTERVAL)
    done.addErrback(failed)
    reactor.addSystemEventTrigger("after", "shutdown", last)


class WorkersCollector(Collector):
    """Collects how many workers run, and how many ended unexpectedly."""

    def __init__(self, count: Callable[[], tuple[int, int]]) -> None:
        self._count = count

    def collect(self) -> Iterator[Metric]:
        """Read both; called from another thread."""
        running, restarts = self._count()
        yield GaugeMetricFamily("twistecho_workers", "Workers that run.", value=running)
        yield CounterMetricFamily(
            "twistecho_worker_restarts", "Workers that ended unexpectedly.", value=restarts
        )


def workers_metrics(folder: Path, count: Callable[[], tuple[int, int]]) -> Metrics:
    """Make a resource of the sums of all workers' metrics. ``count`` is for `WorkersCollector`."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(folder))  # type: ignore[no-untyped-call]
    registry.register(WorkersCollector(count))
    return Metrics(registry)


def forget(folder: Path, worker: str) -> None:
    """Remove the gauges of a worker that has ended; its totals stay."""
    mark_process_dead(worker, str(folder))  # type: ignore[no-untyped-call]
