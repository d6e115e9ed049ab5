"""The report: what a fleet found, written, read back and compared."""

import json
import math
import unittest
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import MORE
from tests.support.reports import REFUSED, RESET, measured, outcome, outcomes, plans
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.disagreement import COMPARED, Disagreement
from twistecho.fleet.reports.histograms import Interval, Latencies, Measured
from twistecho.fleet.reports.merge import merge_reports
from twistecho.fleet.reports.outcome import Cause, Outcome, Phase
from twistecho.fleet.reports.readable import readable
from twistecho.fleet.reports.report import Part, Report, make_report
from twistecho.fleet.reports.report_json import SCHEMA

law = settings(max_examples=30 * MORE, deadline=None)

MEASURED = measured([outcome(0, RESET), outcome(1)], took=0.05)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=10,
)


@st.composite
def reports(draw: st.DrawFn) -> Report:
    """Draw a report with few clients, each of another number; only its parts add up to it."""
    found = draw(st.lists(outcomes, max_size=4, unique_by=lambda outcome: outcome.client))
    plan = draw(plans)
    part = st.builds(
        Part,
        name=st.text(max_size=5),
        clients=st.integers(0, plan.clients),
        messages=st.integers(0, sum(outcome.messages for outcome in found)),
        makespan=st.floats(0, 1e6),
        problem=st.none() | st.text(max_size=5),
    )
    parts = draw(st.lists(part, max_size=1))
    for one in parts.copy():
        messages = sum(outcome.messages for outcome in found) - one.messages
        rest = replace(draw(part), clients=plan.clients - one.clients, messages=messages)
        parts.append(rest)
    return Report(
        engine=draw(st.text(max_size=5)),
        target=draw(st.text(max_size=5)),
        plan=plan,
        outcomes=tuple(sorted(found, key=lambda outcome: outcome.client)),
        measured=draw(st.sampled_from([Measured(), MEASURED])),
        began=draw(st.floats(0, 2e9)),
        parts=tuple(parts),
        interrupted=draw(st.booleans()),
    )


def report(*found: Outcome, clients: int = 1, measured: Measured = MEASURED) -> Report:
    """Make a report of these outcomes, and of measurements that have nothing to do with them."""
    return Report("threads", "localhost:5000", Plan(clients=clients), found, measured)


class FiguresTests(unittest.TestCase):
    """What a report sums up."""

    def test_the_makespan_is_from_the_first_start_to_the_last_end(self) -> None:
        """Whichever clients these are."""
        found = report(
            outcome(0, started=1.5, ended=2.0),
            outcome(1, started=1.0, ended=1.25),
            outcome(2, started=2.0, ended=4.0),
        )
        assert found.makespan == 3.0

    def test_without_clients_there_is_no_makespan(self) -> None:
        """Nothing took no time."""
        assert report().makespan == 0.0

    def test_the_counts_are_added_up(self) -> None:
        """Messages and bytes of all clients."""
        found = report(
            outcome(0, sent=3, messages=2, bytes_sent=30, bytes_returned=20, outstanding=1),
            outcome(1, RESET, sent=5, messages=1, bytes_sent=5, bytes_returned=4, unsent=6),
        )
        assert (found.messages, found.bytes_sent, found.bytes_returned) == (3, 35, 24)
        assert (found.sent, found.outstanding, found.unsent) == (8, 1, 6)

    def test_answered_are_the_clients_without_a_cause(self) -> None:
        """Failed ones do not count, whatever they were answered."""
        assert report(outcome(0), outcome(1, RESET), outcome(2)).answered == 2

    def test_failures_come_with_the_most_frequent_first(self) -> None:
        """By the text of their cause: the system's number makes no difference."""
        found = report(
            outcome(0, REFUSED),
            outcome(1, Cause(Phase.RECEIVE, "reset", 104)),
            outcome(2),
            outcome(3, RESET),
        )
        assert list(found.failures.items()) == [("receive:reset", 2), ("connect:refused", 1)]

    def test_complete_is_every_client_answered(self) -> None:
        """All that the plan has, none failed."""
        assert report(outcome(0), outcome(1), clients=2).complete

    def test_a_failure_is_not_complete(self) -> None:
        """One is enough."""
        assert not report(outcome(0), outcome(1, RESET), clients=2).complete

    def test_a_missing_client_is_not_complete(self) -> None:
        """Though all who are there were answered."""
        assert not report(outcome(0), clients=2).complete
        assert not report(clients=1).complete

    def test_make_report_puts_the_clients_in_order(self) -> None:
        """They come as they ended; a report has them by number."""
        found = make_report("threads", "t", Plan(), [outcome(2), outcome(0), outcome(1)], MEASURED)
        assert [entry.client for entry in found.outcomes] == [0, 1, 2]
        assert found.measured == MEASURED

    def test_the_latencies_can_be_asked_for(self) -> None:
        """As figures, or None where there was no reply."""
        assert report().latencies() == Latencies(MEASURED.latency).summary()
        assert report(measured=Measured()).latencies() is None


