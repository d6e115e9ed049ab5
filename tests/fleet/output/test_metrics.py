"""A run's figures for Prometheus: counted, and served to all who ask properly."""

import socket
import unittest
import urllib.error
import urllib.request
from contextlib import ExitStack

from prometheus_client.parser import text_string_to_metric_families

from twistecho.fleet.output.metrics import _MOST, BOUNDS, FleetCollector, MetricsServer
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.progress import Progress
from twistecho.fleet.reports.second import Second

TIMEOUT = 20.0


class CollectorTests(unittest.TestCase):
    """What is counted."""

    def samples(self, collector: FleetCollector) -> dict[str, float]:
        """Give all samples by name and labels."""
        found = {}
        for metric in collector.collect():
            for sample in metric.samples:
                labels = "".join(f" {value}" for value in sample.labels.values())
                found[sample.name.removeprefix("twistecho_fleet_") + labels] = sample.value
        return found

    def test_seconds_are_added_up(self) -> None:
        """Replies by the bound that they do not exceed; clients are as they are now."""
        collector = FleetCollector(Plan(clients=20, rate=100.0))
        collector(Second(0, {1_000: 3, 40_000_000: 1}, 20, 400), Progress(1.4, 20))
        collector(Second(1, {1_001: 2}, 0, 200), Progress(2.4, 18, 2, 6, {"receive:reset": 2}))
        found = self.samples(collector)
        assert found["messages_answered_total"] == found["response_seconds_count"] == 6
        assert found["bytes_returned_total"] == 600
        assert found["response_seconds_bucket 0.0005"] == 0
        assert found["response_seconds_bucket 0.001"] == 3
        assert found["response_seconds_bucket 0.0025"] == 5
        assert found["response_seconds_bucket 30.0"] == 5
        assert found["response_seconds_bucket +Inf"] == 6
        self.assertAlmostEqual(found["response_seconds_sum"], 40.005002)
        assert found["clients"] == 20
        assert (found["clients_connected"], found["clients_ended"]) == (18, 2)
        assert found["clients_failed_total receive:reset"] == 2
        assert (found["rate_asked"], found["elapsed_seconds"]) == (100.0, 2.4)

    def test_the_stage_is_told_of_a_load_that_has_some(self) -> None:
        """0 in the warm-up and after them; of another load nothing is said."""
        collector = FleetCollector(Plan(rate="10:2s,10..30:1s", warmup=1.0))
        found = []
        for number in range(5):
            found.append(self.samples(collector)["stage"])
            collector(Second(number, {}), Progress(number + 1.3, measured_from=1.0))
        assert found == [0, 1, 1, 2, 0]
        assert "stage" not in self.samples(FleetCollector(Plan(rate=5.0)))

    def test_before_the_first_second_there_is_nothing(self) -> None:
        """Zeros, and no rate in a closed load."""
        found = self.samples(FleetCollector(Plan(clients=3)))
        assert found["messages_answered_total"] == 0
        assert found["clients"] == 3
        assert "rate_asked" not in found
        assert len([name for name in found if "bucket" in name]) == len(BOUNDS) + 1


class ServerTests(unittest.TestCase):
    """Over real sockets."""

    def setUp(self) -> None:
        """Serve the figures of a run at a port of its own."""
        self.server = MetricsServer("127.0.0.1", 0, FleetCollector(Plan(clients=7)))
        held = ExitStack()
        held.enter_context(self.server)
        self.addCleanup(held.close)

    def get(self, url: str, **headers: str) -> tuple[str, str]:
        """Ask; give the body and its type."""
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 - our own
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answered:  # noqa: S310 - as above
            return answered.read().decode(), answered.headers["Content-Type"]

    def connect(self) -> socket.socket:
        """Connect, to say nothing."""
        made = socket.create_connection(self.server.place, TIMEOUT)
        self.addCleanup(made.close)
        return made

    def test_metrics_are_text_that_prometheus_reads(self) -> None:
        """In the format that is asked for; whatever is asked for, in some format."""
        text, kind = self.get(self.server.url)
        assert kind.startswith("text/plain")
        found = {metric.name for metric in text_string_to_metric_families(text)}
        assert "twistecho_fleet_response_seconds" in found
        assert "twistecho_fleet_clients 7.0" in text
        _, kind = self.get(self.server.url, Accept="application/openmetrics-text; version=1.0.0")
        assert kind.startswith("application/openmetrics-text")
        for accept in ("application/openmetrics-text; version=x", "\xff;;=,q="):
            assert "twistecho_fleet" in self.get(self.server.url, Accept=accept)[0]

    def test_nothing_else_is_served(self) -> None:
        """Another path is not found, another method not known."""
        for url, data in (
            (self.server.url.replace("/metrics", "/"), None),
            (self.server.url, b"x"),
        ):
            with self.assertRaises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(url, data, timeout=TIMEOUT)  # noqa: S310 - our own
            refused.exception.close()
            assert refused.exception.code in {404, 501}

    def test_who_says_nothing_keeps_nobody_from_an_answer(self) -> None:
        """The longest of too many connections is closed."""
        silent = [self.connect() for _ in range(_MOST + 3)]
        assert "twistecho_fleet" in self.get(self.server.url)[0]
        assert [each.recv(1) for each in silent[:3]] == [b""] * 3
        assert len(self.server._open) <= _MOST

    def test_leaving_closes_what_is_open(self) -> None:
        """The port is free again, and those who wait are told."""
        with MetricsServer("127.0.0.1", 0, FleetCollector(Plan())) as server:
            waiting = socket.create_connection(server.place, TIMEOUT)
            self.addCleanup(waiting.close)
            assert "twistecho_fleet" in self.get(server.url)[0]
        assert waiting.recv(1) == b""
        with socket.socket() as again:
            again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            again.bind(server.place)

    def test_an_ipv6_address_stands_in_brackets(self) -> None:
        """As in any URL."""
        try:
            server = MetricsServer("::1", 0, FleetCollector(Plan()))
        except OSError:
            self.skipTest("no IPv6 here")
        with server:
            assert server.url.startswith("http://[::1]:")
            assert "twistecho_fleet" in self.get(server.url)[0]
