"""Connections as a part of the load: their figures, requirements of them, and what adds up."""

import unittest
from dataclasses import replace

import pytest

from tests.support.reports import RESET, client, report
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.figures import read
from twistecho.fleet.reports.merge import merge_reports
from twistecho.fleet.reports.recorder import Recording
from twistecho.fleet.reports.report import Report
from twistecho.fleet.reports.requirements import parse_requirement
from twistecho.fleet.reports.verdict import invalid

PLAN = Plan(clients=2, messages=(b"x" * 10,), repeat=5, reconnect=2)


def made(early: int = 0) -> Report:
    """Make a report of two clients, of three connections and of two, of which some were early."""
    found = report(
        client(0, 5, reconnects=2, ended=2.0), client(1, 2, 1, RESET, reconnects=1), plan=PLAN
    )
    recording = Recording()
    for number in range(5):
        recording.connected(0.01 * (1 + number), 0.1, early=number < early)
    told = recording.measured()
    measured = replace(found.measured, connect=told.connect, early_connects=told.early_connects)
    return replace(found, measured=measured)


class FigureTests(unittest.TestCase):
    """``connects``, ``connects/s`` and the times of connecting."""

    def test_connections_are_counted(self) -> None:
        """All of them, and a second those that were not early."""
        for early, rate in ((0, 2.5), (2, 1.5)):
            found = made(early)
            assert invalid(found) == ()
            assert (str(read(found, "connects")), read(found, "connects/s").value) == ("5", rate)
            assert found.to_dict()["summary"]["connects"] == 5
        assert str(read(report(client(0, 1, ended=0.0, connected=None)), "connects/s")) == "none"

    def test_a_client_that_never_connected_made_none(self) -> None:
        """And one that keeps its connection made one."""
        found = report(client(0, 1), client(1, 0, cause=RESET, connected=None))
        assert [outcome.connects for outcome in found.outcomes] == [1, 0]

    def test_they_can_be_required(self) -> None:
        """By their names; a time's name with a blank is the one with a point."""
        for text, answer in (
            ("connects == 5", "met"),
            ("connects/s > 2", "met"),
            ("connects/s >= 2.6/s", "missed"),
            ("connect p99 < 60ms", "met"),
            ("connect.p50 < 20ms", "missed"),
            ("connect  max<=51ms", "met"),
        ):
            requirement = parse_requirement(text)
            assert requirement.check(made()).answer == answer, text
            assert parse_requirement(str(requirement)) == requirement
        for text in ("connects p99 < 1s", "con nect < 1s", "connect p99 p50 < 1s", "p99 < connect"):
            with pytest.raises(ValueError):
                parse_requirement(text)


class ConservationTests(unittest.TestCase):
    """What is INVALID."""

    def test_connections_are_those_that_were_measured(self) -> None:
        """In the histogram and before it, and in the intervals."""
        found = made()
        [outcome, other] = found.outcomes
        wrong = replace(found, outcomes=(replace(outcome, reconnects=3), other))
        assert invalid(wrong) == (
            "connecting was measured 5 times for 6 connections made",
            "the intervals have 5 connections made in total, not 6",
        )

    def test_no_connection_carries_more_than_it_should(self) -> None:
        """Who sent five messages, two at most over each, had three."""
        found = report(client(0, 5, reconnects=1), plan=replace(PLAN, clients=1))
        assert invalid(found) == (
            "client 0 sent 5 messages over 2 connections, at most 2 per connection are planned",
        )

    def test_parts_add_up(self) -> None:
        """Connections, early ones, and what is valid of them."""
        whole = merge_reports([made(2), made(1)], ["one", "two"])
        assert (whole.connects, whole.measured.early_connects, invalid(whole)) == (10, 3, ())
        assert Report.from_json(whole.to_json()) == whole

    def test_a_report_from_before_there_were_any(self) -> None:
        """Has one connection a client that connected."""
        data = report(client(0, 1)).to_dict()
        del data["plan"]["reconnect"], data["measured"]["early_connects"]
        del data["outcomes"][0]["reconnects"]
        found = Report.from_dict(data)
        assert (found.connects, found.plan.reconnect, invalid(found)) == (1, None, ())
