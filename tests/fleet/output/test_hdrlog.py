"""A report's intervals as HdrHistogram's own log, read by its own reader."""

import tempfile
import unittest
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

from tests.support.reports import client, measured, report
from twistecho.fleet.output.hdrlog import to_hdr_log
from twistecho.fleet.reports.histograms import Latencies
from twistecho.fleet.reports.report import Report

BEGAN = 1.7e9


def found() -> Report:
    """Make a report of a run that began then, with replies in its first and its third second."""
    clients = [client(0, 2), client(1, 2, replied=2.5, ended=2.6)]
    return replace(report(*clients, measured=measured(clients, took=0.05)), began=BEGAN)


class ReadBackTests(unittest.TestCase):
    """Another program's reader of such logs."""

    def histograms(self, text: str) -> list[HdrHistogram]:
        """Read all histograms of a log."""
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "log")
            path.write_text(text)
            with closing(HistogramLogReader(str(path), HdrHistogram(1, 3_600_000_000, 3))) as log:
                return list(iter(log.get_next_interval_histogram, None))

    def test_every_interval_comes_back(self) -> None:
        """With its count and its time, also the one in which nothing came."""
        histograms = self.histograms(to_hdr_log(found()))
        assert [histogram.get_total_count() for histogram in histograms] == [2, 0, 2]
        assert [h.get_start_time_stamp() for h in histograms] == [
            (BEGAN + start) * 1000 for start in range(3)
        ]
        assert [h.get_end_time_stamp() for h in histograms] == [
            (BEGAN + end) * 1000 for end in range(1, 4)
        ]

    def test_intervals_add_up_to_the_whole(self) -> None:
        """Exactly, bucket by bucket."""
        whole = HdrHistogram(1, 3_600_000_000, 3)
        for histogram in self.histograms(to_hdr_log(found())):
            if histogram.get_total_count():
                whole.add(histogram)
        assert Latencies(whole.encode().decode()).summary() == found().latencies()

    def test_without_a_start_times_count_from_zero(self) -> None:
        """There is no base time to add."""
        text = to_hdr_log(replace(found(), began=0.0))
        assert "Time: " not in text
        assert [h.get_start_time_stamp() for h in self.histograms(text)] == [0, 1000, 2000]

    def test_the_maximum_of_a_line_is_in_milliseconds(self) -> None:
        """As the comment says that people read."""
        lines = to_hdr_log(found()).splitlines()
        assert [line.rsplit(",", 1)[0] for line in lines if line[0].isdigit()] == [
            "0.000,1.000,50.015",
            "1.000,1.000,0.000",
            "2.000,1.000,50.015",
        ]
