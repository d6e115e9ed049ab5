"""Plans and times in words."""

from unittest import TestCase

from hypothesis import given

from tests.support.reports import plans
from twistecho.base.reply_formats import ReplyFormat
from twistecho.fleet.output.words import count, per_second, plan_in_words, span, tick
from twistecho.fleet.plans.arrivals import Arrivals
from twistecho.fleet.plans.plan import Plan


class PlanTests(TestCase):
    """What is said of a plan."""

    def check(self, plan: Plan, **said: str) -> None:
        """Hold that these lines are among those that are said."""
        found = dict(plan_in_words(plan))
        for name, text in said.items():
            assert found[name] == text, (name, found)

    def test_a_closed_load(self) -> None:
        """Each client waits."""
        self.check(
            Plan(clients=2000, repeat=3, think=0.02, reply=ReplyFormat.RAW),
            Clients="2,000",
            Connecting="all at once",
            Load="each client waits for its reply, then 20 ms, then sends again",
            Length="3 messages per client",
            Message="Ola mundo da internet! ({client}, {message})",
            Replies="the message itself (raw)",
            Timeout="30 s for connecting, each reply and closing",
        )

    def test_an_open_load(self) -> None:
        """With its unit, and the seed where that matters."""
        self.check(
            Plan(rate=2500.0, duration=600.0, warmup=2.0, pipeline=4, ramp=100.0, barrier=True),
            Connecting="100 connections per second; nothing is sent before all are connected",
            Load="2,500 messages per second at constant intervals; "
            "at most 4 unanswered messages per client",
            Length="10 min, after 2 s of warm-up",
        )
        self.check(
            Plan(rate=0.5, arrivals=Arrivals.POISSON, seed=7),
            Load="0.5 messages per second at random intervals (Poisson arrivals, seed 7); "
            "at most 1 unanswered message per client",
        )

    def test_messages_are_text_and_others_are_told_by_their_bytes(self) -> None:
        """A few of them, and how many more."""
        found = plan_in_words(Plan(messages=(b"a", "\u00e9".encode(), b"\xff\n", *[b"x"] * 5)))
        assert ("Message 1", "a") in found
        assert ("Message 2", "\u00e9") in found
        assert ("Message 3", "\\xff\n") in found
        assert ("More messages", "3") in found

    def test_what_is_seldom_is_said_where_it_is_so(self) -> None:
        """Sources, order, numbers, literal messages."""
        self.check(
            Plan(clients=2, first=10, ordered=True, sources=("::1", "127.0.0.1"), literal=True),
            Clients="2, numbered from 10",
            Connecting="one after the other",
            From="::1, 127.0.0.1",
            Tokens="none: {client} and {message} are sent as they are",
        )
        assert "From" not in dict(plan_in_words(Plan()))

    @given(plans)
    def test_any_plan_can_be_said_in_a_few_lines(self, plan: Plan) -> None:
        """None of them written as Python writes bytes or floats."""
        found = plan_in_words(plan)
        assert len(found) <= 15
        assert all(len(text) < 250 for _, text in found)
        assert len(dict(found)) == len(found)


class TimeTests(TestCase):
    """Times that somebody has chosen, and those at ticks."""

    def test_times_have_the_unit_that_people_would_choose(self) -> None:
        """Without zeros that say nothing."""
        chosen = (0.02, 1.0, 30.0, 60.0, 90.0, 600.0, 3600.0, 7200.0, 86400.0)
        assert [span(each) for each in chosen] == [
            "20 ms", "1 s", "30 s", "60 s", "90 s", "10 min", "60 min", "2 h", "24 h",
        ]  # fmt: skip
        assert [tick(each) for each in (0.0, 2e-6, 0.0005, 0.05, 2.0)] == [
            "0 s", "2 us", "500 us", "50 ms", "2 s",
        ]  # fmt: skip


class CountTests(TestCase):
    """Counts and rates."""

    def test_counts_agree_with_their_nouns(self) -> None:
        """One client, two clients, thousands with separators."""
        assert count(1, "client") == "1 client"
        assert count(0, "client") == "0 clients"
        assert count(1000, "client") == "1,000 clients"

    def test_rates_have_all_their_digits(self) -> None:
        """Low ones three."""
        assert [per_second(rate) for rate in (1998.4, 99.94, 0.5)] == ["1,998/s", "99.9/s", "0.5/s"]
