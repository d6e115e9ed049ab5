"""Messages that are cut out of the stream, banners and answers, in memory."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.support.clocks import ShufflingClock
from tests.support.damage import pieces
from tests.support.pipes import SMALL, Pipe, connect
from twistecho import EchoFactory, Limits
from twistecho.service.echo.limits import GUARANTEED, MESSAGE_COST
from twistecho.service.echo.protocol import MESSAGES_AT_ONCE, EchoProtocol
from twistecho.service.scenario.answers import On
from twistecho.service.scenario.scenario import Scenario

LINES = [b"a\n", b"\n", b"!delay 1 b\n", b"QUIT\n", b"!reset c\n", b"d" * 100 + b"\n"]

TIGHT = Limits(waiting_bytes=20_000, waiting_messages=3)


def lose(protocol: EchoProtocol) -> None:
    """Have the connection end."""
    protocol.connectionLost(Failure(ConnectionDone()))


class HoweverCutTests(SynchronousTestCase):
    """The same, however TCP cut the bytes."""

    @settings(max_examples=100, deadline=None)
    @given(
        st.lists(st.sampled_from(LINES), max_size=12).map(b"".join),
        st.sampled_from(["raw", "prefixed"]),
        st.sampled_from([SMALL, TIGHT]),
        st.data(),
    )
    def test_the_replies_and_all_counts(
        self, stream: bytes, reply: str, limits: Limits, data: st.DataObject
    ) -> None:
        """With faults, in-band words and answers, and where hardly anything may wait."""
        scenario = Scenario(
            framing="line",
            reply=reply,
            delay="uniform:0,1",
            faults=["corrupt:0.3", "silent:0.2", "extra:0.2"],
            on=[On("^QUIT", ["bye\n", "gone\n"], limit=3)],
            in_band=True,
            seed=5,
        )
        whole = self.done(scenario, limits, [stream])
        assert self.done(scenario, limits, data.draw(pieces(stream))) == whole

    def done(self, scenario: Scenario, limits: Limits, cut: list[bytes]) -> tuple[object, ...]:
        """Have a service read these pieces, while it reads; tell what became of them."""
        clock = ShufflingClock(1)
        factory = EchoFactory(clock, scenario=scenario, limits=limits)
        protocol, pipe = connect(factory)
        for piece in cut:
            while pipe.producerState != "producing" and not pipe.aborted:
                clock.advance(0.5)
            protocol.dataReceived(piece)
        for _ in range(100):
            clock.advance(0.5)
        budget = factory.connections.budget
        assert (budget.used, bool(budget)) == (protocol._unfinished, False)
        found = pipe.value(), pipe.aborted, factory.faults_met, factory.control_words
        lose(protocol)
        assert (budget.used, len(factory.connections.timers)) == (0, 0)
        return found

    def test_a_fault_applies_to_the_whole_message(self) -> None:
        """Also where that came in several reads; of a length the reply has its own."""
        for framing, cut, sent in (
            ("line", [b"abc", b"def\n"], b"abcd"),
            ("length:1", [b"\x06ab", b"cdef"], b"\x06abc"),
        ):
            protocol, pipe = connect(
                EchoFactory(Clock(), framing=framing, reply="raw", faults="truncate,bytes=3")
            )
            for piece in cut:
                protocol.dataReceived(piece)
            assert pipe.value() == sent

    def test_patterns_and_formats_see_what_a_length_is_of(self) -> None:
        """And every reply has its length, an answer's and the banner's too."""
        factory = EchoFactory(
            Clock(), framing="length:2", reply="prefixed", banner="hi", on=[On("^b$", r"<\0>")]
        )
        protocol, pipe = connect(factory)
        protocol.dataReceived(b"\0\x01a\0\x01b\0\0")
        assert pipe.value() == b"\0\x02hi\0\x0dResposta => a\0\x03<b>\0\x0cResposta => "

    def test_what_is_longer_than_1024_bytes_is_one_message(self) -> None:
        """It is answered as a whole."""
        protocol, pipe = connect(EchoFactory(Clock(), framing="line", reply="prefixed"))
        line = b"x" * 5000 + b"\n"
        protocol.dataReceived(line)
        assert pipe.value() == b"Resposta => " + line


class UnfinishedTests(SynchronousTestCase):
    """Messages that have not come to their end."""

    def test_a_message_that_is_too_long_ends_the_connection(self) -> None:
        """After the replies to those before it; counted, and logged without a traceback."""
        clock = Clock()
        limits = Limits(message_size=10)
        factory = EchoFactory(clock, framing="line", reply="raw", delay=1, limits=limits)
        protocol, pipe = connect(factory)
        protocol.dataReceived(b"a\nb\n" + b"x" * 10)
        assert (pipe.producerState, factory.counts.dropped) == ("paused", {"message-too-long": 1})
        protocol.dataReceived(b"more\n")
        assert factory.counts.messages == 2
        clock.advance(1)
        assert (pipe.value(), pipe.aborted) == (b"a\nb\n", True)
        lose(protocol)
        assert factory.connections.budget.used == 0
        assert factory.counts.lateness.count == 2  # what ends it is no reply

    def test_nothing_is_counted_of_what_follows_the_end(self) -> None:
        """Where an answer has ended the connection in the same read."""
        factory = EchoFactory(
            Clock(), framing="line", on=[On("a", "bye", close=True)], limits=Limits(message_size=10)
        )
        protocol, pipe = connect(factory)
        protocol.dataReceived(b"a\n" + b"x" * 10)
        assert (pipe.value(), pipe.disconnecting, pipe.aborted) == (b"bye", True, False)
        assert factory.counts.dropped == {}
        assert factory.connections.budget.used == 0
        assert protocol._cutter is None  # what it held is not held until the peer closes

    def test_the_users_answer_is_not_asked_about_it(self) -> None:
        """It is no message; an empty one is."""
        asked: list[bytes] = []

        def answer(message: bytes) -> bytes:
            asked.append(message)
            return b"!" + message

        factory = EchoFactory(Clock(), framing="length:1,inclusive", answer=answer, banner="hi")
        protocol, pipe = connect(factory)
        protocol.dataReceived(b"\x01\x02a\x00")
        assert (asked, pipe.value()) == ([b"", b"a"], b"\x03hi\x02!\x03!a")
        assert pipe.aborted
        assert factory.counts.dropped == {"impossible-length": 1}

    def test_after_fin_it_gets_no_reply(self) -> None:
        """Those before it do, then the connection is closed."""
        clock = Clock()
        factory = EchoFactory(clock, framing="line", reply="raw", delay=1)
        protocol, pipe = connect(factory)
        protocol.dataReceived(b"a\nb")
        protocol.readConnectionLost()
        assert not pipe.disconnecting
        clock.advance(1)
        assert (pipe.value(), pipe.disconnecting) == (b"a\n", True)

    def test_it_keeps_no_service_from_stopping(self) -> None:
        """What has arrived is answered as far as it is whole."""
        factory = EchoFactory(Clock(), framing="line", reply="raw")
        protocol, pipe = connect(factory)
        protocol.dataReceived(b"a\nb")
        gone = factory.drain()
        assert (pipe.value(), pipe.disconnecting) == (b"a\n", True)
        lose(protocol)
        self.successResultOf(gone)
        assert factory.connections.budget.used == 0

    def test_it_counts_in_the_common_budget(self) -> None:
        """Until it is whole, too long, or its connection has gone."""
        for ends in (b"\n", b"x" * 70_000, None):
            factory = EchoFactory(Clock(), framing="line", reply="raw")
            protocol, _ = connect(factory)
            for size in (1000, 2000, 3000):
                protocol.dataReceived(b"x" * 1000)
                assert factory.connections.budget.used == size
            if ends is None:
                lose(protocol)
            else:
                protocol.dataReceived(ends)
            assert factory.connections.budget.used == 0

    def crowd(self, clock: Clock, **options: Any) -> tuple[EchoFactory, list[Any]]:
        """Make peers that have sent a half of messages for which there is no room together."""
        limits = Limits(
            waiting_bytes=20_000, total_waiting_bytes=20_000, message_size=16_000, **options
        )
        factory = EchoFactory(clock, framing="line", reply="raw", limits=limits)
        made = [connect(factory) for _ in range(6)]
        for data in (b"x" * 8000, b"x"):
            for protocol, pipe in made:
                if pipe.producerState == "producing":
                    protocol.dataReceived(data)
        assert [pipe.producerState for _, pipe in made].count("producing") == 1
        return factory, made

    def test_those_who_are_amid_messages_do_not_wait_for_each_other_for_ever(self) -> None:
        """One after the other comes to its end, so that one message more is held at most."""
        factory, made = self.crowd(Clock())
        told, held = {pipe: 8000 for _, pipe in made}, 0
        before = factory.connections.budget.used
        answered: list[Pipe] = []
        for _ in range(40):
            for protocol, pipe in made:
                if pipe.producerState == "producing" and pipe not in answered:
                    protocol.dataReceived(b"x" * 4000 if told[pipe] < 12_000 else b"\n")
                    told[pipe] += 4000
                    held = max(held, factory.connections.budget.used)
                    if pipe.value():
                        answered.append(pipe)
        assert len(answered) == len(made)
        assert held <= before + 4000
        assert factory.connections.budget.used == 0
        assert not factory.connections.budget

    def test_one_that_stops_amid_its_message_gives_way(self) -> None:
        """It is dropped where others have waited for it as long as for one that does not read."""
        clock = Clock()
        factory, made = self.crowd(clock, stall=10)
        reading = [pipe for _, pipe in made if pipe.producerState == "producing"]
        for _ in range(95):
            clock.advance(0.1)
        assert not reading[0].aborted
        for _ in range(25):
            clock.advance(0.1)
        assert reading[0].aborted
        assert factory.counts.dropped == {"unfinished": 1}
        lose(next(protocol for protocol, pipe in made if pipe is reading[0]))
        assert any(pipe.producerState == "producing" for _, pipe in made if not pipe.aborted)
        for protocol, pipe in made:
            if pipe is not reading[0]:
                lose(protocol)
        assert (factory.connections.budget.used, bool(factory.connections.budget)) == (0, False)


class ManyInOneReadTests(SynchronousTestCase):
    """A read of more messages than may wait."""

    def test_no_more_wait_than_of_a_read_of_long_ones(self) -> None:
        """The rest is cut once there is room, and the peer is not read from until then."""
        for delay, answer in ((1, None), (0, lambda _message: Deferred())):
            clock = Clock()
            factory = EchoFactory(clock, framing="line", reply="raw", delay=delay, answer=answer)
            protocol, pipe = connect(factory)
            protocol.dataReceived(b"\n" * 65536)
            assert pipe.producerState == "paused"
            assert protocol.waiting_bytes <= factory.limits.queue + 64 * (MESSAGE_COST + 1)
            assert factory.connections.budget.used <= 65536 + protocol.waiting_bytes
            lose(protocol)
            assert factory.connections.budget.used == 0

    def test_all_are_answered_in_the_end(self) -> None:
        """With the numbers that they have, also those that come after; then it reads again."""
        for limits in (SMALL, TIGHT):
            clock = Clock()
            factory = EchoFactory(clock, framing="line", reply="raw", delay=0.001, limits=limits)
            protocol, pipe = connect(factory)
            lines = b"".join(b"%d\n" % number for number in range(5000))
            protocol.dataReceived(lines)
            while pipe.producerState != "producing":
                clock.advance(0.001)
            protocol.dataReceived(b"last\n")
            clock.advance(0.001)
            assert pipe.value() == lines + b"last\n"
            assert factory.counts.messages == 5001
            assert (factory.connections.budget.used, len(factory.connections.timers)) == (0, 0)

    def test_it_reads_on_as_soon_as_all_are_cut(self) -> None:
        """Though they wait, and the last of them is not whole."""
        factory = EchoFactory(Clock(), framing="line", reply="raw", delay=5)
        protocol, pipe = connect(factory)
        protocol.dataReceived(b"\n" * 64 + b"x")
        assert (protocol.waiting, pipe.producerState) == (64, "producing")

    def test_others_have_their_turn_meanwhile(self) -> None:
        """What is answered at once is not answered all at once."""
        clock = Clock()
        factory = EchoFactory(clock, framing="fixed:1", reply="raw")
        protocol, pipe = connect(factory)
        protocol.dataReceived(b"x" * 2000)
        assert len(pipe.value()) == MESSAGES_AT_ONCE
        clock.advance(0)
        assert len(pipe.value()) == 2000

    def test_fin_and_the_end_of_the_service_wait_for_them(self) -> None:
        """All that has been read is answered."""
        for ends in (EchoProtocol.readConnectionLost, EchoProtocol.drain):
            clock = Clock()
            factory = EchoFactory(clock, framing="fixed:1", reply="raw", delay=1)
            protocol, pipe = connect(factory)
            protocol.dataReceived(b"x" * 5000)
            ends(protocol)
            for _ in range(10):
                assert not pipe.disconnecting
                clock.advance(1)
                if len(pipe.value()) == 5000:
                    break
            assert (len(pipe.value()), pipe.disconnecting) == (5000, True)

    def test_a_full_buffer_and_a_stall_hold_them(self) -> None:
        """As they hold what has not been read."""
        clock = Clock()
        factory = EchoFactory(clock, framing="fixed:1", reply="raw", limits=SMALL)
        pipe = Pipe()
        pipe.full = True
        protocol, _ = connect(factory, pipe)
        protocol.dataReceived(b"x" * 20_000)
        for _ in range(100):
            clock.advance(0.1)
        assert len(pipe.value()) < 6000
        came = b""
        for _ in range(100):
            clock.advance(0.1)
            came += pipe.drain()
        assert came == b"x" * 20_000
        factory.scenario = factory.scenario.replace(on=[On("s", fault="stall,for=5")])
        pipe.full = False
        protocol.dataReceived(b"s" + b"x" * 1000)
        before = len(pipe.value())
        assert before <= 64
        clock.advance(4.9)
        assert len(pipe.value()) == before
        clock.advance(0.2)
        assert len(pipe.value()) == 1001

    def test_long_answers_are_not_all_made_at_once(self) -> None:
        """A short line may have one of many kilobytes."""
        clock = Clock()
        factory = EchoFactory(clock, framing="length:4", on=[On("", "x" * 10_000)], delay=1)
        protocol, _ = connect(factory)
        protocol.dataReceived(b"\0\0\0\0" * 1000)
        assert protocol.waiting_bytes < 64 * 10_200 + factory.limits.queue
        lose(protocol)
        assert factory.connections.budget.used == 0

    def test_while_nothing_is_left_they_are_cut_as_those_before_them_leave(self) -> None:
        """What has been read waits for nobody else's bytes."""
        clock = Clock()
        limits = Limits(waiting_bytes=20_000, total_waiting_bytes=20_000)
        factory = EchoFactory(clock, framing="line", reply="raw", delay=1, limits=limits)
        hog, _ = connect(factory)
        hog.pauseProducing()
        hog._charge_buffer(20_000)
        amid, other = connect(factory)
        amid.dataReceived(b"x" * 2 * GUARANTEED)
        assert other.producerState == "producing"  # it is the one that may go on
        protocol, pipe = connect(factory)
        protocol.dataReceived(b"\n" * 2 * GUARANTEED)
        for _ in range(200):
            clock.advance(1)
        assert pipe.value() == b"\n" * 2 * GUARANTEED
        assert factory.connections.budget.used == 20_000 + 2 * GUARANTEED

    def test_a_large_drip_takes_no_more_memory_than_its_reply(self) -> None:
        """A peer may ask for one of a long line."""
        clock = Clock()
        factory = EchoFactory(clock, framing="line", reply="raw", in_band=True)
        protocol, pipe = connect(factory)
        line = b"!drip,bytes=2,pause=1ms ".ljust(60_001, b"x") + b"\n"
        protocol.dataReceived(line)
        assert pipe.value() == line[:2]
        [(_, _, reply)] = protocol._queue.entries  # type: ignore[union-attr]  # it has one
        assert not isinstance(reply.pieces, (list, tuple))  # type: ignore[union-attr]  # it has begun
        assert not hasattr(reply.pieces, "__iter__")  # type: ignore[union-attr]  # nothing that holds all
        clock.pump([0.001] * 30_001)
        assert pipe.value() == line
        assert factory.connections.budget.used == 0


