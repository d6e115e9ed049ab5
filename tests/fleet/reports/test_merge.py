"""Merging: the reports of several runs as one."""

import unittest
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import MORE
from tests.support.reports import client, measured, report, sound_reports
from twistecho.base.reply_formats import ReplyFormat
from twistecho.fleet.plans.arrivals import Arrivals
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.plan_stages import STAGED
from twistecho.fleet.reports.histograms import Latencies
from twistecho.fleet.reports.merge import lost_report, merge_reports, put_later
from twistecho.fleet.reports.report import Part, Report
from twistecho.fleet.reports.verdict import invalid

law = settings(max_examples=6 * MORE, deadline=None)  # a histogram takes milliseconds


def alike(*reports: Report) -> list[Report]:
    """Give these reports the same plan, but for what may differ."""
    same = replace(reports[0].plan, repeat=1, duration=10.0, reconnect=None)
    return [
        replace(found, plan=replace(same, clients=found.plan.clients, first=found.plan.first))
        for found in reports
    ]


def planned(**fields: Any) -> Report:
    """Make a report of this plan, and no more."""
    return replace(report(client(0, 1)), plan=Plan(**fields))


class SumTests(unittest.TestCase):
    """The whole is its parts, added."""

    @law
    @given(one=sound_reports(), two=sound_reports(first=7))
    def test_counts_and_histograms_are_added_exactly(self, one: Report, two: Report) -> None:
        """As if one run had recorded everything."""
        one, two = alike(one, two)
        whole = merge_reports([one, two], ["one", "two"])
        for name in ("answered", "messages", "bytes_sent", "bytes_returned", "connects"):
            assert getattr(whole, name) == getattr(one, name) + getattr(two, name)
        both = measured([*one.outcomes, *two.outcomes])
        for name in ("latency", "service", "connect", "lag"):
            found, expected = (Latencies(getattr(m, name)) for m in (whole.measured, both))
            assert found.summary() == expected.summary()
        starts = [interval.start for interval in whole.measured.intervals]
        assert starts == [interval.start for interval in both.intervals]

    @law
    @given(st.lists(sound_reports(), min_size=1, max_size=3))
    def test_what_is_merged_of_valid_reports_is_valid(self, reports: list[Report]) -> None:
        """Though all their clients have the same numbers."""
        found = alike(*reports)
        assert invalid(merge_reports(found, [str(n) for n in range(len(found))])) == ()

    @law
    @given(one=sound_reports(), two=sound_reports(), three=sound_reports())
    def test_merging_step_by_step_is_merging_at_once(
        self, one: Report, two: Report, three: Report
    ) -> None:
        """But for the parts, which are the files that were merged."""
        found = alike(one, two, three)
        at_once = merge_reports(found, ["1", "2", "3"])
        first = merge_reports(found[:2], ["1", "2"])
        in_steps = merge_reports([first, found[2]], ["1 and 2", "3"])
        assert replace(in_steps, parts=at_once.parts) == at_once

    def test_each_report_becomes_a_part(self) -> None:
        """With its share."""
        one, two = report(client(0, 2), client(1, 2)), report(client(0, 2, ended=0.5))
        assert merge_reports([one, two], ["a.json", "b.json"]).parts == (
            Part("a.json", 2, 4, 0.3),
            Part("b.json", 1, 2, 0.5),
        )

    def test_clients_and_rates_add_up(self) -> None:
        """Sources are listed together, and the start is the first one that is known."""
        one = replace(planned(clients=2, rate=100.0, sources=("127.0.0.1",)), began=20.0)
        two = replace(planned(clients=3, rate=50.0, sources=("127.0.0.2",), seed=7), began=10.0)
        three = planned(clients=1, rate=1.0)
        whole = merge_reports([one, two, three], ["1", "2", "3"])
        assert (whole.plan.clients, whole.plan.rate, whole.began) == (6, 151.0, 10.0)
        assert whole.plan.sources == ("127.0.0.1", "127.0.0.2")

    def test_other_engines_and_targets_are_named(self) -> None:
        """Each once."""
        one = report(client(0, 1), engine="reactor")
        two = report(client(0, 1), target="there:7")
        whole = merge_reports([one, two, two], ["1", "2", "3"])
        assert (whole.engine, whole.target) == ("reactor, threads", "localhost:5000, there:7")

    def test_one_interrupted_part_interrupts_the_whole(self) -> None:
        """Its clients did not do all that was planned."""
        one, two = report(client(0, 1)), report(client(0, 1), interrupted=True)
        assert merge_reports([one, two], ["1", "2"]).interrupted
        assert not merge_reports([one, one], ["1", "2"]).interrupted


