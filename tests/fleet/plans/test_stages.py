"""Stages of a load: how they are written, when messages are due in them, who comes and goes."""

import math
import unittest
from bisect import bisect_right
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.stages import client_stages, rate_stages
from twistecho.fleet.plans.arrivals import Arrivals
from twistecho.fleet.plans.load import load_of
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.stages import (
    MOST_STAGES,
    Share,
    Stage,
    Stages,
    add_stages,
    parse_counts,
    parse_rates,
)

law = settings(max_examples=60, deadline=None)
clients = st.integers(1, 9)
warmups = st.sampled_from([0.0, 0.3, 2.0])
times = st.floats(0, 1e4)


def integral_at(stages: Stages, at: float) -> float:
    """Sum up the stages' integrals until a time; not by the formulas of the product."""
    total = 0.0
    for stage, begin in zip(stages, stages.begins, strict=False):
        within = min(max(0.0, at - begin), stage.seconds)
        value = stage.begin + (stage.end - stage.begin) * within / stage.seconds
        total += (stage.begin + value) / 2 * within
    return total


def value_at(stages: Stages, at: float) -> float:
    """Give the value at a time within the stages."""
    number = min(bisect_right(stages.begins, at), len(stages)) - 1
    stage = stages.stages[number]
    share = (at - stages.begins[number]) / stage.seconds
    return stage.begin + (stage.end - stage.begin) * share


def due_of(plan: Plan, began: float = 0.0) -> list[float]:
    """Give when all messages of all clients are due, in order."""
    found = []
    for client in plan.numbers:
        load = load_of(plan, client, began)
        due = load.due(0.0)
        while due < math.inf:
            found.append(due)
            due = load.due(0.0)
    return sorted(found)


def counted(due: list[float], stages: Stages, base: float) -> list[int]:
    """Count the messages that are due in each stage, where the first one begins at ``base``."""
    bounds = [base + begin for begin in stages.begins]
    return [sum(lower <= at < upper for at in due) for lower, upper in pairwise(bounds)]


class TextTests(unittest.TestCase):
    """How stages are written."""

    def test_stages_are_read(self) -> None:
        """Held values and ways from one to another, each with its time."""
        found = parse_rates("100:30s,100..2k:2min, 2k/s:1h")
        expected = Stage(100, 100, 30), Stage(100, 2000, 120), Stage(2000, 2000, 3600)
        assert found.stages == expected
        assert str(found) == "100:30s,100..2k:2min,2k:1h"
        assert parse_counts("10..200:500ms").stages == (Stage(10, 200, 0.5),)

    @law
    @given(rates=rate_stages, counts=client_stages)
    def test_they_are_read_back_as_they_are_written(self, rates: Stages, counts: Stages) -> None:
        """To the last bit."""
        assert parse_rates(str(rates)) == rates
        assert parse_counts(str(counts)) == counts

    def test_each_time_is_of_one_stage(self) -> None:
        """From its begin on; before the first and after the last there is none."""
        stages = parse_rates("5:2s,5..9:1s,0:1s")
        known = [stages.number_at(at) for at in (-0.1, 0, 1.9, 2, 2.9, 3, 3.9, 4, 9)]
        assert known == [None, 1, 1, 2, 2, 3, 3, None, None]

    def test_what_is_none_is_refused_in_a_line(self) -> None:
        """It names the stage and what was wrong there."""
        for text, told in (
            ("100", "stage 1: '100' is not like 100:30s"),
            ("5:1s,,5:1s", "stage 2: '' is not like"),
            ("5:1s,x:1s", "stage 2: 'x' is not a number per second"),
            ("5:", "stage 1: '' is not a number of seconds"),
            ("5..:1s", "stage 1: '' is not a number per second"),
            ("1...5:1s", "stage 1: '1...5:1s' is not like"),
            ("5:0", "stage 1: it is shorter than 1ms"),
            ("5:1s,1e13:1s", "stage 2: 1e+13 is neither 0 nor"),
            ("0:1s,0:5s", "the value is 0 in every stage"),
            ("1:1e6s,1:1s", "longer than 1,000,000 s"),
            ("5:1s," * MOST_STAGES + "5:1s", "more than 100 stages"),
        ):
            with self.subTest(text=text[:20]), pytest.raises(ValueError) as caught:
                parse_rates(text)
            assert told in str(caught.value)
        for text in ("1.5:1s", "-1:1s", "5/s:1s", "1M:1s"):
            with self.subTest(text=text), pytest.raises(ValueError, match="number of clients"):
                parse_counts(text)