class DisagreementTests(unittest.TestCase):
    """Two reports, client by client."""

    @law
    @given(one=reports())
    def test_a_report_agrees_with_itself(self, one: Report) -> None:
        """Whatever it tells, and though another engine told it."""
        assert one.disagreements(one) == []
        assert one.disagreements(replace(one, engine="other", target="elsewhere")) == []

    @law
    @given(one=reports(), two=reports())
    def test_disagreement_is_mutual(self, one: Report, two: Report) -> None:
        """Seen from the other side it is the same list with the sides exchanged."""
        turned = [Disagreement(d.client, d.field, d.theirs, d.ours) for d in two.disagreements(one)]
        assert one.disagreements(two) == turned

    @law
    @given(one=reports(), two=reports())
    def test_no_disagreement_means_the_same_findings(self, one: Report, two: Report) -> None:
        """The list is empty exactly where clients, outcomes and counts are the same."""

        def findings(found: Report) -> list[tuple[object, ...]]:
            return [
                (o.client, str(o), o.messages, o.bytes_sent, o.bytes_returned, o.reconnects)
                for o in found.outcomes
            ]

        assert (one.disagreements(two) == []) == (findings(one) == findings(two))

    def test_every_compared_count_is_told(self) -> None:
        """A count that differs is named, with what either side says."""
        assert COMPARED == ("messages", "bytes_sent", "bytes_returned", "reconnects")
        for field in COMPARED:
            fields: dict[str, Any] = {field: 7}
            ours, theirs = report(outcome(3)), report(outcome(3, **fields))
            known = getattr(ours.outcomes[0], field)
            with self.subTest(field=field):
                assert ours.disagreements(theirs) == [Disagreement(3, field, known, 7)]

    def test_how_much_the_system_took_of_what_nobody_read_is_no_disagreement(self) -> None:
        """Its buffers are of another size every time."""
        ours, theirs = (outcome(3, bytes_sent=size, unsent=1) for size in (4000, 5000))
        assert report(ours).disagreements(report(theirs)) == []
        whole = replace(ours, unsent=0)
        assert report(whole).disagreements(report(theirs)) == []
        assert report(theirs).disagreements(report(whole)) == []
        told = report(ours).disagreements(report(replace(theirs, unsent=0, messages=9)))
        assert [one.field for one in told] == ["messages"]
        told = report(replace(ours, unsent=0)).disagreements(report(replace(theirs, unsent=0)))
        assert [one.field for one in told] == ["bytes_sent"]

    def test_another_outcome_is_told(self) -> None:
        """Answered against a cause, or one cause against another."""
        answered, reset, refused = (report(outcome(0, cause)) for cause in (None, RESET, REFUSED))
        assert [str(d) for d in answered.disagreements(reset)] == [
            "client 0: outcome: answered against receive:reset"
        ]
        assert [str(d) for d in refused.disagreements(reset)] == [
            "client 0: outcome: connect:refused against receive:reset"
        ]

    def test_a_missing_client_is_told(self) -> None:
        """On either side."""
        with_it, without = report(outcome(0), outcome(1)), report(outcome(0))
        assert [str(d) for d in with_it.disagreements(without)] == [
            "client 1: outcome: answered against missing"
        ]
        assert [str(d) for d in without.disagreements(with_it)] == [
            "client 1: outcome: missing against answered"
        ]

    def test_times_do_not_count(self) -> None:
        """No two runs take as long."""
        later = outcome(0, started=5.0, connected=None, replied=7.0, ended=8.0)
        assert report(outcome(0)).disagreements(report(later)) == []

    def test_the_system_s_number_does_not_count(self) -> None:
        """One engine sees it, the other does not."""
        known = report(outcome(0, Cause(Phase.RECEIVE, "reset", 104)))
        assert known.disagreements(report(outcome(0, RESET))) == []

    def test_disagreements_come_by_client(self) -> None:
        """In the order of the clients' numbers, whatever the order of the outcomes."""
        ours = report(outcome(10), outcome(9), outcome(1))
        theirs = report(outcome(9, RESET), outcome(1, messages=0))
        assert [d.client for d in ours.disagreements(theirs)] == [1, 9, 10]


