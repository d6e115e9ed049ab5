"""Timelines as text, with their staircase, wall and causes."""

import re
from unittest import TestCase

from tests.support.samples import broken, comparison, outcome, run, staircase, wall
from twistecho.compare.comparison import Comparison
from twistecho.compare.timeline import (
    ASCII,
    LINES,
    UNICODE,
    Marks,
    Timeline,
    groups,
    letters,
)


def drawn(found: Comparison, *, width: int = 100, marks: Marks = ASCII) -> list[str]:
    """Give the lines without their styles."""
    clients = found.sizes[0]
    lines = Timeline(found, clients, width=width, marks=marks).lines()
    return [line.plain for line in lines]


class TimelineTests(TestCase):
    """What a timeline looks like."""

    def test_one_client_after_another_is_a_staircase(self) -> None:
        """Every line is at least as long as the one above; the last fills the panel."""
        bars = [line[5:] for line in drawn(comparison(staircase()))[2:22]]
        lengths = [len(bar) for bar in bars]
        assert lengths == sorted(lengths)
        assert lengths[-1] == 72
        assert len(set(lengths)) == 20

    def test_all_at_once_is_a_wall(self) -> None:
        """Every line is as long as the others, and short beside a staircase: one scale."""
        lines = drawn(comparison(wall(), staircase()))
        panel = (100 - 5) // 2 - 2
        bars = [line[5 : 5 + panel].rstrip() for line in lines[2:22]]
        assert len(set(bars)) == 1
        assert len(bars[0]) <= panel // 20 + 1

    def test_connecting_and_waiting_look_different(self) -> None:
        """The clients that had to connect again show it."""
        last = drawn(comparison(staircase()))[21]
        assert re.search(r"^  20 \.{18}={54}$", last)

    def test_a_reply_before_the_end_is_seen(self) -> None:
        """Where the server closes late, or more replies follow, the rest of the line differs."""
        slow = comparison(run("select", [outcome(0, 4.0, replied=1.0)]))
        assert re.search(r"=+#+$", drawn(slow)[2])

    def test_a_failure_ends_in_a_letter_that_the_legend_explains(self) -> None:
        """Reset and refused have letters of their own."""
        lines = drawn(comparison(broken()))
        assert [line[-1] for line in lines[4:12]] == ["R"] * 3 + ["F"] * 5
        assert "R receive: reset by peer" in lines
        assert "F connect: refused" in lines

    def test_many_clients_share_lines(self) -> None:
        """The label of a line says up to which client it goes."""
        lines = drawn(comparison(staircase(clients=2000, step=0.01)))
        assert [line[:4] for line in lines[2:5]] == [" 100", " 200", " 300"]
        assert lines[21][:5] == "2,000"[:5]
        lengths = [len(line) for line in lines[2:22]]
        assert lengths == sorted(lengths)

    def test_no_line_is_wider_than_the_terminal(self) -> None:
        """Five designs fit abreast into 80 columns; narrower terminals get more rows."""
        five = comparison(staircase(), wall(), staircase(), wall(), staircase())
        for width, rows in ((200, 1), (80, 1), (40, 3), (20, 5)):
            lines = drawn(five, width=width, marks=UNICODE)
            assert max(map(len, lines)) <= max(width, 24)
            assert sum("sequential" in line for line in lines) == min(rows, 3)

    def test_ascii_terminals_get_ascii(self) -> None:
        """Whatever is drawn, no other character is used."""
        assert "".join(drawn(comparison(staircase(), wall()))).isascii()


class PieceTests(TestCase):
    """What timelines are made of."""

    def test_letters_are_never_given_twice(self) -> None:
        """The same reason in two phases, and many reasons, still get letters of their own."""
        causes = ["connect:timeout", "receive:timeout", "send:timeout", "receive:enobufs"]
        given = letters(causes)
        assert given["connect:timeout"] == "T"
        assert len(set(given.values())) == len(causes)

    def test_groups_hold_every_client_once(self) -> None:
        """No client is lost or shown twice, whatever the numbers."""
        for clients in (0, 1, 19, 20, 21, 99, 1000):
            outcomes = [outcome(n, 1.0) for n in range(clients)]
            cut = groups(outcomes)
            assert [o for group in cut for o in group] == outcomes
            assert len(cut) <= LINES
            assert all(cut)
