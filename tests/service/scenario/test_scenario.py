"""Scenarios: what becomes of each message, said beforehand."""

import unittest

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from tests.support.scenarios import scenarios
from twistecho import EchoFactory
from twistecho.base.notation import FieldError
from twistecho.base.reply_formats import ReplyFormat
from twistecho.service.scenario.answers import On
from twistecho.service.scenario.decision import Decision
from twistecho.service.scenario.delay import Constant, Trace
from twistecho.service.scenario.delay_per import DelayPer
from twistecho.service.scenario.fault import Kind
from twistecho.service.scenario.fields import FIELDS
from twistecho.service.scenario.parsing import parse_delays, parse_faults
from twistecho.service.scenario.scenario import Scenario

law = settings(max_examples=60, deadline=None)
places = st.tuples(st.integers(0, 50), st.integers(0, 50))

DRAWN = parse_delays("uniform:1,3", seed=7)
HARMLESS = ("corrupt:0.2", "truncate:0.2", "extra:0.2,bytes=3", "silent:0.1", "late:0.2,times=3")


class Numbered:
    """A connection, as what delays are kept with."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.delays: tuple[float, ...] | None = None


class DecisionTests(unittest.TestCase):
    """What is decided about a message."""

    def test_without_chance_all_messages_are_the_same(self) -> None:
        """A constant delay, none, and one of the connection."""
        for scenario, decision in (
            (Scenario(), Decision(0.0)),
            (Scenario(delay=Constant(2.0)), Decision(2.0)),
            (Scenario(delay=Constant(2.0), delay_per=DelayPer.CONNECTION), Decision(0.0)),
        ):
            assert scenario.same_for_all == decision
            assert scenario.decide(3, 4, b"x") == decision

    def test_with_chance_they_are_not(self) -> None:
        """A delay that varies, a fault, and messages that may ask for something."""
        for scenario in (
            Scenario(delay=DRAWN),
            Scenario(delay=Trace((1.0, 2.0), "trace")),
            Scenario(faults=parse_faults(["corrupt:0.1"])),
            Scenario(in_band=True),
        ):
            assert scenario.same_for_all is None

    @law
    @given(st.lists(places, max_size=30), st.randoms(use_true_random=False))
    def test_the_order_of_asking_does_not_count(
        self, asked: list[tuple[int, int]], order: object
    ) -> None:
        """A decision depends on the numbers and the message alone."""
        scenario = Scenario(delay=DRAWN, faults=parse_faults(HARMLESS, seed=3))
        first = {place: scenario.decide(*place, b"x") for place in asked}
        order.shuffle(asked)  # type: ignore[attr-defined]  # a random.Random
        again = Scenario(delay=DRAWN, faults=parse_faults(HARMLESS, seed=3))
        assert {place: again.decide(*place, b"x") for place in asked} == first

    @law
    @given(scenarios(), places, st.binary(max_size=3) | st.just(b"!none"))
    def test_a_plain_delay_is_the_decision(
        self, scenario: Scenario, place: tuple[int, int], message: bytes
    ) -> None:
        """Where there is one, nothing else becomes of the message."""
        connection, number = place
        delay = scenario.plain_delay()(Numbered(connection), number, message)
        if delay is not None:
            assert scenario.decide(*place, message) == Decision(delay)

    def test_most_messages_have_a_plain_delay(self) -> None:
        """All without chance; those that a fault does not meet, and that ask for nothing."""
        assert Scenario(delay=Constant(2.0)).plain_delay()(Numbered(0), 0, b"!x") == 2.0
        asking = Scenario(delay=DRAWN, in_band=True)
        assert asking.plain_delay()(Numbered(1), 2, b"x") == asking.decide(1, 2, b"x").delay
        assert asking.plain_delay()(Numbered(1), 2, b"!x") is None
        met = Scenario(faults=parse_faults(["corrupt:0.3", "extra:0.3"], seed=3))
        plain = [met.plain_delay()(Numbered(0), number, b"x") for number in range(500)]
        decided = [met.decide(0, number, b"x") for number in range(500)]
        assert [delay is None for delay in plain] == [not each.is_plain for each in decided]
        assert 100 < plain.count(None) < 400
        for scenario in (
            Scenario(faults=parse_faults(["corrupt:0.1,limit=2"])),
            Scenario(faults=parse_faults(["corrupt:0.1,after=2"])),
            Scenario(on=[On("x", "y")]),
        ):
            assert scenario.plain_delay()(Numbered(0), 0, b"a") is None

    def test_plain_delays_are_kept_for_a_block_of_messages(self) -> None:
        """And drawn anew for another, before it or after, each as it is decided."""
        scenario, connection = Scenario(delay=DRAWN), Numbered(3)
        plain_delay = scenario.plain_delay()
        for number in (0, 1, 7, 8, 2, 15, 23, 100, 99):
            assert plain_delay(connection, number, b"x") == scenario.decide(3, number, b"x").delay

    def test_late_multiplies_the_delay(self) -> None:
        """And without a delay of each reply it is refused."""
        late = parse_faults(["late,times=3"])
        assert Scenario(delay=Constant(2.0), faults=late).decide(0, 0, b"x").delay == 6.0
        for options in ({}, {"delay": Constant(2.0), "delay_per": DelayPer.CONNECTION}):
            with self.assertRaisesRegex(ValueError, "late"):
                Scenario(faults=late, **options)  # type: ignore[arg-type]  # of several kinds

    def test_a_message_may_ask_for_its_delay_or_fault(self) -> None:
        """Instead of what it would have met; what is not understood asks for nothing."""
        faults = parse_faults(["corrupt"])
        scenario = Scenario(delay=Constant(2.0), faults=faults, in_band=True)
        corrupt = faults.faults[0]
        assert scenario.decide(0, 0, b"plain") == Decision(2.0, corrupt)
        assert scenario.decide(0, 0, b"!delay 5 x") == Decision(5.0, None, obeyed=True)
        assert scenario.decide(0, 0, b"!none") == Decision(2.0, None, obeyed=True)
        assert scenario.decide(0, 0, b"!nonsense") == Decision(2.0, corrupt, obeyed=False)
        reset = scenario.decide(0, 0, b"!reset")
        assert (reset.delay, reset.obeyed) == (2.0, True)
        assert reset.fault is not None
        assert reset.fault.kind is Kind.RESET

    def test_what_a_message_asks_for_holds_no_reply_for_more_than_an_hour(self) -> None:
        """All pauses of a reply together, its delay among them, whichever field they come from."""
        scenario = Scenario(reply=ReplyFormat.RAW, delay=Constant(0.1), in_band=True)
        drip = b"!drip,bytes=1,pause=60 "
        for message, obeyed in (
            (b"!late,times=36000", True),
            (b"!late,times=36001", False),
            (b"!late,times=1000000 x", False),
            (drip.ljust(60, b"x"), True),
            (drip.ljust(61, b"x"), False),
            (b"!drip,bytes=1000,pause=3599", True),
            (b"!stall,for=3600", False),
            (b"!stall,for=3599", True),
        ):
            with self.subTest(message=message):
                assert scenario.decide(0, 0, message).obeyed is obeyed
        stamped = Scenario(in_band=True)
        assert stamped.decide(0, 0, drip + b"x").obeyed is False
        slow = Scenario(reply=ReplyFormat.RAW, delay=Constant(7200.0), in_band=True)
        assert slow.decide(0, 0, b"!reset").obeyed is True
        assert slow.decide(0, 0, b"!late,times=2").obeyed is False

    def test_a_connection_can_be_held_or_refused(self) -> None:
        """Refusals count connections."""
        held = Scenario(delay=Constant(2.0), delay_per=DelayPer.CONNECTION)
        assert (held.hold(0), Scenario(delay=Constant(2.0)).hold(0)) == (2.0, 0.0)
        refusing = Scenario(faults=parse_faults(["refuse,every=2"]))
        assert [refusing.refusal(number) is not None for number in range(4)] == [
            False,
            True,
            False,
            True,
        ]


class ReplacingTests(unittest.TestCase):
    """A scenario of which some fields are others."""

    @law
    @given(scenarios(), scenarios(), st.sets(st.sampled_from([*FIELDS, "seed"])))
    def test_the_others_stay_as_they_are(
        self, one: Scenario, other: Scenario, names: set[str]
    ) -> None:
        """Their seeds among them; and what is drawn is what a scenario made at once draws."""
        drawn_alike = other.replace(seed=one.seed)
        changes = {name: getattr(drawn_alike, name) for name in names}
        if "seed" in names:
            changes["seed"] = other.seed
        try:
            made = one.replace(**changes)
        except FieldError:
            return
        fields = {name: getattr(one, name) for name in FIELDS}
        assert made == Scenario(**{**fields, **changes, "seed": changes.get("seed", one.seed)})
        assert one.replace() == one

    def test_texts_are_drawn_from_the_seed_that_is_there(self) -> None:
        """Of a delay, of faults, of the delay of an answer."""
        scenario = Scenario(seed=7).replace(
            delay="uniform:1,3", faults="corrupt:0.5", on=[On("a", delay="uniform:1,2")]
        )
        assert scenario.delay == DRAWN
        assert (scenario.faults.seed, scenario.seed) == (7, 7)
        assert scenario.on == (On("a", delay=parse_delays("uniform:1,2", seed=7)),)
        assert scenario.replace(seed=8).replace(seed=7) == scenario

    def test_nothing_is_kept_of_what_was_said_before(self) -> None:
        """What is worked out once is worked out anew."""
        plain = Scenario()
        assert (plain.same_for_all, plain.may_fail, plain.limited) == (Decision(0.0), False, ())
        other = plain.replace(on=[On("a", "b", fault="reset", limit=1)])
        assert (other.same_for_all, other.may_fail, other.limited) == (None, True, other.on)

    def test_what_cannot_be_is_refused(self) -> None:
        """By its field; what is no field is a mistake in the program."""
        with pytest.raises(FieldError, match=r"^faults: late: needs a delay"):
            Scenario(delay=1, faults="late").replace(delay=0)
        with pytest.raises(TypeError, match="'dely'"):
            Scenario().replace(dely=1)


class AnsweredTests(unittest.TestCase):
    """What is decided about messages that match, and about the banner."""

    def test_the_first_match_answers(self) -> None:
        """Before in-band words; what matches nothing meets what it would have met."""
        ons = [On("a", "1", delay=3, close=True), On("a|b|!", r"<\0>")]
        scenario = Scenario(on=ons, delay=2, in_band=True)
        assert scenario.decide(0, 0, b"xab") == Decision(3.0, content=b"1", close=True)
        assert scenario.decide(0, 0, b"b") == Decision(2.0, content=b"<b>")
        assert scenario.decide(0, 0, b"!reset") == Decision(2.0, content=b"<!>")
        assert scenario.decide(0, 0, b"c") == Decision(2.0)

    def test_what_has_had_its_limit_is_passed_over(self) -> None:
        """It is asked only about what would come about."""
        first, second = On("a", "1", limit=1), On("b", "2", limit=1)
        scenario, asked = Scenario(on=[first, second]), []
        for allowed in (True, False):

            def take(limited: object, allowed: bool = allowed) -> bool:
                asked.append(limited)
                return allowed

            content = scenario.decide(0, 0, b"a", take=take).content
            assert content == (b"1" if allowed else None)
        assert asked == [first, first]

    def test_turns_are_those_of_a_connection(self) -> None:
        """By the place of the answer; only what is given counts."""
        scenario = Scenario(on=[On("a", ["1", "2"]), On("b", ["3", "4"])])
        turns: dict[int, int] = {}
        said = [
            scenario.decide(0, 0, each, turns=turns).content for each in (b"a", b"b", b"a", b"b")
        ]
        assert said == [b"1", b"3", b"2", b"4"]
        assert scenario.takes_turns
        assert not Scenario(on=[On("a", "1")]).takes_turns

    def test_an_answers_own_fault_takes_the_place_of_the_services(self) -> None:
        """With its probability and on its schedule."""
        on = On("a", "1", fault="silent:0.5,every=2")
        scenario = Scenario(on=[on], faults="corrupt", seed=5)
        met = [scenario.decide(0, number, b"a").fault for number in range(2000)]
        assert not any(met[::2])
        assert 400 < sum(fault is on.fault for fault in met) < 600
        assert scenario.decide(0, 1, b"b").fault == scenario.faults.faults[0]
        plain = Scenario(on=[On("a", "1")], faults="corrupt")
        assert plain.decide(0, 0, b"a").fault == plain.faults.faults[0]

    def test_the_banner_has_its_own_delay_and_fault(self) -> None:
        """Of its fault connections are counted, as of one that refuses them."""
        scenario = Scenario(
            banner="hi", banner_delay="uniform:1,3", banner_fault="silent,every=2,after=1", seed=7
        )
        met = [scenario.greeting(connection) for connection in range(5)]
        assert [each.fault is not None for each in met] == [False, False, True, False, True]
        assert {each.content for each in met} == {b"hi"}
        assert len({each.delay for each in met}) == 5
        assert scenario.drawn_from == 7

    def test_late_needs_a_delay_of_its_own(self) -> None:
        """That of the banner, or of the answer; else that of every reply."""
        for wrong, field in (
            ({"banner": "a", "banner_fault": "late", "delay": 1}, "banner_fault"),
            ({"on": [On("a"), On("a", delay=0, fault="late")], "delay": 1}, "on[1].fault"),
            ({"on": [On("a", fault="late")], "delay": 1, "delay_per": "connection"}, "on[0].fault"),
        ):
            with self.subTest(field), pytest.raises(FieldError) as refused:
                Scenario(**wrong)  # type: ignore[arg-type]  # of several kinds
            assert refused.value.field == field
        on = On("a", delay=1, fault="late,times=3")
        scenario = Scenario(banner_delay=2, banner_fault="late,times=2", on=[on])
        assert scenario.greeting(0).delay == 4.0
        assert scenario.decide(0, 0, b"a").delay == 3.0


class DescriptionTests(unittest.TestCase):
    """What is said of a scenario as a whole."""

    def test_the_seed_is_that_of_what_is_drawn(self) -> None:
        """Faults first; nothing is drawn for a constant delay."""
        assert Scenario(delay=Constant(2.0)).drawn_from is None
        assert Scenario(delay=DRAWN).drawn_from == 7
        faults = parse_faults(["silent:0.1"], seed=9)
        assert Scenario(delay=DRAWN, faults=faults).drawn_from == 9

    def test_numbers_of_connections_count_where_something_is_drawn(self) -> None:
        """Then several processes have to count them together."""
        assert not Scenario(delay=Constant(2.0)).is_numbered
        assert Scenario(delay=DRAWN).is_numbered
        assert Scenario(in_band=True).is_numbered

    def test_the_words(self) -> None:
        """Those of the line with which a service starts."""
        scenario = Scenario(delay=DRAWN, faults=parse_faults(["silent:0.1"], seed=9), in_band=True)
        assert scenario.describe() == (
            "uniform:1,3 after each message, faults silent:0.1, in-band control words, seed 9"
        )
        assert Scenario().describe() == "no delay"

    def test_the_longest_time_counts_faults(self) -> None:
        """What a service waits for when it stops."""
        assert Scenario(faults=parse_faults(["stall,for=4"])).longest == 4.0

    def test_the_longest_time_counts_the_banner_and_answers(self) -> None:
        """Their delays and faults, and how much they say."""
        drip = "drip,bytes=1,pause=1"
        for scenario, longest in (
            (Scenario(banner="abc", banner_delay=2, banner_fault=drip), 4.0),
            (Scenario(on=[On("a", "b", delay=3)]), 3.0),
            (Scenario(reply="raw", on=[On("a", "b" * 2000)], faults=drip), 1999.0),
            (Scenario(reply="raw", framing="fixed:9", on=[On("a", r"\0-\0", fault=drip)]), 18.0),
        ):
            assert scenario.longest == longest


class ForetellingTests(unittest.TestCase):
    """What the scenario says beforehand is what a service does."""

    @law
    @given(seed=st.integers(0, 2**32), count=st.integers(1, 40))
    def test_bytes_and_times_of_a_connection(self, seed: int, count: int) -> None:
        """For each message of one that never ends: what comes back, and when."""
        delay = parse_delays("uniform:1,3", seed=seed)
        faults = parse_faults(HARMLESS, seed=seed)
        clock = Clock()
        factory = EchoFactory(clock, reply="raw", delay=delay, faults=faults)
        protocol = factory.buildProtocol(None)
        assert protocol is not None
        transport = StringTransport()
        protocol.makeConnection(transport)
        scenario = Scenario(reply=ReplyFormat.RAW, delay=delay, faults=faults)
        expected: list[tuple[float, bytes]] = []
        due = 0.0
        for number in range(count):
            message = b"message %d" % number
            protocol.dataReceived(message)
            held, fault, *_ = scenario.decide(0, number, message)
            due = max(due, held)
            pieces = [message] if fault is None else scenario.pieces(fault, message, 0, number)
            expected.append((due, b"".join(pieces)))
        for at in sorted({due for due, _ in expected}):
            clock.advance(at - clock.seconds())
            came = b"".join(reply for due, reply in expected if due <= clock.seconds())
            assert transport.value() == came
