"""Delays, faults and in-band words, from text."""

import math
import unittest
from dataclasses import replace
from ipaddress import ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twistecho.service.scenario.delay import Constant, parse_delay
from twistecho.service.scenario.fault import Direction, Kind, Moment, Schedule
from twistecho.service.scenario.fault_options import text_of
from twistecho.service.scenario.parsing import InBand, parse_delays, parse_fault, parse_in_band
from twistecho.service.scenario.patterns import Pattern

law = settings(max_examples=200, deadline=None)
seconds = st.floats(min_value=0, max_value=1e6)

DISTRIBUTIONS = (
    "uniform:1,3",
    "exponential:0.2",
    "lognormal:median=0.05,sigma=0.8",
    "choice:0.01@0.9,1@0.1",
    "choice:1,2,3",
    "exponential:0.2,min=0.1,max=0.5",
)
EVERY_KIND = tuple(str(kind) for kind in Kind)
WHOLE = "reset:0.5,every=2,limit=2,peer=10.0.0.0/8,match=^GET, /x=1"


class DelayTextTests(unittest.TestCase):
    """What is read and what is refused."""

    def test_constants_are_read_with_their_units(self) -> None:
        """Seconds unless said otherwise."""
        for text, seconds in {"5": 5.0, "5s": 5.0, "20ms": 0.02, "100us": 0.0001}.items():
            assert parse_delays(text) == Constant(seconds)

    def test_every_delay_keeps_its_text(self) -> None:
        """As it was asked for; what people are told of a constant is the number of seconds."""
        for text in ("5s", "20ms", "1e-7", *DISTRIBUTIONS, "trace:some,file"):
            with self.subTest(text=text):
                delay = parse_delays(text, seed=7, lines_of=lambda _name: ["1", "20ms"])
                assert delay.text == text
                again = parse_delays(delay.text, seed=7, lines_of=lambda _name: ["1", "20ms"])
                assert again == delay
        assert (str(parse_delays("20ms")), repr(parse_delays("5s"))) == (
            "0.02 s",
            "Constant(longest=5.0)",
        )

    def test_what_is_wrong_is_said_in_one_line(self) -> None:
        """The unknown, the impossible and the incomplete."""
        for text, words in {
            "weibull:3": "unknown distribution 'weibull'",
            "uniform:3,1": "3 is above 1",
            "uniform:1": "needs two times",
            "uniform:1,x": "'x' is not a number of seconds",
            "uniform:1,2,foo=3": "no option 'foo'",
            "uniform:1,2,min=3,max=2": "min 3 is above max 2",
            "uniform:1,min=1,2": "comes after an option",
            "exponential:0": "above 0",
            "exponential:-1": "0 or more",
            "lognormal:median=0,sigma=1": "the median must be above 0",
            "lognormal:median=1,sigma=-1": "sigma -1 is not 0 or more",
            "lognormal:median=1,sigma=nan": "sigma nan is not 0 or more",
            "lognormal:median=1,sigma=1e3": "not a finite number",
            "lognormal:median=1": "needs median=SECONDS and sigma=NUMBER",
            "choice:1@0.5,2@0.6": "add up to 1.1",
            "choice:1@1.5": "1.5 is not a probability",
            "choice": "needs delays",
            "trace:file": "cannot be read here",
        }.items():
            with self.subTest(text=text), pytest.raises(ValueError, match=words) as caught:
                parse_delays(text)
            assert "\n" not in str(caught.value)

    @law
    @given(
        st.sampled_from([*DISTRIBUTIONS, "trace:x", "5ms", "late"]),
        st.text(alphabet="0123456789.,:=@eminax-\n ") | st.text(max_size=5),
        st.integers(0, 30),
    )
    def test_any_text_gives_a_delay_or_a_valueerror(self, text: str, noise: str, at: int) -> None:
        """Whatever is wrong with it; and a delay can be waited for."""
        try:
            delay = parse_delays(text[:at] + noise + text[at:])
        except ValueError:
            return
        assert 0 <= delay.longest < math.inf
        assert 0 <= delay.seconds(0, 0) < math.inf


