"""The metrics of several workers: added up from files, and never less than they were."""

import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from twisted.internet.task import Clock

from twistecho import EchoFactory
from twistecho.service.echo.counters import LATENESS_BOUNDS
from twistecho.service.process.metrics import EchoCollector
from twistecho.service.workers.metrics import Copier, WorkersCollector, forget


class MetricsTests(unittest.TestCase):
    """Several factories in this process, each a worker's."""

    def setUp(self) -> None:
        """Make a folder for the files."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        patched = mock.patch.dict(os.environ, {"PROMETHEUS_MULTIPROC_DIR": folder.name})
        patched.start()
        self.addCleanup(patched.stop)

    def worker(self, number: int) -> tuple[EchoFactory, Copier]:
        """Make a worker that counts, and what copies its counters."""
        factory = EchoFactory(Clock(), reply="raw", delay=1)
        copier = Copier(EchoCollector(factory), number)
        self.addCleanup(self.close, copier)
        return factory, copier

    def close(self, copier: Copier) -> None:
        """Close the files that a worker keeps to its end."""
        for value, _ in copier._values.values():
            value._file.close()

    def scraped(self) -> dict[str, float]:
        """Give all samples, by name and labels."""
        registry = CollectorRegistry()
        MultiProcessCollector(registry, str(self.folder))
        return _samples(registry)

    def test_totals_are_the_sum(self) -> None:
        """Of numbers, of those by reason, and of gauges."""
        workers = [self.worker(number) for number in range(2)]
        for (factory, copier), messages in zip(workers, (3, 4), strict=True):
            factory.connections.tally.messages = messages
            factory.connections.tally.refused["too-many-connections"] = messages * 10
            factory.connections.budget.used = messages * 100
            copier.copy()
        found = self.scraped()
        assert found["twistecho_messages_total"] == 7
        assert found['twistecho_connections_refused_total{reason="too-many-connections"}'] == 70
        assert found["twistecho_waiting_bytes"] == 700

    def test_they_are_those_of_one_process(self) -> None:
        """The same names and values as without workers, histogram and all."""
        factory, copier = self.worker(0)
        for late in (*LATENESS_BOUNDS, 0.003, 7.0):
            factory.connections.tally.lateness.observe(late)
        factory.counts.dropped["idle"] += 1
        copier.copy()
        alone = CollectorRegistry()
        alone.register(EchoCollector(factory))
        assert self.scraped() == _samples(alone)

    def test_totals_survive_a_worker(self) -> None:
        """Its successor goes on where it ended; its gauges end with it."""
        factory, copier = self.worker(0)
        factory.connections.tally.messages = 5
        factory.connections.tally.lateness.observe(0.003)
        factory.connections.budget.used = 100
        copier.copy()
        forget(self.folder, "0")
        assert "twistecho_waiting_bytes" not in self.scraped()
        assert self.scraped()["twistecho_messages_total"] == 5
        factory, copier = self.worker(0)
        copier.copy()
        assert self.scraped()["twistecho_messages_total"] == 5
        factory.connections.tally.messages = 2
        factory.connections.tally.lateness.observe(0.003)
        copier.copy()
        found = self.scraped()
        assert found["twistecho_messages_total"] == 7
        assert found["twistecho_reply_lateness_seconds_count"] == 2
        assert found["twistecho_waiting_bytes"] == 0

    def test_the_workers_are_counted(self) -> None:
        """Those that run, and how often one was started again."""
        registry = CollectorRegistry()
        registry.register(WorkersCollector(lambda: (3, 4)))
        assert _samples(registry) == {
            "twistecho_workers": 3,
            "twistecho_worker_restarts_total": 4,
        }


def _samples(registry: CollectorRegistry) -> dict[str, float]:
    lines = generate_latest(registry).decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}
