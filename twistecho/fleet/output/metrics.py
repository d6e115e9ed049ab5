"""A run's own figures for Prometheus, served while it runs. Needs the ``metrics`` extra.

The server has its own threads: the threads engine runs without a reactor, and so does the parent of
several processes. It serves few connections at once. If there is one more, the oldest is closed, so
that silent peers cannot keep others from being served.
"""

import socket
import socketserver
import threading
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from itertools import accumulate
from types import TracebackType
from typing import Any, Self

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.histograms import INTERVAL_LENGTH
from twistecho.fleet.reports.progress import Progress, stage_at
from twistecho.fleet.reports.second import Second

BOUNDS = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
    10.0, 30.0,
)  # fmt: skip
"""Upper bounds of the buckets of response times, in seconds; one more bucket is open."""

_MOST = 16  # connections at once
_IDLE = 5.0  # seconds without a byte


class FleetCollector(Collector):
    """Collects the progress of a run as Prometheus metrics, all named ``twistecho_fleet_…``.

    It is called with each second once: see `each_second`. Counters never decrease.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._progress = Progress(0.0, measured_from=plan.warmup)
        self._ran = 0.0  # seconds, up to the end of the last second
        self._buckets = [0] * (len(BOUNDS) + 1)
        self._seconds = 0.0
        self._bytes = 0
        self._lock = threading.Lock()

    def __call__(self, second: Second, progress: Progress) -> None:
        """Count a second."""
        with self._lock:
            self._progress = progress
            self._ran = (second.number + 1) * INTERVAL_LENGTH
            self._bytes += second.bytes_returned
            for latency, count in second.latencies.items():
                self._buckets[bisect_left(BOUNDS, latency / 1e6)] += count
                self._seconds += latency * count / 1e6

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics; called from another thread."""
        with self._lock:
            yield from list(self._metrics())

    def _metrics(self) -> Iterator[Metric]:
        progress, buckets = self._progress, list(accumulate(self._buckets))
        if self._plan.stages is not None:
            number = stage_at(self._plan, progress, self._ran) or 0
            yield _gauge("stage", "Stage of the load, from 1; 0 before and after.", number)
        rate = self._plan.rate_at(self._ran - progress.measured_from)
        if rate is not None:
            yield _gauge("rate_asked", "Messages due per second.", rate)
        yield _gauge("clients", "Clients of the plan.", self._plan.clients)
        yield _gauge("clients_connected", "Clients that have a connection.", progress.connected)
        yield _gauge("clients_ended", "Clients that have ended, failed or not.", progress.ended)
        yield _gauge("elapsed_seconds", "Time since the run began.", progress.took)
        failed = CounterMetricFamily(
            "twistecho_fleet_clients_failed", "Clients that failed.", labels=["cause"]
        )
        for cause, clients in progress.failures.items():
            failed.add_metric([cause], clients)
        yield failed
        yield CounterMetricFamily(
            "twistecho_fleet_messages_answered", "Messages answered right.", value=buckets[-1]
        )
        yield CounterMetricFamily(
            "twistecho_fleet_bytes_returned", "Payload bytes returned.", value=self._bytes
        )
        yield HistogramMetricFamily(
            "twistecho_fleet_response_seconds",
            "Response times, from when each message was due.",
            buckets=list(zip([*map(str, BOUNDS), "+Inf"], buckets, strict=True)),
            sum_value=self._seconds,
        )


def _gauge(name: str, what: str, value: float) -> Metric:
    return GaugeMetricFamily(f"twistecho_fleet_{name}", what, value=value)


class _Scrape(BaseHTTPRequestHandler):
    """One request; its connection is closed if the peer sends no bytes for a while."""

    server: "MetricsServer"
    timeout = _IDLE

    def do_GET(self) -> None:
        """Answer with the metrics."""
        if self.path.partition("?")[0] != "/metrics":
            self.send_error(404)
            return
        encode, content_type = _encoder(self.headers.get("Accept", ""))
        text = encode(self.server.registry)
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its own name there
        """Log nothing."""


def _encoder(accept: str) -> Any:
    """Return the function that writes metrics in the requested format, and that format's name."""
    try:
        return choose_encoder(accept)
    except Exception:  # noqa: BLE001 - the library raises what its parsing of numbers does
        return choose_encoder("")


class MetricsServer(socketserver.ThreadingTCPServer):
    """Serves the metrics of one collector at ``/metrics`` during a ``with`` block.

    Creating it binds the port; 0 takes a free one. Raises OSError if that is impossible.
    """

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = _MOST

    def __init__(self, host: str, port: int, collector: Collector) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.registry = CollectorRegistry()
        self.registry.register(collector)
        self._open: list[socket.socket] = []
        self._opening = threading.Lock()
        super().__init__((host, port), _Scrape)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.1,), daemon=True)

    @property
    def place(self) -> tuple[str, int]:
        """The address and port on which it listens."""
        host, port = self.server_address[:2]
        return str(host), port

    @property
    def url(self) -> str:
        """The URL of the metrics."""
        host, port = self.place
        return f"http://{f'[{host}]' if ':' in host else host}:{port}/metrics"

    def __enter__(self) -> Self:
        """Start serving."""
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Release the port, and close open connections."""
        self.shutdown()
        self.server_close()
        with self._opening:
            for each in self._open:
                _hang_up(each)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread; close the oldest connection if there are too many."""
        with self._opening:
            self._open.append(request)
            if len(self._open) > _MOST:
                _hang_up(self._open.pop(0))
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget and close a connection that is done."""
        with self._opening, suppress(ValueError):
            self._open.remove(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore errors of peers that have gone."""


def _hang_up(connection: socket.socket) -> None:
    """End a connection; its thread closes it."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
