"""A test's operations on a server, in memory: changes, blocks, and precedence."""

from typing import Any
from unittest import TestCase

from twisted.internet.testing import MemoryReactorClock

from tests.support.pipes import Pipe, connect
from twistecho import On, Scenario
from twistecho.base.notation import FieldError
from twistecho.service.echo.protocol import EchoProtocol
from twistecho.service.scenario.delay import Constant
from twistecho.service.scenario.parsing import parse_fault
from twistecho.testing.in_process import EchoListener
from twistecho.testing.verbs import preferred


def texts(*new: str, old: tuple[str, ...] = ()) -> list[str]:
    """Return the texts of faults, new before old."""
    return [fault.text for fault in preferred(new, old)]


class PreferredTests(TestCase):
    """The faults in force after another one was added."""

    def test_the_newest_comes_first_and_older_ones_stay(self) -> None:
        """Unless they could no longer apply."""
        assert texts("reset:0.1", old=("close:0.2", "silent:0.7")) == [
            "reset:0.1", "close:0.2", "silent:0.7",
        ]  # fmt: skip
        assert texts("reset", old=("close:0.2", "refuse:0.5")) == ["reset", "refuse:0.5"]
        assert texts("reset,limit=2", old=("silent",)) == ["reset,limit=2", "silent"]
        assert texts("refuse", old=("silent", "reset:0.1")) == ["refuse"]

    def test_new_ones_that_contradict_each_other_are_refused(self) -> None:
        """An invalid fault too, by its place."""
        with self.assertRaisesRegex(FieldError, "^faults: reset, close: the probabilities add up"):
            preferred(["reset", "close"], [])
        with self.assertRaisesRegex(FieldError, r"^faults\[1\]: 'zap' is not one of"):
            preferred(["reset", "zap"], [])
        not_one: Any = 7
        with self.assertRaisesRegex(FieldError, r"^faults\[0\]: not a fault: int"):
            preferred([not_one], [])


class VerbsCase(TestCase):
    """A listener on a reactor in memory."""

    def setUp(self) -> None:
        """Listen."""
        self.reactor: Any = MemoryReactorClock()
        self.server = EchoListener(self.reactor)

    def connect(self) -> tuple[EchoProtocol, Pipe]:
        """Connect to it."""
        return connect(self.server.factory)

    def ask(self, peer: tuple[EchoProtocol, Pipe], message: bytes) -> bytes:
        """Send a message; return the bytes received at once."""
        protocol, pipe = peer
        protocol.dataReceived(message)
        self.reactor.advance(0)
        came = pipe.value()
        pipe.clear()
        return bytes(came)

    def faults(self) -> list[str]:
        """Return the texts of the faults in force."""
        return [fault.text for fault in self.server.scenario.faults.faults]


class ChangeTests(VerbsCase):
    """Changes hold until the end of their block, or a reset."""

    def test_blocks_nest(self) -> None:
        """Each restores the values from before it."""
        with self.server.fault("reset:0.5"):
            with self.server.fault("corrupt", every=2), self.server.delay("20ms"):
                assert self.faults() == ["corrupt,every=2", "reset:0.5"]
                assert self.server.scenario.delay == Constant(0.02)
            assert self.faults() == ["reset:0.5"]
            assert self.server.scenario.delay == Constant(0.0)
        assert self.faults() == []

    def test_a_call_alone_holds_until_reset(self) -> None:
        """Of any verb."""
        self.server.fault("silent")
        self.server.delay(2, per="connection")
        self.server.on("^a", "b", limit=3)
        self.server.set(banner="hi", in_band=True)
        scenario = self.server.scenario
        assert self.faults() == ["silent"]
        assert (str(scenario.delay_per), scenario.on) == ("connection", (On("^a", "b", limit=3),))
        assert (scenario.banner, scenario.in_band) == (b"hi", True)
        self.server.reset()
        assert self.server.scenario == Scenario(reply="raw", seed=0)

    def test_a_fault_set_aside_comes_back(self) -> None:
        """At the end of the block of the fault that replaced it."""
        with self.server.fault("reset"):
            with self.server.fault("silent"):
                assert self.faults() == ["silent"]
            assert self.faults() == ["reset"]

    def test_a_block_ends_with_an_error_too(self) -> None:
        """Which goes on."""
        with self.assertRaises(ZeroDivisionError), self.server.fault("reset"):
            raise ZeroDivisionError
        assert self.faults() == []

    def test_what_changed_in_a_block_is_as_before_it(self) -> None:
        """Whatever has changed it; all other fields stay."""
        with self.server.fault("reset"):
            self.server.set(faults="close", banner="hi")
        assert self.faults() == []
        assert self.server.scenario.banner == b"hi"

    def test_a_block_in_which_all_was_reset_changes_nothing_any_more(self) -> None:
        """The values from before were reset too."""
        self.server.fault("silent")
        with self.server.fault("reset:0.5,limit=1"):
            self.server.reset()
        assert self.faults() == []

    def test_the_newest_answer_comes_first(self) -> None:
        """For open connections as well, at once."""
        peer = self.connect()
        with self.server.on(b"x", b"1"):
            assert self.ask(peer, b"x") == b"1"
            with self.server.on(b"^x$", [b"2", b"3"]):
                assert [self.ask(peer, b"x") for _ in range(3)] == [b"2", b"3", b"2"]
            assert self.ask(peer, b"x") == b"1"
        assert self.ask(peer, b"x") == b"x"

    def test_the_limit_of_a_fault_counts_from_when_it_was_set(self) -> None:
        """Over all connections; a fault that stays in force continues its count."""
        peer = self.connect()
        self.server.fault("silent", limit=2)
        assert self.ask(peer, b"a") == b""
        with self.server.fault("corrupt:0.5", after=100):
            assert self.ask(self.connect(), b"b") == b""
        assert self.ask(peer, b"c") == b"c"
        with self.server.fault("silent", limit=1):
            assert self.ask(peer, b"d") == b""
            assert self.ask(peer, b"e") == b"e"
        with self.server.fault("silent", limit=1):
            assert self.ask(peer, b"f") == b""

    def test_none_is_as_by_default(self) -> None:
        """Of every field."""
        self.server.set(banner="hi", banner_fault="silent", faults="reset")
        nothing: dict[str, Any] = {"banner_fault": None, "faults": None}
        self.server.set(**nothing)
        assert self.server.scenario.banner_fault is None
        assert self.faults() == []
        assert self.server.scenario.banner == b"hi"

    def test_what_cannot_be_changes_nothing(self) -> None:
        """Misspelt names and wrong values."""
        wrong: list[tuple[dict[str, Any], str]] = [
            ({"bannner": b"x"}, r"set\(\) has no option 'bannner': did you mean banner\?"),
            ({"banner": b"x", "delay": "soon"}, "^delay: 'soon' is not a number of seconds"),
            ({"faults": ["reset", "zap"]}, r"^faults\[1\]: 'zap'"),
            ({"faults": "late"}, "^faults: late: needs a delay"),
        ]
        for fields, problem in wrong:
            with self.subTest(fields=fields):
                with self.assertRaisesRegex((TypeError, FieldError), problem):
                    self.server.set(**fields)
                assert self.server.scenario == Scenario(reply="raw", seed=0)
        with self.assertRaisesRegex(FieldError, "^match: "):
            self.server.on("(")
        with self.assertRaisesRegex(FieldError, "^delay: "):
            self.server.delay("x")

    def test_objects_are_taken_as_they_are(self) -> None:
        """Also custom ones, which have no text."""

        class Own:
            longest = 1.0

            def seconds(self, connection: int, message: int) -> float:
                return float(connection + message)

        own = Own()
        with self.server.delay(own):
            assert self.server.scenario.delay is own
            self.server.fault(parse_fault("reset"))
        self.server.reset()
        self.server.scenario = Scenario(delay=own)
        assert self.server.scenario.delay is own


