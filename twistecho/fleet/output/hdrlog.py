"""The intervals of a report as a log of HdrHistogram's own, which its standard tools read.

Source: HdrHistogram's ``HistogramLogWriter``, log format version 1.3; each line holds a histogram
in its compressed form, V2. The lines are written here since hdrh's own writer of such logs cannot
write a start time and rounds each maximum down.
"""

from collections.abc import Iterator

from twistecho.fleet.reports.histograms import INTERVAL_LENGTH, Interval, Latencies
from twistecho.fleet.reports.report import Report

_LEGEND = '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"'


def to_hdr_log(report: Report) -> str:
    """Write the response times of a report, a line an interval.

    Start times and lengths are in seconds, from the base time on; histograms are of microseconds,
    and the maximum of each is in milliseconds. Replies of the warm-up are among them. A report that
    does not know when it began has no base time.
    """
    return "".join(f"{line}\n" for line in _lines(report))


def _lines(report: Report) -> Iterator[str]:
    yield "#[Histogram log format version 1.3]"
    yield "#Response times in microseconds; Interval_Max in milliseconds"
    if report.began:
        yield f"#[StartTime: {report.began:.3f} (seconds since epoch)]"
        yield f"#[BaseTime: {report.began:.3f} (seconds since epoch)]"
    yield _LEGEND
    for interval in report.measured.intervals:
        yield _line(interval)


def _line(interval: Interval) -> str:
    latencies = Latencies(interval.latency)
    histogram = latencies.histogram()
    longest = histogram.get_max_value() / 1e3 if latencies.count else 0.0
    encoded = histogram.encode().decode("ascii")
    return f"{interval.start:.3f},{INTERVAL_LENGTH:.3f},{longest:.3f},{encoded}"