class BannerTests(SynchronousTestCase):
    """The service speaks first."""

    def test_it_comes_on_accept(self) -> None:
        """As it is, whatever the reply format; messages are numbered from 0 after it."""
        factory = EchoFactory(Clock(), banner="220 ready\r\n", record=True, reply="prefixed")
        protocol, pipe = connect(factory)
        assert pipe.value() == b"220 ready\r\n"
        protocol.dataReceived(b"a")
        assert pipe.value() == b"220 ready\r\nResposta => a"
        assert [(message.number, message.data) for message in factory.received] == [(0, b"a")]
        assert (factory.counts.messages, factory.counts.bytes_out) == (1, len(pipe.value()))

    def test_every_fault(self) -> None:
        """What comes, when, and how the connection ends; and it is counted."""
        for fault, sent, after, ended, aborted in (
            ("reset", b"", b"", False, True),
            ("reset,at=middle", b"ab", b"ab", False, True),
            ("reset,at=after", b"abcd", b"abcd", False, True),
            ("close", b"", b"", True, False),
            ("close,at=after", b"abcd", b"abcd", True, False),
            ("silent", b"", b"x", False, False),
            ("truncate,bytes=1", b"abc", b"abcx", False, False),
            ("extra", b"abcd!", b"abcd!x", False, False),
            ("drip,bytes=2,pause=1", b"ab", b"abcdx", False, False),
            ("stall,for=1", b"abcd", b"abcdx", False, False),
        ):
            with self.subTest(fault):
                clock = Clock()
                factory = EchoFactory(clock, reply="raw", banner="abcd", banner_fault=fault)
                protocol, pipe = connect(factory)
                if fault.startswith("stall"):
                    assert pipe.producerState == "paused"
                else:
                    protocol.dataReceived(b"x")
                assert pipe.value().startswith(sent)
                clock.advance(1)
                if fault.startswith("stall"):
                    assert pipe.producerState == "producing"
                    protocol.dataReceived(b"x")
                assert pipe.value() == after
                assert (pipe.disconnecting, pipe.aborted) == (ended, aborted)
                assert factory.faults_met == {fault.partition(",")[0]: 1}
                lose(protocol)
                assert (factory.connections.budget.used, len(factory.connections.timers)) == (0, 0)

    def test_one_byte_of_it_may_be_another(self) -> None:
        """The same in every run."""
        factory = EchoFactory(Clock(), banner="abcd", banner_fault="corrupt", seed=1)
        sent = [connect(factory)[1].value() for _ in range(2)]
        assert all(sum(a != b for a, b in zip(each, b"abcd", strict=True)) == 1 for each in sent)
        again = EchoFactory(Clock(), banner="abcd", banner_fault="corrupt", seed=1)
        assert [connect(again)[1].value() for _ in range(2)] == sent

    def test_replies_wait_for_it(self) -> None:
        """It is late; what was sent meanwhile is read."""
        clock = Clock()
        protocol, pipe = connect(EchoFactory(clock, reply="raw", banner="hi", banner_delay=2))
        protocol.dataReceived(b"a")
        clock.advance(1.9)
        assert pipe.value() == b""
        clock.advance(0.1)
        assert pipe.value() == b"hia"

    def test_a_late_one_is_later_by_its_fault(self) -> None:
        """Its own delay is multiplied."""
        clock = Clock()
        _, pipe = connect(
            EchoFactory(clock, banner="hi", banner_delay=2, banner_fault="late,times=3")
        )
        clock.advance(5.9)
        assert pipe.value() == b""
        clock.advance(0.1)
        assert pipe.value() == b"hi"

    def test_it_comes_after_a_delay_of_the_connection(self) -> None:
        """Which is held as a whole; its own delay counts from the accept too."""
        for delay, banner_delay, at in ((2, 1, 2.0), (1, 2, 2.0)):
            clock = Clock()
            factory = EchoFactory(
                clock, delay=delay, delay_per="connection", banner="hi", banner_delay=banner_delay
            )
            _, pipe = connect(factory)
            clock.advance(at - 0.1)
            assert pipe.value() == b""
            clock.advance(0.1)
            assert (pipe.value(), pipe.producerState) == (b"hi", "producing")

    def test_who_is_refused_gets_none(self) -> None:
        """And nothing is left of it."""
        factory = EchoFactory(Clock(), banner="hi", banner_delay=1, faults="refuse")
        _, pipe = connect(factory)
        assert (pipe.value(), pipe.aborted) == (b"", True)
        assert factory.connections.budget.used == 0

    def test_fin_and_the_end_of_the_service_wait_for_it(self) -> None:
        """It is owed."""
        for ends in (EchoProtocol.readConnectionLost, EchoProtocol.drain):
            clock = Clock()
            protocol, pipe = connect(EchoFactory(clock, banner="hi", banner_delay=1))
            ends(protocol)
            clock.advance(1)
            assert (pipe.value(), pipe.disconnecting) == (b"hi", True)


