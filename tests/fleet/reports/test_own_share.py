"""The fleet's own share of what it prints: how much it is, and what it makes doubtful."""

import json
import unittest
from dataclasses import replace
from typing import Any

from tests.support.reports import client, report
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.histograms import Latencies, Measured, add_measured
from twistecho.fleet.reports.merge import merge_reports
from twistecho.fleet.reports.own_share import OwnShare, TimeShares, marks, own_shares
from twistecho.fleet.reports.report import Report


def histogram(*milliseconds: float, times: int = 1) -> str:
    """Encode so many of each."""
    latencies = Latencies()
    latencies.add_counts((round(each * 1e3), times) for each in milliseconds)
    return latencies.encode()


def measured(times: int = 1, timed: int | None = None, **histograms: tuple[float, ...]) -> Measured:
    """Make what was measured, each value so often, in milliseconds."""
    texts: dict[str, Any] = {
        name: histogram(*values, times=times) for name, values in histograms.items()
    }
    known = max((len(values) * times for values in histograms.values()), default=0)
    samples = known if timed is None else timed
    weighted = Latencies(texts.get("wire")).count ** 2
    return Measured(**texts, timed=samples, timed_squares=weighted // (samples or 1))


def rounded(share: OwnShare | None) -> tuple[float, bool] | None:
    """Give a share in milliseconds, as exact as histograms are, and whether it is a bound."""
    return None if share is None else (round(share.seconds * 1e3, 1), share.bound)


class ShareTests(unittest.TestCase):
    """What is printed, less what would be left without the fleet."""

    def test_it_is_the_difference_at_the_same_percentile(self) -> None:
        """Though no message took that long on the wire that took long in all."""
        found = measured(latency=(1, 2, 3, 9), wire=(1, 1, 2, 5), own=(0, 0, 1, 6))
        shares = TimeShares(found, "response", ["p25", "p50", "p75", "max", "mean", "min"])
        told = {at: rounded(shares.at(at)) for at in ("p25", "p50", "p75", "max", "mean", "min")}
        assert told == {
            "p25": (0.0, False), "p50": (1.0, False), "p75": (1.0, False), "max": (4.0, False),
            "mean": (1.5, False), "min": (0.0, False),
        }  # fmt: skip

    def test_each_time_has_its_own(self) -> None:
        """Under a rate a response is compared with what it would have been, a queue and all."""
        found = measured(
            latency=(50,), service=(20,), wire=(10,), own=(35,), undelayed=(15,),
            connect=(9,), connect_wire=(1,), first_byte=(8,), first_byte_wire=(3,),
        )  # fmt: skip
        told = {time: rounded(shares["p50"]) for time, shares in own_shares(found).items()}
        assert told == {
            "response": (35.0, False), "service": (10.0, False),
            "connect": (8.0, False), "first_byte": (5.0, False),
        }  # fmt: skip

    def test_of_few_samples_it_is_a_bound(self) -> None:
        """Of 1,000 that were timed, 100 lie beyond p90, and not beyond p91."""
        found = measured(times=10_000, timed=1000, latency=(9,), wire=(5,), own=(4, 7))
        shares = TimeShares(found, "response", ["p90", "p91", "max", "min"])
        assert rounded(shares.at("p90")) == (4.0, False)
        assert rounded(shares.at("min")) == (4.0, False)
        assert rounded(shares.at("p91")) == rounded(shares.at("max")) == (7.0, True)

    def test_a_bound_is_never_more_than_what_is_printed(self) -> None:
        """The response that had the most may have been a longer one."""
        found = measured(times=10_000, timed=10, latency=(9,), wire=(5,), own=(4, 70))
        assert rounded(TimeShares(found, "response", ["p99"]).at("p99")) == (9.0, True)

    def test_where_nothing_was_timed_nothing_is_known(self) -> None:
        """As on a Unix socket, or in a report of an older version; nor of times without a wire."""
        assert own_shares(measured(timed=0, latency=(9,), service=(9,), connect=(1,))) == {}
        assert (
            TimeShares(measured(latency=(9,), wire=(5,), lag=(3,)), "lag", ["p50"]).at("p50")
            is None
        )
        assert own_shares(Measured()) == {}


class MarkTests(unittest.TestCase):
    """More than a tenth, and more than 0.2 ms."""

    def test_a_tenth_is_the_border(self) -> None:
        """Of a long time."""
        assert not OwnShare(0.0099, 0.1).marks()
        assert OwnShare(0.0101, 0.1).marks()

    def test_a_share_of_a_fifth_of_a_millisecond_marks_nothing(self) -> None:
        """Or of what is allowed, where somebody has said that."""
        assert not OwnShare(0.0002, 0.0003).marks()
        assert OwnShare(0.00021, 0.0003).marks()
        assert not OwnShare(0.04, 0.05).marks(0.05)
        assert OwnShare(0.06, 0.1).marks(0.05)
        assert OwnShare(0.0001, 0.0003).marks(0.0)

    def test_marked_figures_are_found_by_name(self) -> None:
        """Of each time those that are shown."""
        found = measured(latency=(10, 10, 20), wire=(10, 10, 10), own=(0, 0, 10))
        [(time, shares)] = marks(own_shares(found), None).items()
        assert (time, list(shares)) == ("response", ["mean", "p90", "p99", "p99.9", "max"])
        assert marks(own_shares(found), 0.05) == {}

    def test_the_json_names_them(self) -> None:
        """And how much it is, of all figures."""
        found = measured(latency=(10, 20), wire=(10, 10), own=(0, 10))
        one = report(client(0, 2), measured=found)
        summary = json.loads(one.to_json())["summary"]
        assert summary["marked"] == {
            "response": ["mean", "p75", "p90", "p95", "p99", "p99.9", "p99.99", "max"]
        }
        assert summary["own_shares"]["response"]["min"] == {
            "seconds": 0.0, "of": 0.01, "bound": False,
        }  # fmt: skip
        allowing = replace(one, allowed_lag=0.05).to_dict()
        assert (allowing["summary"]["marked"], allowing["allowed_lag"]) == ({}, 0.05)


class PartsTests(unittest.TestCase):
    """What parts of a run have measured is put together."""

    def test_samples_are_added(self) -> None:
        """And count together."""
        one = measured(latency=(10,), wire=(5,), own=(5,))
        both = add_measured([one, measured(latency=(20,), wire=(20,), own=(0,))])
        assert (both.timed, both.samples) == (2, 2)
        assert rounded(TimeShares(both, "response", ["p50"]).at("p50")) == (5.0, False)

    def test_what_processes_took_is_added_and_the_most_is_allowed(self) -> None:
        """A share is that of each."""
        parts: list[Report] = [
            report(client(n, 1), plan=Plan(clients=1, messages=(b"x" * 10,), first=n), **fields)
            for n, fields in enumerate[dict[str, Any]](
                [{"cpu_seconds": 0.3, "allowed_lag": 0.05}, {"cpu_seconds": 0.1}]
            )
        ]
        whole = merge_reports(parts, ["one", "two"])
        assert (whole.cpu_seconds, whole.allowed_lag) == (0.4, 0.05)
        assert whole.cpu_share == 0.4 / whole.makespan / 2
        assert parts[0].cpu_share == 0.3 / parts[0].makespan
        none = [replace(part, allowed_lag=0.0) for part in parts]
        assert merge_reports(none, ["one", "two"]).allowed_lag == 0.0
        alone = replace(parts[0], cpu_seconds=None)
        assert (alone.cpu_share, replace(alone, outcomes=(), cpu_seconds=1.0).cpu_share) == (
            None,
        ) * 2
