"""The options that commands share: what their texts become, and what a service is told."""

from unittest import TestCase

import click
import pytest

from twistecho.base.notation import parse_rate
from twistecho.cli.options import Parsed, service_options
from twistecho.fleet.plans.plan import Plan
from twistecho.service.scenario.parsing import parse_delays, parse_fault

RATE = Parsed("rate", parse_rate)


class ParsedTests(TestCase):
    """One type for all that a function reads."""

    def test_a_text_is_read_and_a_value_stays(self) -> None:
        """As click may ask for both."""
        assert RATE.convert("2k", None, None) == 2000
        assert RATE.convert(2000.0, None, None) == 2000

    def test_what_cannot_be_read_is_one_line(self) -> None:
        """The function's own."""
        with pytest.raises(click.BadParameter) as caught:
            RATE.convert("many", None, None)
        assert caught.value.message == "'many' is not a number a second"


class ServiceOptionTests(TestCase):
    """What `check` tells its service, and people."""

    def test_it_is_told_what_was_asked_for(self) -> None:
        """In the same words; a file is not read again, and a seed that is drawn is told."""
        trace = parse_delays("trace:gone", lines_of=lambda _name: ["1"])
        faults = [parse_fault("late:0.5,times=3"), parse_fault("extra:0.1")]
        told, words = service_options(Plan(), trace, "reply", faults, 7)
        assert told == {
            "reply": "stamped",
            "delay": "trace:gone",
            "delay_per": "reply",
            "seed": 7,
            "fault": ["late:0.5,times=3", "extra:0.1"],
        }
        assert words == "faults late:0.5,times=3 extra:0.1, delay trace:gone, seed 7"
        told, words = service_options(Plan(), parse_delays("20ms"), "reply", [], None)
        assert (told["delay"], words) == ("20ms", "")
        assert 0 <= told["seed"] < 2**32
