"""The service's counters for Prometheus: collected for each scrape, served by twisted.web.

Nothing is counted here. A scrape reads `Counts` from a thread of the reactor's pool, so it does not
delay replies. Needs the ``metrics`` extra.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from twisted.internet.defer import CancelledError
from twisted.internet.threads import deferToThread
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from twistecho.service.control.site import QuietSite
from twistecho.service.echo.counters import LATENESS_BOUNDS, Counts, Lateness
from twistecho.service.echo.factory import EchoFactory


class EchoCollector(Collector):
    """Collects the state of one factory as Prometheus metrics, all named ``twistecho_…``."""

    def __init__(self, factory: EchoFactory) -> None:
        self._factory = factory

    def collect(self) -> Iterator[Metric]:
        """Read all counters; called from another thread."""
        connections = list(self._factory.connections)
        counts = self._factory.counts
        yield GaugeMetricFamily(
            "twistecho_connections", "Open connections.", value=len(connections)
        )
        yield GaugeMetricFamily(
            "twistecho_waiting_replies",
            "Replies in queues.",
            value=sum(connection.waiting for connection in connections),
        )
        yield GaugeMetricFamily(
            "twistecho_waiting_bytes",
            "Bytes in queues and full write buffers, as the budget counts them.",
            value=self._factory.connections.budget.used,
        )
        yield from _totals(counts)
        yield _by("reason", "twistecho_connections_refused", "Connections refused.", counts.refused)
        yield _by("reason", "twistecho_connections_dropped", "Connections dropped.", counts.dropped)
        yield _by("kind", "twistecho_faults", "Faults applied.", self._factory.faults_met)
        yield _histogram(counts.lateness)


def _totals(counts: Counts) -> Iterator[Metric]:
    for name, text, value in (
        ("connections_accepted", "Connections accepted.", counts.accepted),
        ("messages", "Messages received.", counts.messages),
        ("received_bytes", "Bytes received.", counts.bytes_in),
        ("sent_bytes", "Bytes of replies written.", counts.bytes_out),
        ("loop_stalls", "Times the event loop was over 0.1 s late.", counts.stalls),
        ("loop_stalled_seconds", "Seconds by which it was late.", counts.stalled),
    ):
        yield CounterMetricFamily(f"twistecho_{name}", text, value=value)


def _by(label: str, name: str, text: str, counter: dict[str, int]) -> Metric:
    family = CounterMetricFamily(name, text, labels=[label])
    for value, number in list(counter.items()):
        family.add_metric([value], number)
    return family


def _histogram(lateness: Lateness) -> Metric:
    bounds = [*(str(bound) for bound in LATENESS_BOUNDS), "+Inf"]
    buckets = list(zip(bounds, accumulate(lateness.buckets), strict=True))
    return HistogramMetricFamily(
        "twistecho_reply_lateness_seconds",
        "Time from when a delayed reply was due until it was sent.",
        buckets=buckets,
        sum_value=lateness.sum,
    )


def metrics_of(factory: EchoFactory) -> "Metrics":
    """Make a resource of the metrics of a factory and its process."""
    registry = CollectorRegistry()
    registry.register(EchoCollector(factory))
    ProcessCollector(registry=registry)
    return Metrics(registry)


_Encoder = tuple[Callable[[Collector], bytes], str]


def _encoder(accepted: Iterable[bytes]) -> _Encoder:
    """Choose a format by the ``Accept`` headers; an invalid one counts as empty.

    The choice is tried out: the library also accepts versions that it cannot write.
    """
    try:
        asked = b",".join(accepted).decode("ascii")
        encode, content_type = choose_encoder(asked)
        encode(CollectorRegistry())
        content_type.encode("ascii")
    except Exception:  # noqa: BLE001 - the library does not say what it raises
        return choose_encoder("")
    return encode, content_type


class _Scrape(Request):
    """A request whose body, if any, is dropped: Twisted would write a large one to a file."""

    def gotLength(self, length: int | None) -> None:  # noqa: ARG002 - the body is dropped
        """Expect no body."""
        super().gotLength(0)

    def handleContentChunk(self, data: bytes) -> None:
        """Drop a part of the body."""


class Metrics(Resource):
    """A registry's metrics, in the format that the request accepts.

    prometheus-client's own resource uses WSGI, which needs a port number; a Unix socket has none.
    """

    isLeaf = True

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__()
        self._registry = registry

    def render_GET(self, request: Request) -> int:
        """Answer a scrape, from a thread of the reactor's pool."""
        encode, content_type = _encoder(request.requestHeaders.getRawHeaders(b"accept") or ())
        request.setHeader("content-type", content_type)
        encoding = deferToThread(encode, self._registry)
        # A client that has disconnected meanwhile gets no response.
        request.notifyFinish().addErrback(lambda _: encoding.cancel())
        encoding.addCallback(lambda text: (request.write(text), request.finish()))
        encoding.addErrback(lambda failure: failure.trap(CancelledError) and None)
        encoding.addErrback(request.processingFailed)
        return NOT_DONE_YET


def metrics_site(metrics: Metrics) -> Site:
    """Make a site that serves only ``/metrics``, on the global reactor."""
    root = Resource()
    root.putChild(b"metrics", metrics)
    return QuietSite(root, requestFactory=_Scrape)