class AnswerTests(SynchronousTestCase):
    """What matches is answered by itself."""

    def test_each_with_its_own_delay_fault_and_end(self) -> None:
        """In the order of messages; nothing follows what closes."""
        clock = Clock()
        factory = EchoFactory(
            clock,
            framing="line",
            reply="raw",
            on=[
                On("^slow", "later\n", delay=2),
                On("^half", "abcd\n", fault="truncate,bytes=2"),
                On("^QUIT", "bye\n", close=True),
            ],
        )
        protocol, pipe = connect(factory)
        protocol.dataReceived(b"a\nhalf\nslow\nb\nQUIT\nc\n")
        assert pipe.value() == b"a\nabc"
        clock.advance(2)
        assert (pipe.value(), pipe.disconnecting) == (b"a\nabclater\nb\nbye\n", True)
        assert factory.faults_met == {"truncate": 1}
        assert factory.connections.budget.used == 0

    def test_a_fault_without_a_reply(self) -> None:
        """The format's reply meets it."""
        factory = EchoFactory(Clock(), reply="prefixed", on=[On("a", fault="extra")])
        protocol, pipe = connect(factory)
        protocol.dataReceived(b"a")
        assert pipe.value() == b"Resposta => a!"

    def test_a_limit_counts_over_all_connections(self) -> None:
        """Turns do not: each connection begins with the first."""
        on = [On("a", ["1", "2", "3"], limit=3)]
        factory = EchoFactory(Clock(), reply="raw", on=on)
        (one, first), (two, second) = connect(factory), connect(factory)
        for protocol in (one, two, one, two, one):
            protocol.dataReceived(b"a")
        assert (first.value(), second.value()) == (b"12a", b"1a")

    def test_a_limit_goes_on_where_its_answer_stays(self) -> None:
        """And begins anew where it is another one, or was away."""
        once = On("a", "once", limit=1)
        factory = EchoFactory(Clock(), reply="raw", on=[once])
        protocol, pipe = connect(factory)
        for ons, reply in (
            ([once], b"once"),
            ([On("b", "c"), On("a", "once", limit=1)], b"a"),
            ([On("a", "once", limit=2)], b"once"),
            ([], b"a"),
            ([once], b"once"),
            ([once, once], b"once"),
        ):
            factory.scenario = factory.scenario.replace(on=ons)
            pipe.clear()
            protocol.dataReceived(b"a")
            if ons == [once, once]:
                assert pipe.value() in (b"once", b"a")
            else:
                assert pipe.value() == reply

    def test_the_users_answer_is_asked_about_the_others(self) -> None:
        """In its place among them, and framed like them."""
        later: list[Deferred[bytes]] = []

        def answer(_message: bytes) -> "Deferred[bytes]":
            later.append(Deferred())
            return later[-1]

        factory = EchoFactory(Clock(), framing="length:1", answer=answer, on=[On("b", "B")])
        protocol, pipe = connect(factory)
        protocol.dataReceived(b"\x01a\x01b")
        assert pipe.value() == b""
        later[0].callback(b"AA")
        assert pipe.value() == b"\x02AA\x01B"
        assert factory.connections.budget.used == 0

    def test_an_answer_whose_length_cannot_be_told_is_the_peers_doing(self) -> None:
        """Its connection ends, counted; no traceback is logged."""
        factory = EchoFactory(Clock(), framing="length:1", answer=lambda message: message * 2)
        protocol, pipe = connect(factory)
        protocol.dataReceived(b"\x01a\xc8" + b"b" * 200)
        assert (pipe.value(), pipe.aborted) == (b"\x02aa", True)
        assert factory.counts.dropped == {"reply-too-long": 1}
        assert factory.connections.budget.used == 0

    def test_an_answer_that_comes_though_nobody_waits_counts_for_nothing(self) -> None:
        """Some give one when they are cancelled."""
        asked: Deferred[bytes] = Deferred(lambda cancelled: cancelled.callback(b"x" * 1000))
        factory = EchoFactory(Clock(), answer=lambda _message: asked)
        protocol, _ = connect(factory)
        protocol.dataReceived(b"a")
        lose(protocol)
        assert factory.connections.budget.used == 0

    def test_replies_before_one_that_is_too_long_leave(self) -> None:
        """Also where all are due at once."""
        clock = Clock()
        factory = EchoFactory(clock, framing="length:1", reply="prefixed", delay=1)
        protocol, pipe = connect(factory)
        protocol.dataReceived(b"\x01a\x01b\xfa" + b"c" * 250 + b"\x01d")
        clock.advance(1)
        assert pipe.value() == b"\x0dResposta => a\x0dResposta => b"
        assert (pipe.aborted, factory.counts.dropped) == (True, {"reply-too-long": 1})
        assert factory.counts.lateness.count == 2
        assert GUARANTEED > factory.connections.budget.used == 0