class JsonTests(unittest.TestCase):
    """A report as JSON text."""

    @law
    @given(one=reports())
    def test_a_report_comes_back_from_json(self, one: Report) -> None:
        """Written and read again it is the same report, and so is its JSON."""
        again = Report.from_json(one.to_json())
        assert again == one
        assert again.to_dict() == one.to_dict()

    def test_a_report_written_by_schema_2_can_be_read(self) -> None:
        """This text is what reports look like; whoever changes it raises the schema."""
        histogram = "HISTFAAAABx4nJNpmSzMgADMUJoRRFybvITB/gNEAABQ2gSH"
        interval = {"start": 0.0, "connected": 1, "answered": 3, "bytes_returned": 7,
                    "failures": {"receive:reset": 1}, "latency": histogram}  # fmt: skip
        measured = {"latency": histogram, "service": "", "connect": "", "first_byte": "",
                    "lag": "", "unmeasured": 0, "intervals": [interval]}  # fmt: skip
        outcome = {"client": 0, "cause": "receive:reset", "errno": 104, "sent": 4, "messages": 3,
                   "failed": 1, "outstanding": 0, "unsent": 0, "bytes_sent": 8,
                   "bytes_returned": 7, "bytes_failed": 1, "bytes_outstanding": 0,
                   "started": 0.5, "connected": 0.75, "first_byte": 0.8, "replied": None,
                   "ended": 1.0}  # fmt: skip
        plan = {"schema": 2, "clients": 1, "messages": ["Ola", {"base64": "/w=="}], "repeat": 2,
                "timeout": 30.0, "reply": "stamped", "ordered": False, "think": 0.0, "rate": None,
                "arrivals": "constant", "seed": 0, "pipeline": 1, "duration": None, "warmup": 0.0,
                "ramp": None, "barrier": False, "sources": [], "protocol": None,
                "first": 0}  # fmt: skip
        part = {"name": "one", "clients": 1, "messages": 3, "makespan": 0.5, "problem": None}
        text = {"schema": 2, "engine": "reactor", "target": "localhost:5000", "plan": plan,
                "began": 1.5e9, "interrupted": False, "parts": [part], "measured": measured,
                "outcomes": [outcome]}  # fmt: skip
        assert Report.from_json(json.dumps(text)) == Report(
            "reactor",
            "localhost:5000",
            Plan(clients=1, messages=(b"Ola", b"\xff"), repeat=2),
            (Outcome(0, Cause(Phase.RECEIVE, "reset", 104), 4, 3, 8, 7, 0.5, 0.75, None, 1.0,
                     failed=1, bytes_failed=1, first_byte=0.8),),
            Measured(latency="", intervals=(Interval(0.0, 1, 3, 7, {"receive:reset": 1}),)),
            1.5e9,
            (Part("one", 1, 3, 0.5),),
        )  # fmt: skip

    def test_the_summary_tells_what_the_rest_implies(self) -> None:
        """People and scripts find the figures without computing them."""
        found = report(outcome(0), outcome(1, RESET), clients=2)
        summary = found.to_dict()["summary"]
        assert summary.pop("latency_seconds") == readable(MEASURED.latency)
        assert summary == {
            "answered": 1,
            "failed": 1,
            "failures": {"receive:reset": 1},
            "interrupted": 0,
            "messages": 2,
            "sent": 2,
            "outstanding": 0,
            "unsent": 0,
            "connects": 2,
            "told_apart": True,
            "replies_found": {},
            "bytes_sent": 20,
            "bytes_returned": 20,
            "makespan_seconds": 0.3,
            "own_shares": {},
            "marked": {},
            "stages": [],
        }

    def test_the_summary_of_no_reply_has_no_latency(self) -> None:
        """Null, not zero."""
        assert (
            json.loads(report(measured=Measured()).to_json())["summary"]["latency_seconds"] is None
        )

    def test_the_summary_is_not_believed(self) -> None:
        """It is for people: reading a report does not look at it."""
        data = report(outcome(0)).to_dict()
        data["summary"] = {"answered": 99}
        data["measured"]["latency_seconds"] = {"p50": "none"}
        assert Report.from_dict(data).answered == 1

    def test_what_is_implied_may_be_left_out(self) -> None:
        """As between processes."""
        found = report(outcome(0))
        data = found.to_bare_dict()
        assert data["summary"] == {}
        assert "latency_seconds" not in data["measured"]
        assert Report.from_dict(json.loads(json.dumps(data))) == found


