"""The modes: how they are chosen, the order of their turns, and the table of results."""

import json
import unittest
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from bench.__main__ import _options
from bench.modes import rounds, table
from bench.modes.catalogue import (
    MESSAGE,
    PARTS,
    SIZE,
    Fleet,
    Least,
    Mode,
    Part,
    Service,
    Work,
    chosen,
)
from bench.pairs import Pair
from bench.programs import Programs
from twistecho import Plan, ReplyFormat
from twistecho.base.reply_formats import REPLY_WRITERS
from twistecho.service.process.options import Options

_FIRST = Mode("plain", "as it comes", Service())
_OTHER = Mode("dear", "with everything", Service(("--in-band",)), goal=1.2)
_NO_GOAL = Mode("odd", "of which nothing is asked", Service(("--in-band",)))
_PARTS = (Part("part", (_FIRST, _OTHER, _NO_GOAL)),)


def _rows(found: table.Table) -> dict[str, table.Row]:
    return {row.name: row for _, rows in found for row in rows}


class CatalogueTests(unittest.TestCase):
    """The catalogue of modes."""

    def test_names_differ(self) -> None:
        """They choose rows, and are the keys of the results."""
        names = [mode.name for part in PARTS for mode in part.modes]
        assert len(set(names)) == len(names)

    def test_the_first_of_a_part_has_no_goal(self) -> None:
        """The others are compared with it."""
        assert [part.modes[0].goal for part in PARTS] == [None] * len(PARTS)

    def test_the_service_takes_the_options(self) -> None:
        """It writes replies of the length for which the load waits."""
        for mode in (mode for part in PARTS for mode in part.modes):
            if isinstance(mode.work, Service):
                with self.subTest(mode=mode.name):
                    options = Options()
                    options.parseOptions([*mode.work.options, "--port=0"])
                    message = mode.work.text.ljust(SIZE, "x").encode()
                    write = REPLY_WRITERS[ReplyFormat(options["reply"])]
                    reply = write(message, "Sat Jul 22 18:43:57 2017")
                    assert len(reply) == SIZE + mode.work.longer

    def test_fleets_have_plans(self) -> None:
        """With the requested duration."""
        for mode in (mode for part in PARTS for mode in part.modes):
            if isinstance(mode.work, Fleet):
                with self.subTest(mode=mode.name):
                    fields = {"reply": "raw", **mode.work.fields, "duration": 0.5}
                    fields["messages"] = tuple(text.encode() for text in fields["messages"])
                    assert Plan(**fields).ends == 0.5

    def test_messages_of_fleets_need_no_escapes(self) -> None:
        """The C server writes stamped replies only of plain text."""
        assert repr(MESSAGE.encode()) == f"b'{MESSAGE}'"


class ChoiceTests(unittest.TestCase):
    """``--only NAME``."""

    def test_all_are_chosen_where_nothing_is_said(self) -> None:
        """In their parts."""
        assert chosen(()) == PARTS

    def test_the_first_of_its_part_comes_along(self) -> None:
        """No other mode, and no other part."""
        (part,) = chosen(["fleet-open-30k"])
        assert [mode.name for mode in part.modes] == ["fleet-raw", "fleet-open-30k"]

    def test_beside_another_version_it_stays_away(self) -> None:
        """Each mode is compared with itself there."""
        (part,) = chosen(["fleet-open-30k"], with_first=False)
        assert [mode.name for mode in part.modes] == ["fleet-open-30k"]

    def test_patterns_choose_several_in_their_order(self) -> None:
        """Each once, whatever the order of the patterns."""
        names = [mode.name for part in chosen(["threads-*", "raw", "*-raw"]) for mode in part.modes]
        assert names == [
            *("raw", "fleet-raw", "fleet-auto-raw"),
            *("least-threads", "threads-raw", "threads-stamped"),
        ]

    def test_a_name_of_nothing_is_refused(self) -> None:
        """With the known names."""
        with self.assertRaisesRegex(ValueError, "no mode is named 'rwa'; they are raw, prefixed"):
            chosen(["raw", "rwa"])