class FaultTextTests(unittest.TestCase):
    """What is read and what is refused."""

    def test_every_option(self) -> None:
        """Each where it belongs."""
        fault = parse_fault("drip:0.5,bytes=3,pause=5ms,every=2,after=4,connection=6")
        assert (fault.kind, fault.probability, fault.size) == (Kind.DRIP, 0.5, 3)
        assert fault.seconds == 0.005
        schedule = fault.schedule
        assert (schedule.every, schedule.after, schedule.connection) == (2, 4, 6)
        assert parse_fault("reset,at=middle").at is Moment.MIDDLE
        assert parse_fault("stall,for=2").seconds == 2.0
        assert parse_fault("late,times=3").times == 3.0
        bandwidth = parse_fault("bandwidth:0.5,rate=64Ki,direction=out,limit=3")
        assert (bandwidth.rate, bandwidth.direction) == (65536.0, Direction.OUT)
        assert (bandwidth.limit, bandwidth.probability) == (3, 0.5)
        assert parse_fault("bandwidth,rate=1").direction is None

    def test_rates_have_units(self) -> None:
        """Thousands, and those of the binary kind."""
        for text, rate in {
            "1": 1, "500": 500, "2k": 2000, "1.5M": 1_500_000, "64Ki": 65536, "2Mi": 2**21
        }.items():  # fmt: skip
            assert parse_fault(f"bandwidth,rate={text}").rate == rate

    def test_a_pattern_takes_the_rest_of_the_text(self) -> None:
        """Commas, equal signs and all; the bytes of a command line that are no text too."""
        fault = parse_fault(WHOLE)
        assert (fault.match, fault.limit) == (Pattern(b"^GET, /x=1"), 2)
        assert fault.peer == ip_network("10.0.0.0/8")
        assert (fault.schedule, fault.probability) == (Schedule(every=2), 0.5)
        assert fault.text == WHOLE
        assert parse_fault(fault.text) == fault
        assert parse_fault("reset:match=a,match=b").match == Pattern(b"a,match=b")
        assert parse_fault("reset,match=\xe9").match == Pattern(b"\xc3\xa9")
        assert parse_fault("reset,match=\udcff").match == Pattern(b"\xff")

    def test_what_is_wrong_is_said_in_one_line(self) -> None:
        """Kinds, probabilities, options."""
        for text, words in {
            "": "is not one of refuse",
            "explode": "'explode' is not one of refuse",
            "reset:1.1": "reset: 1.1 is not a probability",
            "reset:-0.1": "is not a probability",
            "reset:nan": "is not a probability",
            "reset:x": "'x' is not a number",
            "reset:0.1,0.2": "'0.2' is not an option",
            "reset,at=end": "at: 'end' is not one of before, middle, after",
            "silent,at=middle": "silent has no option 'at'",
            "reset,every=0": "every: 0 is not 1 or more",
            "reset,connection=-1": "connection: '-1' is not a whole number",
            "reset,at=after,at=after": "at is given twice",
            "drip,bytes=0": "bytes: 0 is not 1 or more",
            "drip,pause=0": "pause: 0 is not above 0",
            "stall,for=x": "for: 'x' is not a number of seconds",
            "late,times=0.5": "times: 0.5 is not a factor",
            "extra,bytes=100000": "bytes: 100000 is more than 65536",
            "reset,limit=0": "limit: 0 is not 1 or more",
            "reset,peer=10.0.0.1/8": "peer: 10.0.0.1/8 has host bits set; it must be ADDRESS or",
            "reset,peer=localhost": "peer: 'localhost' does not appear to be",
            "reset,match=": "match: the pattern is empty",
            "reset,match=(": "match: not a pattern: missing",
            "reset,match=a\ud800": "match: 'a.ud800' is not valid text",
            "reset,x=1": "no option 'x': it has at, every, after, connection, peer, limit, match",
            "refuse,match=x": "refuse has no option 'match': it applies to connections",
            "bandwidth,rate=1,match=x": "bandwidth has no option 'match'",
            "bandwidth": "bandwidth needs rate=BYTES",
            "bandwidth:0.5,direction=in": "bandwidth needs rate=BYTES",
            "bandwidth,rate=0.5": "rate: 0.5 is not from 1 to 1e",
            "bandwidth,rate=inf": "rate: inf is not from 1 to 1e",
            "bandwidth,rate=nan": "rate: nan is not from 1 to 1e",
            "bandwidth,rate=64KiB": "rate: '64KiB' is not a number of bytes per second",
            "bandwidth,rate=1,direction=up": "direction: 'up' is not one of in, out",
            "reset,rate=1": "reset has no option 'rate'",
            "unaccepted:0.5": "unaccepted: '0.5' is not an option",
            "unaccepted,peer=::1": "unaccepted has no option 'peer'$",
            "unaccepted,every=2": "unaccepted has no option 'every'$",
            "unaccepted,match=x": "unaccepted has no option 'match'",
        }.items():
            with self.subTest(text=text), pytest.raises(ValueError, match=words) as caught:
                parse_fault(text)
            assert "\n" not in str(caught.value)

    @law
    @given(
        st.sampled_from([*EVERY_KIND, "bandwidth,rate=1", WHOLE]),
        st.text(alphabet="0123456789.,:=abeforvyn-") | st.text(max_size=5),
    )
    def test_any_text_gives_a_fault_or_a_valueerror(self, kind: str, noise: str) -> None:
        """Never anything else."""
        try:
            fault = parse_fault(kind + noise)
        except ValueError:
            return
        assert 0 <= fault.probability <= 1
        assert fault.limit is None or fault.limit >= 1
        assert parse_fault(fault.text) == fault


