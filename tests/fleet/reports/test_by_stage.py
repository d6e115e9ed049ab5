"""What is recorded, merged, judged and required of each stage by itself."""

import json
import unittest
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.reports import RESET
from tests.support.stages import STAGED_PLAN as PLAN
from tests.support.stages import failing_report, staged_report
from twistecho.fleet.output.stage_table import stage_rows
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.by_stage import StageFound, add_found
from twistecho.fleet.reports.figures import read
from twistecho.fleet.reports.histograms import Latencies
from twistecho.fleet.reports.merge import lost_report, merge_reports
from twistecho.fleet.reports.outcome import INTERRUPTED, Cause, Phase
from twistecho.fleet.reports.recorder import Recording
from twistecho.fleet.reports.report import Report, make_report
from twistecho.fleet.reports.requirements import parse_requirement
from twistecho.fleet.reports.staged_recorder import StagedRecording, recording_for
from twistecho.fleet.reports.verdict import invalid, judge

STOPPED = Cause(Phase.RECEIVE, INTERRUPTED)

replies = st.lists(
    st.tuples(st.floats(0, 3), st.floats(0, 1), st.floats(0, 2), st.integers(1, 99)), max_size=30
)


def play(found: list[tuple[float, float, float, int]], *recordings: Recording) -> None:
    """Record replies, in turn where there are several recordings."""
    for number, (due, waited, took, size) in enumerate(found):
        recording = recordings[number % len(recordings)]
        recording.reply(due, due + waited, due + waited + took, size)


class RecordingTests(unittest.TestCase):
    """What goes into which stage."""

    def setUp(self) -> None:
        """Record a plan whose stages begin at 0.5, 1.5 and end at 2.5."""
        self.recording = recording_for(PLAN)

    def answered(self) -> list[int]:
        """Count the replies in each stage."""
        return [stage.answered for stage in self.recording.stages()]

    def test_a_reply_is_of_the_stage_in_which_its_message_was_due(self) -> None:
        """Whenever it came; what was due in the warm-up is of none."""
        for due in (0.0, 0.49, 0.5, 1.49, 1.5, 2.0, 2.49):
            self.recording.reply(due, due, due + 5, 7)
        assert self.answered() == [2, 3]
        assert [stage.bytes_returned for stage in self.recording.stages()] == [14, 21]

    def test_a_barrier_moves_them(self) -> None:
        """They begin where the warm-up ends that was counted from it."""
        self.recording.measure_from(4.5)
        for due in (1.5, 4.49, 4.5, 5.5):
            self.recording.reply_in_turn(due, due + 1, 7)
        assert self.answered() == [1, 1]

    def test_what_was_sent_after_its_stage_is_late(self) -> None:
        """Also where it was never answered."""
        self.recording.reply(1.4, 1.49, 1.6, 7)
        self.recording.reply(1.4, 1.5, 1.6, 7)
        self.recording.left(RESET, 9.0, [(1.45, 1.7), (1.6, 1.7)])
        first, second = self.recording.stages()
        assert (first.late, first.failed, second.late, second.failed) == (2, 1, 0, 1)

    def test_a_failure_is_of_the_oldest_message_s_stage(self) -> None:
        """Or of when it happened, the last one where all were over; the warm-up has none."""
        self.recording.left(RESET, 2.0, [(1.0, 1.0)])
        self.recording.left(RESET, 2.0, [])
        self.recording.left(RESET, 9.0, [])
        self.recording.left(RESET, 0.2, [])
        assert [dict(s.failures) for s in self.recording.stages()] == [
            {"receive:reset": 1},
            {"receive:reset": 2},
        ]

    def test_who_was_interrupted_has_not_failed(self) -> None:
        """What it was owed is outstanding."""
        self.recording.left(STOPPED, 1.0, [(0.9, 0.9)])
        [first, _] = self.recording.stages()
        assert (first.outstanding, first.failed, first.failures) == (1, 0, {})

    def test_a_first_byte_is_of_the_stage_in_which_its_message_was_due(self) -> None:
        """The whole has those of the warm-up, too."""
        for due in (0.2, 0.5, 1.6, 1.7):
            self.recording.first_byte(0.2, due)
            self.recording.first_byte_on_wire(0.1, due)
        whole, found = self.recording.measured(), self.recording.stages()
        for name, took in (("first_byte", 0.2), ("first_byte_wire", 0.1)):
            counted = [Latencies(getattr(stage.measured, name)) for stage in found]
            assert Latencies(getattr(whole, name)).count == 4
            assert [each.count for each in counted] == [1, 2]
            summary = counted[1].summary()
            assert summary is not None
            assert summary.max == pytest.approx(took, rel=0.001)

    def test_clients_are_there_for_a_part_of_a_stage(self) -> None:
        """Their seconds add up."""
        self.recording.offered(0.0, 1.0)
        self.recording.offered(1.25, 2.0)
        assert [stage.client_seconds for stage in self.recording.stages()] == [0.75, 0.5]

    @settings(max_examples=15, deadline=None)
    @given(history=replies, parts=st.integers(1, 3))
    def test_recordings_of_one_run_add_up(
        self, history: list[tuple[float, float, float, int]], parts: int
    ) -> None:
        """One recording of all tells the same as several, whether added or merged."""
        whole, total = recording_for(PLAN), recording_for(PLAN)
        spread = [recording_for(PLAN) for _ in range(parts)]
        play(history, whole)
        play(history, *spread)
        merged = add_found(each.stages() for each in spread)
        for each in spread:
            total.add(each)
        assert whole.stages() == total.stages() == merged
        assert sum(stage.answered for stage in merged) == (
            Latencies(whole.measured().latency).count
        )

    def test_a_load_without_stages_is_recorded_as_ever(self) -> None:
        """Nothing more is done for any of its messages."""
        assert type(recording_for(Plan(rate=5))) is Recording
        assert isinstance(recording_for(Plan(clients="1..2:1s")), StagedRecording)