class RoundTests(unittest.TestCase):
    """The order of turns, and their results."""

    def setUp(self) -> None:
        """No mode has had a turn, and none fails."""
        self.told: list[tuple[str, str]] = []
        self.failing: set[str] = set()

    @contextmanager
    def _at_work(self, programs: Programs, work: Work) -> Iterator[Callable[[], float]]:
        side = programs.place.name if programs.place else ""
        name = next(mode.name for mode in _PARTS[0].modes if mode.work is work)
        if side in self.failing:
            raise RuntimeError(f"{side} failed")

        def turn() -> float:
            self.told.append((side, name))
            return {"plain": 2.0, "dear": 3.0, "odd": 4.0}[name] * (2 if side == "old" else 1)

        yield turn

    def _beside_first(self, count: int) -> rounds.Found:
        with patch.object(rounds, "at_work", self._at_work):
            return rounds.beside_first(Programs(Path()), _PARTS, count)

    def _beside_old(self, *modes: Mode) -> rounds.Found:
        sides: Mapping[str, Programs] = {
            side: Programs(Path(), place=Path(side)) for side in ("old", "new")
        }
        with patch.object(rounds, "at_work", self._at_work):
            return rounds.beside_old(sides, [Part("part", modes)], 3)

    def test_each_mode_alternates_with_the_first(self) -> None:
        """The first of a pair changes from round to round."""
        self._beside_first(2)
        turns = [name[0] for _, name in self.told]
        assert "".join(turns) == "pddp" + "poop" + "dppd" + "oppo"

    def test_the_first_is_what_others_are_compared_with(self) -> None:
        """In either order; two pairs per round."""
        assert self._beside_first(3) == {
            "dear": [Pair(old=2.0, new=3.0)] * 6,
            "odd": [Pair(old=2.0, new=4.0)] * 6,
        }

    def test_both_versions_alternate(self) -> None:
        """In each mode."""
        assert self._beside_old(_FIRST) == {"plain": [Pair(old=4.0, new=2.0)] * 6}
        sides = "".join(side[0] for side, _ in self.told)
        assert sides == "onno" + "noon" + "onno"

    def test_what_the_old_version_cannot_do_has_no_pairs(self) -> None:
        """It is a mode of newer versions."""
        self.failing = {"old"}
        assert self._beside_old(_FIRST, _OTHER) == {"plain": [], "dear": []}

    def test_what_the_new_version_cannot_do_is_an_error(self) -> None:
        """Nothing is left to be compared."""
        self.failing = {"new"}
        with self.assertRaisesRegex(RuntimeError, "new failed"):
            self._beside_old(_FIRST)

    def test_other_clients_have_no_versions(self) -> None:
        """The least client is not ours."""
        assert self._beside_old(Mode("least", "not ours", Least("threads client"))) == {}

    def test_the_fewest_rounds_make_an_interval(self) -> None:
        """One less would not."""
        found = table.beside_first(_PARTS, self._beside_first(rounds.FEWEST_ROUNDS))
        assert _rows(found)["dear"].low == 1.5
        with self.assertRaisesRegex(ValueError, "at least"):
            table.beside_first(_PARTS, self._beside_first(rounds.FEWEST_ROUNDS - 1))


def _found(*ratios: float) -> rounds.Found:
    return {"dear": [Pair(10.0, 10.0 * ratio) for ratio in ratios], "odd": [Pair(10.0, 99.0)] * 6}