class WrittenFaultTests(unittest.TestCase):
    """Faults made of values, written as they would be asked for."""

    def test_what_is_written_is_read_again(self) -> None:
        """All fields, those of the kind too."""
        for text in (
            "reset:0.5,every=3,limit=2,at=after", "drip,bytes=3,pause=0.5", "stall", "unaccepted",
            "bandwidth,rate=64Ki,direction=in,peer=10.0.0.0/8", "late,times=3", "refuse:0.25",
            "extra,bytes=4,match=^a,b", "silent,after=2,connection=4", "truncate,bytes=9",
        ):  # fmt: skip
            with self.subTest(text=text):
                fault = replace(parse_fault(text), text="")
                assert replace(parse_fault(text_of(fault)), text="") == fault
                assert text_of(parse_fault(text)) == text


class InBandTests(unittest.TestCase):
    """What a message asks for itself."""

    def test_words_that_are_obeyed(self) -> None:
        """Up to white space; what follows may be anything."""
        assert parse_in_band(b"!delay 2 hello") == InBand(delay=2.0)
        assert parse_in_band(b"!delay 20ms\r\n") == InBand(delay=0.02)
        assert parse_in_band(b"!none \xff\xfe") == InBand()
        reset = parse_in_band(b"!reset,at=middle x").fault
        assert reset is not None
        assert (reset.kind, reset.at) == (Kind.RESET, Moment.MIDDLE)

    def test_words_that_are_not(self) -> None:
        """Unknown, incomplete, scheduled, or longer than a peer may ask for."""
        for message in (
            b"", b"!", b"! reset", b"!x", b"!delay", b"!delay x", b"!delay -1", b"!delay 1e9",
            b"!stall,for=3601", b"!reset:0.5", b"!reset,every=2", b"!refuse", b"reset", b"\xff",
            b"!bandwidth,rate=1", b"!unaccepted", b"!reset,limit=1", b"!reset,peer=::1",
            b"!reset,match=x", b"!reset,match=x,y",
        ):  # fmt: skip
            with self.subTest(message=message), self.assertRaises(ValueError):
                parse_in_band(message)
        with pytest.raises(ValueError, match=r"silent has no option 'every'$"):
            parse_in_band(b"!silent,every=2")

    @law
    @given(st.binary(max_size=30) | st.builds(b"!delay ".__add__, st.binary(max_size=20)))
    def test_any_bytes_are_a_script_or_a_valueerror(self, message: bytes) -> None:
        """A peer cannot do anything else with them."""
        try:
            script = parse_in_band(message)
        except ValueError:
            return
        assert message.startswith(b"!")
        assert script.delay is None or 0 <= script.delay <= 3600


class ConstantTextTests(unittest.TestCase):
    """Reading a delay from the command line."""

    def test_numbers_are_read(self) -> None:
        """Whole numbers, fractions and exponents are seconds."""
        for text, expected in {
            "0": 0.0,
            "5": 5.0,
            "0.25": 0.25,
            "1e-3": 0.001,
            "5s": 5.0,
            "20ms": 0.02,
        }.items():
            with self.subTest(text=text):
                assert parse_delay(text).seconds(0, 0) == expected

    def test_what_is_no_delay_is_refused_in_one_line(self) -> None:
        """The message says that a number of seconds is wanted and shows what was given."""
        for text in ("", "soon", "5m", "s", "-1", "inf", "-inf", "nan", "1e999", "0x10"):
            with self.subTest(text=text), pytest.raises(ValueError, match="seconds") as caught:
                parse_delay(text)
            assert "\n" not in str(caught.value)

    def test_the_text_is_shown_where_it_is_no_number(self) -> None:
        """People see what they typed."""
        with pytest.raises(ValueError, match="'five'"):
            parse_delay("five")

    @law
    @given(text=st.text() | st.text(alphabet="0123456789.eE+-_ infa"))
    def test_any_text_gives_a_delay_or_a_valueerror(self, text: str) -> None:
        """Nothing else comes out, and a delay can always be waited for."""
        try:
            delay = parse_delay(text)
        except ValueError:
            return
        assert math.isfinite(delay.longest)
        assert delay.longest >= 0

    @law
    @given(delay=seconds)
    def test_a_number_written_out_is_read_back(self, delay: float) -> None:
        """Python's text of a number of seconds gives that delay."""
        assert parse_delay(repr(delay)) == Constant(delay)
