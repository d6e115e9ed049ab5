"""A plan whose protocol is a class, not the name of one."""

import os
import unittest
from dataclasses import replace
from unittest import mock

import pytest

from tests.support import DOCS
from tests.support.dialogues import Four
from tests.support.peers import serving, unused_port
from tests.support.reports import outcome
from twistecho import Plan, run_threads
from twistecho.base.notation import FieldError
from twistecho.fleet.conversation.custom_protocol import readers_of
from twistecho.fleet.output.headline import headline
from twistecho.fleet.output.words import plan_in_words
from twistecho.fleet.plans.target import parse_target
from twistecho.fleet.reports.histograms import Measured
from twistecho.fleet.reports.merge import merge_reports
from twistecho.fleet.reports.report import Report
from twistecho.fleet.runs.run import show_nothing
from twistecho.fleet.runs.several import run_processes

NAME = "tests.support.dialogues:Four"


def echo(connection: object) -> None:
    """Send everything back."""
    while data := connection.recv(100):  # type: ignore[attr-defined]
        connection.sendall(data)  # type: ignore[attr-defined]


class ProtocolClassTests(unittest.TestCase):
    """A class is as good as its name, and is written as it."""

    def test_it_is_spoken(self) -> None:
        """No name is needed for that: the class may stand anywhere."""

        class Local(Four):
            pass

        with serving(echo) as port:
            for protocol in (Four, Local):
                report = run_threads(Plan(clients=2, protocol=protocol), f"127.0.0.1:{port}")
                assert report.complete, report.failures
                assert report.messages == 2

    def test_it_is_written_and_shown_as_its_name(self) -> None:
        """In plans and reports; what is read back is the name."""
        plan = Plan(protocol=Four)
        assert plan.to_dict()["protocol"] == NAME
        assert Plan.from_json(plan.to_json()) == replace(plan, protocol=NAME)
        assert f"(protocol {NAME})" in headline(plan, "localhost:5000")
        assert ("Protocol", NAME) in plan_in_words(plan)

    def test_runs_with_the_class_and_with_its_name_are_merged(self) -> None:
        """They speak the same."""
        reports = [
            Report("reactor", "h:1", Plan(clients=1, protocol=each), (outcome(),), Measured())
            for each in (Four, NAME)
        ]
        assert merge_reports(reports, ["one", "two"]).plan.clients == 2

    def test_one_without_a_name_is_refused_where_it_would_be_written(self) -> None:
        """In one line: a local class, one of a program, and one that another has replaced."""

        class Local(Four):
            pass

        program = type("Program", (Four,), {"__module__": "__main__"})
        replaced = type("Four", (Four,), {"__module__": Four.__module__})
        for kind in (Local, program, replaced):
            plan = Plan(protocol=kind)
            with pytest.raises(FieldError, match=r"^protocol: \S+ cannot be imported by its name"):
                plan.to_json()
        target = parse_target(f"127.0.0.1:{unused_port()}")
        with pytest.raises(FieldError, match=r"^protocol: .* put the class into a module$"):
            run_processes("threads", Plan(protocol=Local), target, 2, show_nothing)

    def test_one_that_is_no_protocol_is_refused_before_the_run(self) -> None:
        """As where it is named."""
        with pytest.raises(ValueError, match=r"^protocol: builtins:int has no method reply"):
            readers_of(Plan(protocol=int))
        with pytest.raises(FieldError, match=r"^protocol: 5 is of the wrong type"):
            Plan(protocol=5)  # type: ignore[arg-type]
        with pytest.raises(FieldError, match=r"^protocol: .* is of the wrong type"):
            Plan(protocol=Four(1))  # type: ignore[arg-type]

    def test_several_processes_import_it(self) -> None:
        """Each by its name."""
        with (
            serving(echo) as port,
            mock.patch.dict(os.environ, PYTHONPATH=str(DOCS.parent)),
        ):
            target = parse_target(f"127.0.0.1:{port}")
            plan = Plan(clients=4, protocol=Four, timeout=20)
            report = run_processes("threads", plan, target, 2, show_nothing)
        assert report.complete, report.failures
        assert report.plan.protocol is Four
