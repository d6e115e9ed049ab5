"""Other programs on the reactors: options, results, and that servers answer and end.

Nothing is measured here.
"""

import json
import ssl
import subprocess
import sys
import unittest
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import replace
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import Mock, patch

import psutil

from bench.pairs import Pair
from bench.peers.tls_client import Client
from bench.programs import Programs
from bench.reactors import rounds, table
from bench.reactors.__main__ import main
from bench.reactors.cases import CASES, Case, chosen
from tests.support.certificates import write_certificate

_WEB, _AMP, _LINES, _TLS = CASES


class CaseTests(unittest.TestCase):
    """The cases."""

    def test_a_right_reply_is_whole(self) -> None:
        """Other bytes are not a reply."""
        page = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
        for reply, right in (
            (page, True),
            (page[:-1], False),
            (page + b"x", False),
            (page.replace(b"200 OK", b"404 Not Found"), False),
        ):
            with self.subTest(reply=reply):
                assert bool(_WEB.reply.fullmatch(reply)) == right

    def test_all_are_chosen_where_nothing_is_said(self) -> None:
        """Otherwise the named ones, in their order."""
        assert chosen(()) == CASES
        assert chosen(["t*", "web"]) == (_WEB, _TLS)

    def test_wrong_options_are_named(self) -> None:
        """In one line, before anything starts."""
        for argument, said in (
            ("--rounds=2", "--rounds must be at least 3"),
            ("--only=wbe", "--only: no case is named 'wbe'; they are web, amp, lines, tls"),
        ):
            with (
                self.subTest(argument=argument),
                redirect_stderr(StringIO()) as errors,
                self.assertRaises(SystemExit) as ended,
            ):
                main([argument])
            assert ended.exception.code == 2
            assert said in errors.getvalue().splitlines()[-1]


class RoundTests(unittest.TestCase):
    """The order of turns."""

    def setUp(self) -> None:
        """No reactor has had a turn."""
        self.told = ""

    @contextmanager
    def _at_work(
        self, _programs: Programs, _case: Case, reactor: str, _certificate: rounds.Certificate
    ) -> Iterator[Callable[[], float]]:
        def turn() -> float:
            self.told += reactor[:2]
            return {"epoll": 6.0, "eager": 4.0, "uvloop": 5.0}[reactor]

        yield turn

    def test_each_reactor_alternates_with_epoll(self) -> None:
        """The first of a pair changes from round to round; two pairs per round."""
        with patch.object(rounds, "at_work", self._at_work):
            found = rounds.measure([_AMP], ["eager", "uvloop"], 2)
        assert self.told == "eaepepea" + "uvepepuv" + "epeaeaep" + "epuvuvep"
        assert found == {"amp": {"eager": [Pair(4.0, 6.0)] * 4, "uvloop": [Pair(5.0, 6.0)] * 4}}


def _found(eager: list[float], uvloop: list[float] | None = None) -> rounds.Found:
    """Make results in which epoll costs 10 and the others have these ratios."""
    both = {"eager": eager, "uvloop": uvloop or [1.0] * 6}
    pairs = {name: [Pair(10.0 / each, 10.0) for each in both[name]] for name in both}
    return {"web": pairs, "amp": pairs}


_HIGHER = [1.1, 1.2, 1.25, 1.25, 1.3, 1.4]
_LOWER = [0.7, 0.8, 0.8, 0.8, 0.9, 0.99]


class TableTests(unittest.TestCase):
    """The table of results."""

    def test_the_ratio_is_epolls_cost_over_the_reactors_own(self) -> None:
        """Above 1 it is cheaper than epoll, which has a row of its own."""
        epoll, eager, _ = table.rows(_WEB, _found(_HIGHER))
        assert (epoll.reactor, epoll.cost, epoll.ratio) == ("epoll", 10.0, None)
        assert (eager.reactor, eager.cost, eager.ratio) == ("eager", 8.0, 1.25)
        assert (eager.low, eager.high, eager.mark) == (1.1, 1.4, "")

    def test_below_is_what_is_so_with_its_whole_interval(self) -> None:
        """One pair above leaves it open."""
        for ratios, mark in ((_LOWER, "below epoll"), ([*_LOWER[:5], 1.01], "")):
            with self.subTest(ratios=ratios):
                _, eager, _ = table.rows(_WEB, _found(ratios))
                assert eager.mark == mark
                assert table.is_below(_WEB, _found(ratios)) == bool(mark)

    def test_other_reactors_may_be_below(self) -> None:
        """They are marked, but do not change the exit code."""
        found = _found(_HIGHER, _LOWER)
        assert [row.mark for row in table.rows(_WEB, found)] == ["", "", "below epoll"]
        assert not table.is_below(_WEB, found)

    def test_lines(self) -> None:
        """A head per case, then its reactors; without spaces at the ends of lines."""
        lines = list(table.lines([_WEB, _AMP], _found(_HIGHER, _LOWER)))
        assert lines == [line.rstrip() for line in lines]
        assert [" ".join(line.split()) for line in lines[2:8]] == [
            "",
            f"web: {_WEB.title}",
            "us ratio interval",
            "epoll 10.00",
            "eager 8.00 1.25 1.10 to 1.40",
            "uvloop 12.50 0.80 0.70 to 0.99 below epoll",
        ]
        assert len(lines) == 2 + 2 * 6

    def test_json_has_all_turns(self) -> None:
        """Of a reactor, with epoll's beside them."""
        figures = json.loads(json.dumps(table.to_json([_WEB], _found([2.0] * 6))))
        assert [each["reactor"] for each in figures] == ["epoll", "eager", "uvloop"]
        assert figures[1]["samples"] == {"eager": [5.0] * 6, "epoll": [10.0] * 6}


