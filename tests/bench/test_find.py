"""Searches for a known limit: the command's output is read, and compared with the limit."""

import io
import json
import subprocess
import unittest
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

from bench import find
from bench.find import Case, Found, main, read, search, verdict
from bench.programs import Programs

BUCKET, WORKER = Case("bucket", 2000.0), Case("worker", 1000.0)


def written(**fields: Any) -> str:
    """Write a search's result as the command does, with some fields changed."""
    usual = {"rate": 1990.0, "interval": [1990.0, 2029.0], "at_least": False, "limit": "target"}
    return json.dumps(
        {"steps": [{"rate": 100.0, "passed": True, "reasons": []}], **usual, **fields}
    )


def found(rate: float | None, **fields: Any) -> Found:
    """Make the result of a search."""
    return read(written(rate=rate, **fields))


class ReadTests(unittest.TestCase):
    """The output of the command."""

    def test_all_of_it_is_taken(self) -> None:
        """And its steps are counted."""
        assert read(written()) == (1990.0, 1990.0, 2029.0, False, "target", 1)

    def test_a_search_may_have_found_nothing_or_no_upper_end(self) -> None:
        """Then it is null."""
        assert read(written(rate=None, interval=None, limit=None)).rate is None
        assert read(written(interval=[5.0, None])).high is None

    def test_what_is_something_else_is_refused(self) -> None:
        """In one line."""
        for text in ("", "[]", "{}", "1"):
            with self.subTest(text=text), self.assertRaises(ValueError):
                read(text)


class JudgedTests(unittest.TestCase):
    """Which runs are right, and how many must be."""

    def test_within_five_percent_is_right(self) -> None:
        """On both sides."""
        for rate, right in ((1899, False), (1900, True), (2100, True), (2101, False)):
            with self.subTest(rate=rate):
                assert found(rate).near(2000) == right

    def test_no_rate_and_at_least_are_not(self) -> None:
        """Even if the rate is near."""
        assert not found(None).near(2000)
        assert not found(2000, at_least=True, limit="fleet").near(2000)

    def test_nineteen_of_twenty_are_enough(self) -> None:
        """A failed search counts as wrong."""
        good = found(2000)
        for wrong in (None, found(None), found(1000)):
            with self.subTest(wrong=wrong):
                assert verdict(BUCKET, [good] * 19 + [wrong])[0]
                assert not verdict(BUCKET, [good] * 18 + [wrong] * 2)[0]
                assert not verdict(BUCKET, [good] * 18 + [wrong])[0]

    def test_the_line_counts(self) -> None:
        """The runs near the limit, and the range of all ratios."""
        runs = [found(1980), found(1000), None]
        assert verdict(BUCKET, runs)[1] == (
            "bucket 2,000/s: 1 of 3 runs within 5% of the limit; 0.500 to 0.990, median 0.745"
        )

    def test_each_run_is_told(self) -> None:
        """With the name of the limit, if it was not the server's."""
        assert found(1990).said(2000) == "1,990.0/s (1,990.0 to 2,029.0), 0.995, in 1 steps"
        other = found(1500, at_least=True, limit="fleet", interval=[1500, None])
        assert (
            other.said(2000)
            == "at least (by the fleet) 1,500.0/s (1,500.0 to ?), 0.750, in 1 steps"
        )
        assert found(None, interval=None).said(2000) == "no rate held, in 1 steps"


class CommandTests(unittest.TestCase):
    """The commands that run, and the exit code."""

    def run_with(self, rates: dict[str, float], *arguments: str) -> tuple[int, list[Any], str]:
        """Run with searches that find a rate by server; return exit code, searches, output."""
        asked = []

        def searches(case: Case, runs: int, wanted: Sequence[str]) -> Iterator[Found]:
            asked.append((case, runs, list(wanted)))
            yield from [found(rates[case.server] * case.limit)] * runs

        said = io.StringIO()
        with patch.object(find, "searches", searches), redirect_stdout(said):
            return main(arguments), asked, said.getvalue()

    def test_both_servers_have_all_their_limits_twenty_times(self) -> None:
        """The exit code is 0 if all runs are right."""
        code, asked, said = self.run_with({"bucket": 1.0, "worker": 1.0})
        assert (code, len(said.splitlines())) == (0, 3)
        cases = [("bucket", 2000), ("bucket", 700), ("worker", 1000)]
        assert [(case, runs) for case, runs, _ in asked] == [(case, 20) for case in cases]

    def test_one_server_that_is_not_found_is_enough_to_fail(self) -> None:
        """Whichever it is."""
        for rates in ({"bucket": 0.9, "worker": 1.0}, {"bucket": 1.0, "worker": 1.1}):
            assert self.run_with(rates)[0] == 1

    def test_options_choose(self) -> None:
        """The server, the limits, and how it is searched."""
        code, asked, _ = self.run_with(
            {"worker": 1.0},
            *("--server=worker", "--limit=500", "--limit=50", "--runs=3"),
            *("--require=p99 < 9ms", "--precision=1%", "--step-duration=2s", "--clients=70"),
        )
        search = ["--require=p99 < 9ms", "--precision=1%", "--step-duration=2s"]
        wanted = ["--clients=70", *search]
        assert asked == [(("worker", 500), 3, wanted), (("worker", 50), 3, wanted)]
        assert code == 0

    def test_no_runs_are_no_proof(self) -> None:
        """Nor is there a server without a limit."""
        for argument in ("--runs=0", "--limit=0"):
            with self.subTest(argument), redirect_stderr(io.StringIO()):
                with self.assertRaises(SystemExit) as ended:
                    main([argument])
                assert ended.exception.code == 2

    def test_servers_get_their_limit(self) -> None:
        """The worker as its service time; both the size of the messages that are sent."""
        programs = Programs(Path())
        with patch.object(Programs, "command", lambda self, name: [name]):
            assert BUCKET.command(programs) == ["bucket", "2000.0", "0.005", "16", "0"]
            assert WORKER.command(programs) == ["worker", "0.001", "16", "0"]

    def test_the_search_is_the_products_own(self) -> None:
        """With messages of one size; its output is reported if it ends without a result."""
        ended = subprocess.CompletedProcess([], 1, written(), "")
        with patch.object(subprocess, "run", return_value=ended) as run:
            assert search("5000", ["--seed=3"]) == read(written())
            command = run.call_args[0][0]
            ended.stdout, ended.stderr = "", "first\ntwistecho: nobody there\n"
            with self.assertRaisesRegex(ValueError, "^exit code 1: twistecho: nobody there$"):
                search("5000", [])
        assert command[1:5] == ["-m", "twistecho", "find", "127.0.0.1:5000"]
        assert {"--json=-", "--reply=raw", "--message=0123456789abcdef", "--seed=3"} <= set(command)