class ScheduleTests(unittest.TestCase):
    """When messages are due at a rate in stages."""

    @law
    @given(stages=rate_stages, clients=clients, warmup=warmups, began=times)
    def test_each_stage_has_as_many_messages_as_its_integral_says(
        self, stages: Stages, clients: int, warmup: float, began: float
    ) -> None:
        """Those of all clients together; also where a message is due at its first moment."""
        plan = Plan(rate=stages, clients=clients, warmup=warmup)
        due = [at for at in due_of(plan, began) if at >= began + warmup]
        sums = [0.0]
        for stage in stages:
            sums.append(sums[-1] + stage.integral)
        expected = [math.ceil(later) - math.ceil(one) for one, later in pairwise(sums)]
        assert counted(due, stages, began + warmup) == expected

    @law
    @given(stages=rate_stages, clients=clients)
    def test_a_message_is_due_when_the_integral_has_its_number(
        self, stages: Stages, clients: int
    ) -> None:
        """From 0 on, in the order of all clients."""
        for number, at in enumerate(due_of(Plan(rate=stages, clients=clients))):
            self.assertAlmostEqual(integral_at(stages, at), number, delta=1e-6 * (number + 1))

    def test_the_warm_up_runs_at_the_first_value(self) -> None:
        """Before the first stage, whose messages do not depend on it."""
        due = due_of(Plan(rate="4:1s,4..8:1s", warmup=1.5, clients=3))
        assert [at for at in due if at < 1.5] == [0.0, 0.25, 0.5, 0.75, 1.0, 1.25]
        later = [at - 1.5 for at in due if at >= 1.5]
        for one, other in zip(later, due_of(Plan(rate="4:1s,4..8:1s")), strict=True):
            self.assertAlmostEqual(one, other, delta=1e-9)

    @law
    @given(stages=rate_stages, clients=clients, parts=clients, kind=st.sampled_from(Arrivals))
    def test_all_processes_together_send_what_one_would(
        self, stages: Stages, clients: int, parts: int, kind: Arrivals
    ) -> None:
        """The same number of messages, at the same times."""
        plan = Plan(rate=stages, clients=clients, arrivals=kind, seed=4, warmup=0.3)
        divided = [at for part in plan.divide(parts) for at in due_of(part)]
        assert sorted(divided) == due_of(plan)

    @law
    @given(seed=st.integers(0, 99))
    def test_poisson_arrivals_follow_the_rate(self, seed: int) -> None:
        """Six standard deviations bound how many there are in each stage; none is in a pause."""
        stages = parse_rates("200:2s,0:1s,0..400:2s,400..200:1s")
        plan = Plan(rate=stages, clients=7, arrivals=Arrivals.POISSON, seed=seed, warmup=1.0)
        due = due_of(plan)
        found = [sum(at < 1 for at in due), *counted(due, stages, 1.0)]
        for count, expected in zip(found, (200, 400, 0, 400, 300), strict=True):
            assert abs(count - expected) <= 6 * math.sqrt(expected)
        assert due == due_of(plan)

    def test_on_the_scale_of_the_integral_gaps_are_exponential(self) -> None:
        """Mean and standard deviation of a client's are its number among the clients."""
        stages = parse_rates("100..900:20s,900..0:20s")
        plan = Plan(rate=stages, clients=2, arrivals=Arrivals.POISSON, seed=1)
        load = load_of(plan, 1, 0.0)
        due = [0.0, *iter(lambda: load.due(0.0), math.inf)]
        gaps = [integral_at(stages, b) - integral_at(stages, a) for a, b in pairwise(due)]
        mean = sum(gaps) / len(gaps)
        deviation = math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / len(gaps))
        assert len(gaps) > 8000
        assert abs(mean - 2) < 0.1
        assert abs(deviation - 2) < 0.1


class PresenceTests(unittest.TestCase):
    """When clients come and go."""

    @law
    @given(stages=client_stages, warmup=warmups, parts=clients, at=st.floats(0, 1))
    def test_there_are_as_many_as_the_stages_say(
        self, stages: Stages, warmup: float, parts: int, at: float
    ) -> None:
        """At every time, those of all processes together, rounded to the nearest."""
        plan = Plan(clients=stages, warmup=warmup)
        moment = at * stages.seconds * 0.999
        for plans in ([plan], plan.divide(parts)):
            present = sum(
                part.turn_of(client) <= warmup + moment < warmup + (part.sends_until(client) or 0)
                for part in plans
                for client in part.numbers
            )
            assert abs(present - value_at(stages, moment)) <= 0.5 + 1e-6

    @law
    @given(stages=client_stages, warmup=warmups)
    def test_they_come_and_go_in_the_order_of_their_numbers(
        self, stages: Stages, warmup: float
    ) -> None:
        """The first value's are there from the start of the warm-up; nobody goes before it came."""
        plan = Plan(clients=stages, warmup=warmup, first=5)
        comes = [plan.turn_of(client) for client in plan.numbers]
        goes = [warmup + (plan.sends_until(client) or 0) for client in plan.numbers]
        assert comes == sorted(comes)
        assert goes == sorted(goes)
        assert all(come <= go for come, go in zip(comes, goes, strict=True))
        first = int(stages.stages[0].begin)
        assert comes[:first] == [0.0] * first
        assert all(come >= warmup for come in comes[first:])
        assert max(goes) <= warmup + stages.seconds

    def test_jumps_happen_at_once(self) -> None:
        """Those that come back are others."""
        plan = Plan(clients="1:1s,3:1s,1:1s,2:1s")
        assert plan.clients == 4
        assert plan.at_once == 3
        assert [plan.turn_of(client) for client in plan.numbers] == [0, 1, 1, 3]
        assert [plan.sends_until(client) for client in plan.numbers] == [2, 2, 4, 4]

    def test_their_number_costs_nothing(self) -> None:
        """A thousand million clients are counted as fast as ten."""
        plan = Plan(clients="1..1000000000:1h")
        assert plan.clients == 10**9
        assert plan.turn_of(10**9 - 1) == pytest.approx(3600, abs=1e-3)