class ExitTests(unittest.TestCase):
    """The exit code of the command."""

    def _ended(self, ratios: list[float], *arguments: str) -> int:
        measured = Mock(return_value=_found(ratios))
        with patch("bench.reactors.__main__.measure", measured), patch("builtins.print"):
            return main(["--only=web", *arguments])

    def test_one_where_a_case_is_below_epoll(self) -> None:
        """Else 0."""
        assert self._ended(_LOWER) == 1
        assert self._ended(_HIGHER) == 0

    def test_figures_are_written(self) -> None:
        """Of the chosen case."""
        with TemporaryDirectory() as folder:
            file = Path(folder, "figures.json")
            self._ended(_HIGHER, f"--json={file}")
            assert {each["case"] for each in json.loads(file.read_text())} == {"web"}


class TLSClientTests(unittest.TestCase):
    """The replies that the load over TLS accepts."""

    def _takes(self, *came: bytes | Exception) -> list[bool]:
        connection = Mock(send=len, recv=Mock(side_effect=came))
        client = Client(connection, b"abc")
        client.ask()
        return [client.take() for _ in came]

    def test_a_reply_may_come_in_parts(self) -> None:
        """Also after other records of TLS."""
        assert self._takes(ssl.SSLWantReadError(), b"a", b"bc") == [False, False, True]

    def test_anything_else_ends_it(self) -> None:
        """Wrong bytes, too many, and the end of the connection."""
        for came in (b"abd", b"abca", b""):
            with self.subTest(came=came), self.assertRaises(AssertionError):
                self._takes(came)


_KIND = """
from twisted.internet import reactor
loop = getattr(reactor, "_asyncioEventloop", None)
over = f" over {type(loop).__module__}.{type(loop).__name__}" if loop else ""
print(type(reactor).__name__ + over)
"""


class ProcessTests(unittest.TestCase):
    """The servers themselves."""

    def setUp(self) -> None:
        """Compile on demand, into a temporary folder."""
        folder = self.enterContext(TemporaryDirectory())
        self._programs = Programs(Path(folder))
        self._certificate = rounds.Certificate(*write_certificate(folder))

    def test_all_answer_and_end(self) -> None:
        """The load takes only right replies; nothing is left of server and load."""
        before = set(psutil.Process().children())
        for case in CASES:
            with self.subTest(case=case.name):
                with rounds.at_work(self._programs, case, "eager", self._certificate) as turn:
                    assert turn() > 0
                    assert len(set(psutil.Process().children()) - before) == 2
                assert set(psutil.Process().children()) == before

    def test_a_wrong_reply_is_an_error(self) -> None:
        """The error shows the received bytes, and the server ends."""
        before = set(psutil.Process().children())
        case = replace(_WEB, request=b"nonsense\r\n\r\n")
        with (
            self.assertRaisesRegex(RuntimeError, "web: no right reply, but b'HTTP/1.1 400"),
            rounds.at_work(self._programs, case, "eager", self._certificate),
        ):
            self.fail("it was taken for a right one")
        assert set(psutil.Process().children()) == before

    def test_each_name_installs_its_reactor(self) -> None:
        """Otherwise the table would mean nothing."""
        kinds = {"epoll": "EPollReactor", "eager": "EagerReactor"}
        if find_spec("uvloop"):
            kinds["uvloop"] = "AsyncioSelectorReactor over uvloop.Loop"
        for name, kind in kinds.items():
            with self.subTest(name=name):
                program = (
                    f"from bench.peers.reactors import REACTORS; REACTORS[{name!r}]()\n{_KIND}"
                )
                said = subprocess.check_output([sys.executable, "-c", program], text=True)
                assert said.strip() == kind