class ReportTests(unittest.TestCase):
    """Reports of loads in stages."""

    def test_each_stage_says_what_was_asked_offered_and_answered(self) -> None:
        """Rates are means; times are its own."""
        first, second = staged_report().by_stage
        assert (first.asked, first.offered, first.rate) == (10, 10, 10)
        assert (second.asked, second.offered, second.due) == (20, 20, 20)
        name, cells = list(stage_rows(staged_report()))[1]
        assert name == "2  10..30:1s"
        assert cells[:4] == ["20/s", "20/s", "20/s", "0"]

    def test_it_comes_back_from_json(self) -> None:
        """With a summary for people."""
        report = staged_report(late=2)
        assert Report.from_json(report.to_json()) == report
        data = json.loads(report.to_json())
        told = data["summary"]["stages"][1]
        assert (told["stage"], told["sent"], told["sent_in_time"]) == ("10..30:1s", 20, 18)
        assert told["latency_seconds"]["p99"] > 0

    def test_more_stages_than_the_plan_has_are_refused(self) -> None:
        """Likewise one with intervals."""
        data = staged_report().to_dict()
        with pytest.raises(ValueError, match="stages: there are more than the plan has"):
            Report.from_dict(data | {"stages": data["stages"] * 2})
        damaged = data["stages"][0] | {"measured": data["measured"]}
        with pytest.raises(ValueError, match="a stage has no intervals"):
            Report.from_dict(data | {"stages": [damaged]})

    def test_reports_of_loads_that_change_together_are_merged(self) -> None:
        """Values and counts add up; a part that was lost has nothing."""
        lost = lost_report("threads", "h:1", PLAN, "x", "gone")
        whole = merge_reports([staged_report(), staged_report(), lost], ["a", "b", "c"])
        assert str(whole.plan.rate_stages) == "30:1s,30..90:1s"
        assert [stage.answered for stage in whole.by_stage] == [20, 40]
        assert [stage.asked for stage in whole.by_stage] == [30, 60]

    def test_loads_that_change_otherwise_are_not_merged(self) -> None:
        """The message shows both."""
        for other in (Plan(rate="10:2s"), Plan(rate=5.0), Plan(clients="1:1s")):
            report = make_report("threads", "h:1", other, [], staged_report().measured)
            with pytest.raises(ValueError, match=r"the plans differ in (rate|clients|warmup): "):
                merge_reports([staged_report(), report], ["a", "b"])
        up, down = (
            make_report("threads", "h:1", Plan(clients=text), [], staged_report().measured)
            for text in ("1..2:1s", "2..1:1s")
        )
        with pytest.raises(ValueError, match="differ in clients: some come while others go"):
            merge_reports([up, down], ["a", "b"])