class SumTests(unittest.TestCase):
    """Stages of several loads, put together."""

    def test_values_add_up(self) -> None:
        """Where they change at the same times."""
        both = add_stages([parse_rates("1..2:1s,5:2s"), parse_rates("3:1s,0..5:2s")])
        assert both == parse_rates("4..5:1s,5..10:2s")

    @law
    @given(stages=rate_stages, clients=clients, parts=clients)
    def test_all_parts_of_a_load_are_the_load(
        self, stages: Stages, clients: int, parts: int
    ) -> None:
        """Some of them are nobody's."""
        plans = Plan(rate=stages, clients=clients).divide(parts)
        shares: list[Any] = [plan.rate_stages for plan in plans]
        assert add_stages(shares) == stages
        if len(shares) > 1:
            with pytest.raises(ValueError, match="the other parts are missing"):
                add_stages(shares[1:])

    def test_a_part_that_is_none_is_refused(self) -> None:
        """By its numbers."""
        for part, parts, clients in ((2, 2, 5), (-1, 2, 5), (0, 3, 2), (0, 0, 0)):
            with pytest.raises(ValueError, match="there is no part"):
                Share(part, parts, clients)


class PlanTests(unittest.TestCase):
    """Plans with stages."""

    def test_text_and_value_are_the_same(self) -> None:
        """Beside the stages there is a number: the highest rate, or all clients."""
        plan = Plan(rate="100:1s,100..300:2s")
        assert plan == Plan(rate=parse_rates("100:1s,100..300:2s"))
        assert (plan.rate, plan.sends_for, plan.messages_per_client) == (300, 3, None)
        plan = Plan(clients="1..5:1s", rate=None)
        assert (plan.clients, plan.rate, plan.stages) == (5, None, parse_counts("1..5:1s"))

    def test_what_contradicts_stages_is_refused(self) -> None:
        """The message names both."""
        bad: list[dict[str, Any]] = [
            {"duration": 1.0}, {"repeat": 2}, {"ramp": 5.0}, {"ordered": True},
        ]  # fmt: skip
        for other in bad:
            for staged in ("rate", "clients"):
                [name] = other
                told = f"^{name}: it contradicts stages of {staged}$"
                with self.subTest(other=other), pytest.raises(ValueError, match=told):
                    Plan(**{staged: "5:1s", **other})
        more: list[dict[str, Any]] = [{"rate": "5:1s"}, {"rate": 5.0}, {"barrier": True}]
        for fields in more:
            with pytest.raises(ValueError, match=r"^(clients|barrier): .*contradict"):
                Plan(clients="5:1s", **fields)
        assert Plan(rate="5:1s", barrier=True).barrier

    def test_a_number_that_is_not_the_stages_own_is_refused(self) -> None:
        """Beside them in Python; in a file there is but one of the two."""
        stages = parse_rates("5:1s")
        with pytest.raises(ValueError, match=r"^rate: it is not the highest of 5:1s"):
            Plan(rate=6.0, rate_stages=stages)
        with pytest.raises(ValueError, match=r"^clients: it is not the number of clients"):
            Plan(clients=6, client_stages=stages)
        with pytest.raises(ValueError, match=r"^clients: stages of clients must be whole"):
            Plan(clients=Stages((Stage(0.5, 1, 1),)))

    @law
    @given(rates=rate_stages, counts=client_stages, parts=clients)
    def test_it_comes_back_from_json(self, rates: Stages, counts: Stages, parts: int) -> None:
        """Text where there was a number; what one process has of it, too."""
        for plan in (Plan(rate=rates, clients=9), Plan(clients=counts)):
            assert Plan.from_json(plan.to_json()) == plan
            for part in plan.divide(parts):
                assert Plan.from_dict(part.to_dict()) == part
        assert Plan(rate=rates).to_dict()["rate"] == str(rates)

    def test_a_part_is_not_divided_again(self) -> None:
        """Nor is a share taken that is another number of clients'."""
        part = Plan(rate="5:1s", clients=4).divide(2)[0]
        with pytest.raises(ValueError, match="cannot be divided again"):
            part.divide(2)
        damaged = part.to_dict() | {"clients": 3}
        with pytest.raises(
            ValueError, match="clients: it is not the number of clients of part 1 of 2"
        ):
            Plan.from_dict(damaged)
