"""What a service is told by the options of a command."""

from unittest import TestCase

from twistecho.cli.own_service import service_options
from twistecho.fleet.plans.plan import Plan
from twistecho.service.scenario.parsing import parse_delays, parse_fault


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