class TableTests(unittest.TestCase):
    """The table of results."""

    def test_a_goal_is_reached_by_the_median(self) -> None:
        """Even at the goal itself."""
        reached = table.beside_first(_PARTS, _found(1.0, 1.1, 1.25, 1.25, 1.3, 1.15))
        assert _rows(reached)["dear"].mark == "reached"
        short = table.beside_first(_PARTS, _found(1.0, 1.1, 1.25, 1.25, 1.3, 1.2))
        assert _rows(short)["dear"].mark == "short"

    def test_where_nothing_is_asked_nothing_is_reached(self) -> None:
        """At any cost."""
        assert _rows(table.beside_first(_PARTS, _found(*[1.0] * 6)))["odd"].mark == ""

    def test_the_first_costs_what_it_cost_beside_all_others(self) -> None:
        """The median of all its turns; it has no ratio."""
        found = _found(*[1.0] * 6)
        found["odd"] = [Pair(20.0, 20.0)] * 8
        first = _rows(table.beside_first(_PARTS, found))["plain"]
        assert (first.new, first.ratio, first.mark) == (20.0, None, "")

    def test_slower_is_what_is_so_with_its_whole_interval(self) -> None:
        """More than 5 %: one pair below that leaves it open."""
        for ratios, mark in (
            ((1.06, 1.07, 1.08, 1.09, 1.10, 1.2), "slower"),
            ((1.04, 1.07, 1.08, 1.09, 1.10, 1.2), ""),
            ((0.5,) * 6, ""),
        ):
            with self.subTest(ratios=ratios):
                found = table.beside_old(_PARTS, _found(*ratios) | {"odd": [Pair(1.0, 1.0)] * 6})
                assert _rows(found)["dear"].mark == mark
                assert table.slower(found) == (["dear"] if mark else [])

    def test_modes_without_pairs_are_new(self) -> None:
        """Which is no defect."""
        found = table.beside_old(_PARTS, {"dear": []})
        assert [(row.name, row.mark) for row in _rows(found).values()] == [("dear", "not in old")]
        assert table.slower(found) == []

    def test_lines_beside_the_first(self) -> None:
        """A head per part, then its modes; without spaces at the ends of lines."""
        found = table.beside_first(_PARTS, _found(1.0, 1.1, 1.1, 1.1, 1.1, 1.3))
        lines = list(table.lines(found))
        assert lines == [line.rstrip() for line in lines]
        assert [" ".join(line.split()) for line in lines[1:]] == [
            "",
            "part us ratio interval goal",
            "plain as it comes 10.00",
            "dear with everything 11.00 1.10 1.00 to 1.30 1.20 reached",
            "odd of which nothing is asked 99.00 9.90 9.90 to 9.90",
        ]

    def test_lines_beside_an_older_version(self) -> None:
        """Both costs, no goals, and the slower modes."""
        lines = list(table.lines(table.beside_old(_PARTS, _found(*[2.0] * 6)), "abc"))
        assert lines[0].startswith("new over old, abc: ")
        assert lines[2].split() == ["part", "old", "us", "new", "us", "ratio", "interval"]
        assert lines[3].split()[3:] == ["10.00", "20.00", "2.00", "2.00", "to", "2.00", "slower"]

    def test_columns_stand_below_their_heads(self) -> None:
        """With the longest names and titles of all."""
        found = {mode.name: [Pair(100.0, 200.0)] * 6 for part in PARTS for mode in part.modes[1:]}
        head = ""
        for line in list(table.lines(table.beside_first(PARTS, found)))[2:]:
            if line.startswith("  "):
                assert line.index("00.00") + len("00.00") == head.index(" us ") + len(" us"), line
            elif line:
                head = line

    def test_json_has_all_turns(self) -> None:
        """By side."""
        pairs = _found(*[1.5] * 6)
        figures = json.loads(json.dumps(table.to_json(table.beside_first(_PARTS, pairs), pairs)))
        dear = next(each for each in figures if each["name"] == "dear")
        assert (dear["part"], dear["ratio"], dear["goal"], dear["mark"]) == (
            *("part", 1.5, 1.2, "short"),
        )
        assert dear["samples"] == {"old": [10.0] * 6, "new": [15.0] * 6}


class OptionTests(unittest.TestCase):
    """The options of the command."""

    def _refused(self, *arguments: str) -> str:
        with (
            patch("sys.argv", ["bench", *arguments]),
            patch("sys.stderr") as errors,
            self.assertRaises(SystemExit) as ended,
        ):
            _options()
        assert ended.exception.code == 2
        return str(errors.write.call_args_list[-1].args[0])

    def test_wrong_options_are_named(self) -> None:
        """In one line."""
        for arguments, said in (
            (("--modes", "--rounds=2"), "--rounds must be at least 3"),
            (("--modes", "--case=echo-50"), "--modes has no --case"),
            (("--modes", "--against=x", "--pairs=20"), "--modes has no --pairs"),
            (("--modes", "--only=rwa"), "--only: no mode is named 'rwa'"),
            (("--only=raw",), "--only chooses modes: it needs --modes"),
        ):
            with self.subTest(arguments=arguments):
                assert said in self._refused(*arguments)

    def test_each_kind_has_its_own_number_of_rounds(self) -> None:
        """Unless it is requested."""
        for arguments, count in (
            ([], 5),
            (["--modes"], 6),
            (["--modes", "--rounds=9"], 9),
            (["--rounds=1"], 1),
        ):
            with self.subTest(arguments=arguments), patch("sys.argv", ["bench", *arguments]):
                assert _options().rounds == count
