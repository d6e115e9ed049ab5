"""What timelines mean: who was served at once, who waited, and for how long."""

from dataclasses import replace
from unittest import TestCase

from tests.support.samples import RESET, broken, comparison, outcome, run, staircase, wall
from twistecho.compare.comparison import Run
from twistecho.compare.meaning import Way, meaning, served


def named(made: Run, name: str) -> Run:
    """Give a run another design."""
    return replace(made, design=name)


class ServedTests(TestCase):
    """How the clients of one run were served."""

    def way(self, *waits: float) -> Way:
        """Give the way of a run whose clients waited so long."""
        found = served(run("any", [outcome(n, wait) for n, wait in enumerate(waits)]))
        assert found is not None
        return found.way

    def test_a_staircase_is_one_client_at_a_time(self) -> None:
        """The last waited as many times as long as the first as there are clients."""
        found = served(staircase())
        assert found is not None
        assert (found.way, found.clients, round(found.times)) == (Way.ONE_BY_ONE, 20, 20)

    def test_a_staircase_may_begin_late_and_have_a_gap(self) -> None:
        """As where the server has more to do before its first reply, or nobody asks meanwhile."""
        assert self.way(*(0.4 + n * 0.2 for n in range(20))) is Way.ONE_BY_ONE
        assert self.way(0.202, 0.302, 0.403, 0.503, 0.604, 0.604) is Way.ONE_BY_ONE
        assert self.way(*(0.2 * (n + 1) + (n > 6) for n in range(20))) is Way.ONE_BY_ONE

    def test_a_wall_is_all_at_once(self) -> None:
        """Also where it is not quite even, or all was over before a difference could matter."""
        assert self.way(0.2, 0.2, 0.2) is Way.AT_ONCE
        assert self.way(0.2, 0.25, 0.29) is Way.AT_ONCE
        assert self.way(0.0001, 0.005, 0.009) is Way.AT_ONCE
        assert self.way(0.0, 0.0) is Way.AT_ONCE

    def test_what_is_neither_has_some_wait(self) -> None:
        """Groups, or steps that are much smaller than the first wait."""
        assert self.way(0.2, 0.2, 0.4, 0.4, 0.6, 0.6) is Way.IN_TURN
        assert self.way(*(0.2 + n * 0.02 for n in range(20))) is Way.IN_TURN
        assert self.way(0.0, 0.2) is Way.ONE_BY_ONE

    def test_waiting_begins_when_a_client_does(self) -> None:
        """A client that came later has not waited for longer."""
        late = [replace(outcome(n, 0.2 + n), started=float(n)) for n in range(5)]
        found = served(run("any", late))
        assert found is not None
        assert found.way is Way.AT_ONCE

    def test_only_those_count_that_got_a_reply(self) -> None:
        """One is not enough to compare."""
        failed = [outcome(n, 9.0, cause=RESET) for n in range(1, 9)]
        assert served(run("any", [outcome(0, 0.2), *failed])) is None
        found = served(run("any", [outcome(0, 0.2), outcome(9, 0.4), *failed]))
        assert found is not None
        assert found.clients == 2


class SentenceTests(TestCase):
    """One sentence for all of them."""

    def test_designs_of_the_same_way_stand_together(self) -> None:
        """In the order of the first of each."""
        found = comparison(
            staircase(), wall(), named(staircase(step=0.21), "select"), named(wall(), "twisted")
        )
        assert meaning(found, 20) == (
            "sequential and select served one client at a time: the last of 20 waited 20 times as "
            "long as the first; threaded and twisted served all at once."
        )

    def test_different_waits_are_a_range(self) -> None:
        """Short ones have a decimal."""
        groups = [outcome(n, 0.2 + 0.2 * (n // 10)) for n in range(30)]
        more = [outcome(n, 0.2 + 0.2 * (n // 5)) for n in range(30)]
        one = meaning(comparison(run("forking", groups)), 30)
        assert one == (
            "forking served some clients while others waited: the last of 30 waited 3 times as "
            "long as the first."
        )
        both = meaning(comparison(run("forking", groups), run("other", more)), 30)
        assert "the last of 30 waited 3 to 6 times as long as the first" in both
        short = [outcome(n, 0.2 + 0.16 * (n // 10)) for n in range(20)]
        assert "1.8 times" in meaning(comparison(run("forking", short)), 20)

    def test_clients_without_a_right_answer_are_counted(self) -> None:
        """Of each design that left any."""
        assert meaning(comparison(broken()), 10) == (
            "forking served one client at a time: the last of 2 waited 2 times as long as the "
            "first; forking left 8 of 10 clients without a right answer."
        )
        found = comparison(broken(), named(broken(), "other"), wall(10))
        assert meaning(found, 10).endswith(
            "; forking left 8 of 10 clients without a right answer, other 8."
        )

    def test_where_nobody_was_answered_that_is_all_there_is_to_say(self) -> None:
        """Of any design."""
        lost = run("select", [outcome(n, 1.0, cause=RESET) for n in range(3)])
        assert meaning(comparison(lost), 3) == (
            "select left 3 of 3 clients without a right answer."
        )

    def test_one_client_waits_for_nobody(self) -> None:
        """There is no last one."""
        assert meaning(comparison(wall(1)), 1) == (
            "With one client there is nothing to compare: no client waits for another."
        )
