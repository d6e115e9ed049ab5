"""The figures of a report, as the page has them; and those of two engines side by side."""

import io
from dataclasses import replace
from unittest import TestCase

from rich.console import Console, RenderableType

from tests.support.reports import INTERRUPTED, RESET, client, measured, report, timed
from twistecho.fleet.output.agreement import agreement_table
from twistecho.fleet.output.figure_list import figures
from twistecho.fleet.output.page import html_page
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.agreement import Agreement
from twistecho.fleet.reports.verdict import judge


def shown(table: RenderableType) -> list[str]:
    """Give the lines of a table in a terminal of 80 columns."""
    stream = io.StringIO()
    Console(file=stream, width=80).print(table)
    return [line.rstrip() for line in stream.getvalue().splitlines()]


class FigureTests(TestCase):
    """Names and figures, and which there are."""

    def test_rate_and_clients_come_first(self) -> None:
        """Then messages and bytes."""
        found = figures(report(client(0, 2), client(1, 2, ended=0.5)))
        assert list(found)[:5] == [
            "rate", "bytes per second", "makespan", "clients answered", "clients failed",
        ]  # fmt: skip
        assert found["rate"] == "8/s"
        assert found["messages answered"] == found["messages sent"] == "4"

    def test_what_did_not_happen_is_not_mentioned(self) -> None:
        """Messages outstanding, unsent, failed or of the warm-up."""
        rare = {"messages failed", "messages outstanding", "messages due and not sent"}
        assert not rare & figures(report(client(0, 1))).keys()
        some = [client(0, 1, 2, RESET, unsent=3), client(1, 1, 4, INTERRUPTED)]
        found = figures(report(*some))
        assert [found[name] for name in sorted(rare)] == ["3", "2", "4"]

    def test_connections_are_told_where_they_are_a_part_of_the_load(self) -> None:
        """How many, and how many a second."""
        plan = Plan(clients=1, messages=(b"x" * 10,), repeat=5, reconnect=2)
        found = report(client(0, 5, reconnects=2, ended=2.0), plan=plan)
        told = figures(found)
        assert (told["connects"], told["connect rate"]) == ("3", "1.50/s")
        assert "connects" in "".join(shown(agreement_table(Agreement(found, found))))
        kept = replace(found, plan=replace(plan, reconnect=None))
        assert not {"connects", "connect rate"} & figures(kept).keys()
        assert "connects" not in "".join(shown(agreement_table(Agreement(kept, kept))))

    def test_replies_that_were_not_told_apart_are_named(self) -> None:
        """In the table, in that of both engines and on the page; else nothing is said of it."""
        alike = report(client(0, 1))
        own = replace(alike, plan=replace(alike.plan, messages=(b"{client}",)))
        for found, said in ((alike, True), (own, False)):
            assert ("replies told apart" in figures(found)) is said
            lines = shown(agreement_table(Agreement(found, found)))
            assert any(line.startswith("replies told apart") for line in lines) is said
            assert ("replies told apart" in html_page(judge(found, ()))) is said
            assert found.to_dict()["summary"]["told_apart"] is not said

    def test_what_is_allowed_is_named(self) -> None:
        """Where somebody has said it."""
        found = report(client(0, 5))
        assert figures(replace(found, allowed_lag=0.05))["lag allowed"] == "50.0 ms"
        assert "lag allowed" not in figures(found)

    def test_how_many_messages_were_timed_is_told(self) -> None:
        """Where some were."""
        found = report(client(0, 5), measured=timed(measured([client(0, 5)]), own=0.06))
        assert figures(found)["messages timed on the wire"] == "5"
        assert "messages timed on the wire" not in figures(report(client(0, 5)))