class NumberTests(unittest.TestCase):
    """Every client has a number of its own."""

    def numbers(self, *reports: Report) -> list[int]:
        """Give the numbers of the clients of a whole."""
        whole = merge_reports(reports, [str(n) for n in range(len(reports))])
        assert whole.plan.first == whole.outcomes[0].client
        return [one.client for one in whole.outcomes]

    def numbered(self, *numbers: int) -> Report:
        """Make a report whose clients have these numbers."""
        found = report(*(client(number, 1) for number in numbers))
        return replace(found, plan=replace(found.plan, first=numbers[0]))

    def test_numbers_that_follow_each_other_are_kept(self) -> None:
        """In whatever order the parts come."""
        assert self.numbers(self.numbered(5, 6), self.numbered(3, 4)) == [3, 4, 5, 6]

    def test_numbers_that_overlap_are_given_anew(self) -> None:
        """One report after the other."""
        assert self.numbers(self.numbered(5, 6), self.numbered(6, 7)) == [5, 6, 7, 8]

    def test_numbers_with_a_gap_are_given_anew(self) -> None:
        """So that the plan's numbers are those of the clients."""
        assert self.numbers(self.numbered(0), self.numbered(9)) == [0, 1]
        assert self.numbers(self.numbered(0), self.numbered(1), self.numbered(9)) == [0, 1, 2]


class LostTests(unittest.TestCase):
    """A part that gave no report."""

    def test_its_clients_are_missing_and_it_is_named(self) -> None:
        """The whole is invalid, and stays so when it is merged once more."""
        one = report(client(0, 1))
        lost = lost_report("threads", "t", replace(one.plan, first=1), "2", "killed by SIGKILL")
        assert lost.parts == (Part("2", 1, 0, 0.0, "killed by SIGKILL"),)
        whole = merge_reports([one, lost], ["1", "2"])
        reasons = ("part 2: killed by SIGKILL", "clients missing: 1 of 2")
        assert invalid(whole) == reasons
        again = merge_reports([Report.from_json(whole.to_json())], ["first day"])
        assert invalid(again) == ("part first day: killed by SIGKILL", reasons[1])


class RampTests(unittest.TestCase):
    """Each part connects its own clients meanwhile."""

    def test_rates_and_ramps_add_up(self) -> None:
        """Whatever the share of each part is."""
        parts = [planned(clients=1, rate=5.0, ramp=2.0), planned(clients=1, rate=1.0, ramp=0.5)]
        whole = merge_reports(parts, ["a", "b"])
        assert (whole.plan.rate, whole.plan.ramp) == (6.0, 2.5)


class CompatibleTests(unittest.TestCase):
    """Only the parts of one run can be merged."""

    def test_plans_that_differ_are_refused_by_the_field(self) -> None:
        """Whichever it is; the two reports are named."""
        different: dict[str, Any] = {
            "messages": (b"other",), "repeat": 2, "timeout": 1.0, "reply": ReplyFormat.RAW,
            "ordered": True, "think": 1.0, "rate": 1.0, "arrivals": Arrivals.POISSON,
            "pipeline": 2, "duration": 1.0, "warmup": 1.0, "ramp": 1.0, "barrier": True,
            "protocol": "module:Class", "literal": True, "size": 99, "payload": "text",
            "weights": (1,), "reconnect": 1,
        }  # fmt: skip
        filled = {"size": 64, "payload": "zeros"}
        beside = {"size": filled, "payload": filled}
        same = {"clients", "seed", "sources", "first", *STAGED.values()}
        assert different.keys() | same == Plan.__dataclass_fields__.keys()
        for field, value in different.items():
            with self.subTest(field=field), pytest.raises(ValueError, match=f"differ in {field}: "):
                known: dict[str, Any] = beside.get(field, {})
                merge_reports([planned(**known), planned(**{**known, field: value})], ["a", "b"])

    def test_both_values_are_shown(self) -> None:
        """With the names of the reports, and cut where they are long."""
        with pytest.raises(ValueError, match=r"repeat: 1 in a\.json, 2 in b\.json$"):
            merge_reports([planned(), planned(repeat=2)], ["a.json", "b.json"])
        with pytest.raises(ValueError) as caught:
            merge_reports([planned(), planned(messages=(b"x" * 1000,))], ["a", "b"])
        assert len(str(caught.value)) < 160


class LaterTests(unittest.TestCase):
    """A report that is put later, so that it can follow another."""

    def test_times_are_later_by_as_much_and_intervals_by_whole_ones(self) -> None:
        """What was not reached has no time, and seconds that have passed are empty intervals."""
        answered = client(0, 2, replied=1.2, ended=1.5, offered_from=0.1, offered_until=1.4)
        refused = replace(client(1, 0), connected=None, first_byte=None, replied=None)
        found = report(answered, refused, began=100.0)
        later = put_later(found, 2.5)
        assert later.began == 97.5
        one, other = later.outcomes
        assert (one.ended, one.offered_from, one.offered_until) == (4.0, 2.6, 3.9)
        assert (other.connected, other.replied, other.offered_from) == (None, None, None)
        assert [i.start for i in found.measured.intervals] == [0.0, 1.0]
        assert [i.start for i in later.measured.intervals] == [0.0, 1.0, 2.0, 3.0]
        assert [i.answered for i in later.measured.intervals] == [0, 0, 0, 2]