def _inside(measured: dict[str, Any]) -> list[dict[str, Any]]:
    return [measured, *measured["intervals"]]


class RefusedTests(unittest.TestCase):
    """What is no report raises ValueError, and nothing else."""

    def test_another_schema_is_refused(self) -> None:
        """Newer, older or none at all; the message tells which it is."""
        for schema in (SCHEMA + 1, SCHEMA - 2, -1, str(SCHEMA), None):
            data = report().to_dict() | {"schema": schema}
            with self.subTest(schema=schema), pytest.raises(ValueError, match=r"^schema "):
                Report.from_json(json.dumps(data))

    def test_a_missing_field_is_refused(self) -> None:
        """All but the summary, and what older versions did not write, are needed, and named."""
        for field in set(report().to_dict()) - {"summary", "cpu_seconds", "allowed_lag", "stages"}:
            data = report().to_dict()
            del data[field]
            with self.subTest(field=field), pytest.raises(ValueError, match=field):
                Report.from_dict(data)

    @law
    @given(data=json_values)
    def test_any_json_value_is_refused_with_valueerror(self, data: object) -> None:
        """No value that JSON knows brings anything else out of it."""
        with pytest.raises(ValueError):
            Report.from_dict(data)

    @law
    @given(text=st.text() | json_values.map(json.dumps))
    def test_any_text_is_refused_with_valueerror(self, text: str) -> None:
        """Neither does any text, JSON or not."""
        with pytest.raises(ValueError):
            Report.from_json(text)

    def test_endless_nesting_is_refused(self) -> None:
        """A text that json cannot go down to the end of is no report."""
        with pytest.raises(ValueError):
            Report.from_json("[" * 100_000)

    def test_numbers_without_end_are_refused(self) -> None:
        """Python's JSON knows Infinity and integers of any length."""
        for field, value in (
            ("clients", math.inf),
            ("repeat", math.inf),
            ("timeout", math.inf),
            ("timeout", 10**400),
        ):
            data = report().to_dict()
            data["plan"][field] = value
            with self.subTest(field=field), pytest.raises(ValueError):
                Report.from_json(json.dumps(data))

    @law
    @given(value=json_values, data=st.data())
    def test_a_damaged_report_is_refused_or_works(self, value: object, data: st.DataObject) -> None:
        """With any one value replaced it is no report, or one that can be used like any other."""
        good = report(outcome(0, RESET))
        damaged = good.to_dict()
        place = data.draw(
            st.sampled_from(
                [damaged, damaged["plan"], damaged["outcomes"][0], *_inside(damaged["measured"])]
            )
        )
        place[data.draw(st.sampled_from(sorted(place)))] = value
        try:
            found = Report.from_dict(damaged)
        except ValueError:
            return
        assert isinstance(found.makespan, int | float)
        assert isinstance(found.to_json(), str)
        assert isinstance(found.disagreements(good), list)
        assert isinstance(found.complete, bool)

    def test_what_cannot_be_is_told_with_its_path(self) -> None:
        """Times that are none or run backwards, a plan that nobody can carry out, no histogram."""
        for place, name, value in (
            ("outcomes[0]", "ended", math.nan),
            ("outcomes[0]", "started", math.inf),
            ("outcomes[0]", "ended", -5.0),
            ("outcomes[0]", "connected", 1e9),
            ("outcomes[0]", "cause", "teleport:refused"),
            ("plan", "clients", 0),
            ("plan", "timeout", 0),
            ("plan", "rate", 5e-324),
            ("measured", "latency", "x"),
        ):
            data = report(outcome(0, RESET)).to_dict()
            inside = data["outcomes"][0] if place == "outcomes[0]" else data[place]
            inside[name] = value
            with self.subTest(name=name, value=value), pytest.raises(ValueError) as said:
                Report.from_json(json.dumps(data))
            assert str(said.value).startswith(f"not a report: {place}.{name}: ")

    def test_a_year_beyond_all_calendars_is_refused(self) -> None:
        """Python, and who reads JUnit XML, know no year 10000."""
        with pytest.raises(ValueError, match=r"^not a report: began: 1e\+12 is after"):
            Report.from_dict(report().to_dict() | {"began": 1e12})

    def test_parts_add_up_to_the_whole(self) -> None:
        """Whoever counts the parts' clients or messages finds those of the report."""
        whole = merge_reports([report(outcome(0)), report(outcome(1, RESET))], ["a", "b"])
        assert Report.from_dict(whole.to_dict()) == whole
        for field in ("clients", "messages"):
            data = whole.to_dict()
            data["parts"][1][field] += 3
            with pytest.raises(ValueError, match=f"^not a report: parts: .* {field} together"):
                Report.from_dict(data)

    def test_a_flag_is_true_or_false(self) -> None:
        """Text is neither, whatever it says."""
        with pytest.raises(ValueError, match="interrupted"):
            Report.from_dict(report().to_dict() | {"interrupted": "no"})

    def test_a_check_of_both_engines_is_no_report(self) -> None:
        """It holds two; the message says so."""
        with pytest.raises(ValueError, match="two reports"):
            Report.from_dict({"schema": SCHEMA, "agree": True, "reports": [{}, {}]})

    def test_an_outcome_of_the_wrong_types_is_refused(self) -> None:
        """Text where a number belongs would only be noticed much later."""
        bad: tuple[tuple[str, object], ...] = (
            ("client", "0"),
            ("client", None),
            ("messages", "1"),
            ("bytes_sent", []),
            ("bytes_returned", None),
            ("started", "0"),
            ("ended", None),
            ("ended", {}),
        )
        for field, value in bad:
            data = report(outcome(0)).to_dict()
            data["outcomes"][0][field] = value
            with self.subTest(field=field, value=value), pytest.raises(ValueError):
                Report.from_dict(data)