class InProcessTests(VerbsCase):
    """Features that only the listener has."""

    def test_what_was_received(self) -> None:
        """Counted from the last reset on."""
        peers = [self.connect(), self.connect()]
        for at, message in ((1, b"a"), (0, b"b"), (1, b"c")):
            self.ask(peers[at], message)
        assert self.server.received == [b"a", b"b", b"c"]
        assert self.server.data(1) == b"ac"
        self.server.assert_received(b"b", times=1)
        assert (self.server.connections, self.server.open_connections) == (2, 2)
        self.server.reset()
        assert (self.server.received, self.server.connections) == ([], 0)
        self.ask(self.connect(), b"d")
        assert [each.connection for each in self.server.received] == [0]

    def test_faults_and_words_are_counted_from_the_last_reset(self) -> None:
        """By kind."""
        self.server.set(faults="silent", in_band=True)
        self.ask(self.connect(), b"x")
        self.ask(self.connect(), b"!none")
        assert self.server.faults_met == {"silent": 1}
        assert self.server.control_words == {"obeyed": 1}
        self.server.reset()
        assert (self.server.faults_met, self.server.control_words) == ({}, {})
        self.server.fault("silent")
        self.ask(self.connect(), b"x")
        assert self.server.faults_met == {"silent": 1}

    def test_waiting_for_messages(self) -> None:
        """It fires with them, or reports the received ones after the timeout."""
        waiting = self.server.wait_for(2, timeout=3)
        peer = self.connect()
        self.ask(peer, b"a")
        self.assertNoResult(waiting)
        self.ask(peer, b"b")
        assert self.result_of(waiting) == [b"a", b"b"]
        late = self.server.wait_for(3, timeout=3)
        self.reactor.advance(4)
        failed = self.result_of(late)
        assert failed.check(TimeoutError)
        assert str(failed.value).splitlines() == [
            "2 of 3 messages arrived within 3 s:",
            "  connection 0, message 0: b'a'",
            "  connection 0, message 1: b'b'",
        ]

    def assertNoResult(self, deferred: Any) -> None:
        """Check that a Deferred has not fired."""
        assert not deferred.called

    def result_of(self, deferred: Any) -> Any:
        """Return the result of a Deferred."""
        results: list[Any] = []
        deferred.addBoth(results.append)
        [result] = results
        return result

    def test_a_misspelt_option_is_named(self) -> None:
        """At once."""
        misspelt: Any = {"dealy": 1}
        with self.assertRaisesRegex(TypeError, r"echo_in_process\(\) has no option 'dealy'"):
            EchoListener(self.reactor, **misspelt)

    def test_a_report_names_it_and_what_it_received(self) -> None:
        """In lines."""
        self.ask(self.connect(), b"a")
        first, second = self.server.describe_received()
        assert first == f"127.0.0.1:{self.server.port}, raw replies, no delay"
        assert second == "connection 0, message 0: b'a'"