class VerdictTests(unittest.TestCase):
    """What to think of a stage."""

    def test_what_was_offered_as_asked_is_valid(self) -> None:
        """All of it, and in time."""
        assert invalid(staged_report()) == ()

    def test_a_stage_whose_messages_were_sent_late_was_not_held(self) -> None:
        """It is named, the others are not; the tolerance says how many there may be."""
        [reason] = invalid(staged_report(late=2))
        assert reason.startswith("stage 2 (10..30:1s): the rate was not held: 18 of 20 messages")
        assert "clients waited for earlier replies" in reason
        assert invalid(staged_report(late=2), rate_tolerance=0.9) == ()

    def test_so_was_one_whose_messages_were_never_sent(self) -> None:
        """They were due."""
        [reason] = invalid(staged_report(unsent=5))
        assert "20 of 25 messages due were sent before the stage was over" in reason

    def test_the_fleet_s_own_lag_is_judged_by_stage(self) -> None:
        """Every stage in which it was late is named."""
        reasons = invalid(staged_report(lag=0.05))
        assert [reason[:7] for reason in reasons] == ["stage 1", "stage 2"]
        assert all("the load generator fell behind" in reason for reason in reasons)

    def test_stages_have_to_add_up(self) -> None:
        """To what the clients count."""
        report = staged_report()
        first, second = report.stages
        less = replace(report, stages=(first,))
        assert any("the stages have 10 messages answered in total" in r for r in invalid(less))
        more = replace(report, stages=(first, replace(second, unsent=1, failed=3)))
        assert any("3 messages failed or outstanding in total" in r for r in invalid(more))
        assert any("1 messages unsent in total, more than 0" in r for r in invalid(more))


class RequirementTests(unittest.TestCase):
    """What can be required of a stage."""

    def test_figures_of_a_stage(self) -> None:
        """By its number, from 1."""
        report = staged_report(late=2)
        for name, value in (
            ("messages", 20), ("sent", 20), ("rate", 20), ("offered", 18), ("failed", 0),
            ("bytes_returned", 200), ("byte_rate", 200), ("receive:reset", 0), ("unsent", 0),
        ):  # fmt: skip
            with self.subTest(name=name):
                assert read(report, f"stage 2: {name}").value == value
        assert read(report, "stage 1: max").value == pytest.approx(0.1, rel=0.01)
        assert read(report, "stage 1: first_byte.p99").value == pytest.approx(0.05, rel=0.01)
        assert read(report, "stage 2: first_byte.p99").value is None
        assert read(report, "stage 3: p99").value is None
        assert read(report, "stage 3: messages").value is None

    def test_a_requirement_is_of_its_stage_alone(self) -> None:
        """Met in the one and missed in the other; blanks are free."""
        report = staged_report(late=2)
        for text, met in (
            ("stage 1: p99 < 200ms", True),
            ("stage  2 :max<200ms", False),
            ("stage 2: max < 2s", True),
            ("stage 2: rate >= 20/s", True),
            ("stage 1: first_byte p99 < 60ms", True),
            ("stage 1: first_byte.max < 40ms", False),
        ):
            with self.subTest(text=text):
                assert parse_requirement(text).check(report).met is met

    def test_what_no_stage_has_is_refused(self) -> None:
        """In one line."""
        for text, told in (
            ("stage 1: makespan < 5s", "'makespan' is a figure of a whole report"),
            ("stage 1: p99 < 5", "its unit is missing"),
            ("stage: p99 < 5s", "is not like"),
            ("stage x: p99 < 5s", "is not like"),
            ("stage 1: nothing < 5", "is not a figure of a report"),
        ):
            with self.subTest(text=text), pytest.raises(ValueError) as caught:
                parse_requirement(text)
            assert told in str(caught.value)

    def test_one_of_a_stage_that_there_is_not_is_found_before_the_run(self) -> None:
        """The plan says so."""
        required = parse_requirement("stage 3: p99 < 5ms")
        assert str(required.problem_with(PLAN)).endswith("there is no stage 3, the last one is 2")
        assert str(required.problem_with(Plan())).endswith("the load has none")
        assert parse_requirement("stage 2: p99 < 5ms").problem_with(PLAN) is None
        assert parse_requirement("stage 0: p99 < 5ms").problem_with(PLAN)

    def test_failures_may_be_allowed_in_one_stage(self) -> None:
        """Those of another one fail the run all the same."""
        for at, passed in ((2.0, True), (1.0, False)):
            report = failing_report(at)
            assert not judge(report).passed
            required = [parse_requirement("stage 2: failed < 2")]
            assert judge(report, required).passed is passed, judge(report, required)


class ValueTests(unittest.TestCase):
    """What was found of a stage, as a value."""

    def test_an_empty_one_counts_nothing(self) -> None:
        """It can be added to any."""
        assert add_found([]) == ()
        assert add_found([(), (StageFound(late=2),)]) == (StageFound(late=2),)
