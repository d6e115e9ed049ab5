"""What a comparison of designs is: a value with figures, and JSON."""

import json
from unittest import TestCase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.samples import (
    broken,
    comparison,
    outcome,
    reconnecting,
    run,
    staircase,
    wall,
)
from twistecho.compare.comparison import Comparison, middle, most_at_once
from twistecho.fleet.plans.plan_json import SCHEMA as PLAN_SCHEMA

_SPANS = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 20)).map(lambda s: (min(s), max(s) + 1))
)


class FigureTests(TestCase):
    """What is computed from the clients' times."""

    def test_connects_that_took_a_second_were_retried(self) -> None:
        """Thirteen of the twenty clients of the staircase needed a second SYN."""
        assert staircase().connects_retried == 13
        assert wall().connects_retried == 0

    def test_every_connection_of_a_client_counts(self) -> None:
        """Not the first one alone, whose time is the only one that its outcome has."""
        made = reconnecting(0.5, 1.0, 0.002)
        assert [round(took, 3) for took in made.connect_times] == [0.002, 0.5, 1.0]
        assert made.connects_retried == 1

    def test_clients_that_never_connected_have_no_connect_time(self) -> None:
        """Refused clients count among the failures, not as quick connects."""
        assert len(broken().connect_times) == 5

    def test_in_progress_counts_connected_clients_only(self) -> None:
        """Two clients one after the other are one in progress; side by side they are two."""
        after = run("a", [outcome(0, 1.0), outcome(1, 2.0, connected=1.0)])
        beside = run("b", [outcome(0, 1.5), outcome(1, 2.0, connected=1.0)])
        assert (after.most_in_progress, beside.most_in_progress) == (1, 2)

    def test_the_order_of_end_is_not_the_order_of_numbers(self) -> None:
        """Whoever was done first comes first."""
        mixed = run("a", [outcome(0, 3.0), outcome(1, 1.0), outcome(2, 2.0)])
        assert [o.client for o in mixed.in_order_of_end] == [1, 2, 0]

    def test_the_middle_of_nothing_is_nothing(self) -> None:
        """The median is one of the values, the lower of two."""
        assert middle([]) is None
        assert middle([1.0, 2.0]) == 1.0
        assert middle([1.0, 2.0, 9.0]) == 2.0

    @given(_SPANS)
    def test_most_at_once_is_what_counting_every_moment_finds(
        self, spans: list[tuple[int, int]]
    ) -> None:
        """The sweep agrees with looking at every moment there is."""
        counted = [sum(begin <= at < end for begin, end in spans) for at in range(22)]
        assert most_at_once(spans) == max(counted)


class ComparisonTests(TestCase):
    """Several runs together."""

    def test_it_is_complete_only_if_every_client_of_every_run_was_answered(self) -> None:
        """One broken run is enough."""
        assert comparison(staircase(), wall()).complete
        assert not comparison(staircase(), broken()).complete

    def test_runs_are_named_by_engine_only_where_there_are_two(self) -> None:
        """Names tell the runs of one size apart, and say no more."""
        alone = comparison(wall())
        both = comparison(wall(), run("threaded", [outcome(0, 1.0)], engine="threads"))
        assert alone.name(alone.runs[0]) == "threaded"
        assert both.name(both.runs[1]) == "threaded threads"

    def test_runs_are_found_by_size(self) -> None:
        """The numbers of clients, in the order in which they were tried."""
        grown = comparison(wall(20), staircase(20), wall(100))
        assert grown.sizes == [20, 100]
        assert grown.of_size(100) == [grown.runs[2]]

    def test_json_tells_everything_and_reads_back_the_same(self) -> None:
        """Every client's times are in it, and the causes of failure."""
        before = comparison(staircase(), broken())
        text = before.to_json()
        assert Comparison.from_json(text) == before
        first = json.loads(text)["runs"][0]
        assert first["summary"]["connects_retried"] == 13
        assert len(first["report"]["outcomes"]) == 20
        assert json.loads(text)["runs"][1]["server_ended"] == "killed by SIGKILL"

    def test_what_cannot_be_is_told_with_its_path(self) -> None:
        """In a run, in its server's cost, and in its report."""
        for place, value, told in (
            (("server", "cpu"), -1.0, "runs[0].server.cpu: expected float >= 0"),
            (("server", "threads"), None, "runs[0].server.threads: expected int, got null"),
            (("design",), 5, "runs[0].design: expected str, got int"),
            (("report", "schema"), 4, "runs[0].report: schema 4 is not 3"),
            (
                ("report", "plan", "schema"),
                PLAN_SCHEMA + 1,
                f"runs[0].report.plan: schema {PLAN_SCHEMA + 1} is not {PLAN_SCHEMA}",
            ),
            (("report", "began"), "now", "runs[0].report.began: expected float, got str"),
        ):
            data = json.loads(comparison(staircase()).to_json())
            inside = data["runs"][0]
            for name in place[:-1]:
                inside = inside[name]
            inside[place[-1]] = value
            with self.subTest(place=place), pytest.raises(ValueError) as said:
                Comparison.from_json(json.dumps(data))
            assert str(said.value).startswith(f"not a comparison: {told}")

    def test_other_json_is_refused(self) -> None:
        """A newer form, and what is no comparison, raise ValueError."""
        with pytest.raises(ValueError, match="schema 99 is not 1"):
            Comparison.from_json('{"schema": 99}')
        for text in ("{}", "[]", '{"schema": 1, "settings": {}, "runs": [1]}'):
            with pytest.raises(ValueError, match="not a comparison"):
                Comparison.from_json(text)
