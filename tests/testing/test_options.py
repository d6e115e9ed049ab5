"""Options of a test's server: their names, and how they go to its process."""

from pathlib import Path
from typing import Any
from unittest import TestCase

from twistecho.base.notation import FieldError
from twistecho.service.scenario.answers import On
from twistecho.service.scenario.delay import Constant
from twistecho.service.scenario.document import read_scenario, written
from twistecho.service.scenario.fault import Fault, Kind
from twistecho.service.scenario.framing import parse_framing
from twistecho.service.scenario.parsing import parse_delays, parse_fault
from twistecho.service.scenario.scenario import Scenario
from twistecho.testing.documents import document_of
from twistecho.testing.options import EchoServerOptions, ScenarioFields, checked, with_options
from twistecho.testing.server import fields_of


class CheckedTests(TestCase):
    """Names are checked; a misspelt one is an error of one line."""

    def test_a_misspelt_option_is_named_with_what_was_meant(self) -> None:
        """A TypeError, like Python's own errors for arguments."""
        with self.assertRaisesRegex(
            TypeError, r"^here has no option 'dealy': did you mean delay\?$"
        ):
            checked({"dealy": 1}, EchoServerOptions, "here")
        with self.assertRaisesRegex(TypeError, r"^here has no option 'zzz': there are banner, "):
            checked({"zzz": 1}, ScenarioFields, "here")

    def test_fault_is_another_name_of_faults(self) -> None:
        """Only one of them may be given; None counts as not given."""
        assert checked({"fault": "a", "faults": None}, EchoServerOptions, "x") == {"faults": "a"}
        with self.assertRaisesRegex(TypeError, "fault is another name for faults"):
            checked({"fault": "a", "faults": "b"}, EchoServerOptions, "x")

    def test_the_fields_are_those_of_a_scenario(self) -> None:
        """Each can be given by its name, and no other."""
        assert ScenarioFields.__annotations__.keys() == written(Scenario()).keys()


class FaultOptionTests(TestCase):
    """Options of a fault as keywords."""

    def test_they_go_before_the_pattern(self) -> None:
        """Which takes the rest of the text."""
        for fault, options, expected in (
            ("reset", {}, "reset"),
            ("reset", {"limit": 2}, "reset,limit=2"),
            ("reset:0.5", {"every": 2, "after": 1}, "reset:0.5,every=2,after=1"),
            ("stall", {"for_": "2s"}, "stall,for=2s"),
            ("drip", {"pause": 0.5, "bytes": 3}, "drip,pause=0.5,bytes=3"),
            ("reset,match=a,b", {"limit": 2}, "reset,limit=2,match=a,b"),
            ("reset:match=a", {"limit": 2}, "reset,limit=2:match=a"),
            ("silent", {"match": "^a,limit=1", "limit": 3}, "silent,limit=3,match=^a,limit=1"),
        ):
            with self.subTest(fault=fault, options=options):
                assert with_options(fault, options) == expected

    def test_any_bytes_are_a_pattern(self) -> None:
        """Also those that are no text."""
        text = with_options("reset", {"match": rb"^\xff"})
        other = with_options("reset", {"match": b"\xff"})
        assert isinstance(text, str)
        assert isinstance(other, str)
        for each, byte in ((text, b"\xff"), (other, b"\xff")):
            match = parse_fault(each).match
            assert match is not None
            assert match.found_in(byte)
            assert not match.found_in(b"\xfe")

    def test_wrong_ones_are_refused(self) -> None:
        """By name, and for a fault that is not text."""
        with self.assertRaisesRegex(TypeError, r"a fault has no option 'limits': .* limit\?"):
            with_options("reset", {"limits": 2})
        with self.assertRaisesRegex(TypeError, "options go with the text of a fault"):
            with_options(Fault(Kind.RESET), {"limit": 2})


class DocumentTests(TestCase):
    """Fields as they go to the process of a service."""

    def test_every_value_arrives(self) -> None:
        """Texts and objects, each field."""
        fields: list[dict[str, Any]] = [
            {"framing": "delimiter:\r\n"},
            {"framing": b"delimiter:\xff"},
            {"framing": parse_framing("length:2,little")},
            {"banner": b"\xff220\r\n", "banner_delay": "20ms", "banner_fault": "silent"},
            {"banner": "220", "banner_delay": 0.5, "banner_fault": Fault(Kind.CLOSE, text="close")},
            {"banner_delay": Constant(0.25)},
            {"on": On(b"^\xff", [b"a", b"b"], delay=0.5, fault="reset", close=True, limit=2)},
            {"on": [On("x", "y"), On(b"z", b"", delay="uniform:1,2")]},
            {"reply": "raw", "delay_per": "connection", "in_band": True, "seed": 7},
            {"delay": parse_delays("uniform:1,2")},
            {"faults": "reset:0.5"},
            {"faults": ["reset:0.5,limit=1", parse_fault("silent:0.1,every=2")]},
            {"faults": Scenario(faults=["close"]).faults},
        ]
        for each in fields:
            with self.subTest(fields=each):
                assert read_scenario(document_of(each)) == Scenario(**{"seed": 0, **each})

    def test_a_whole_scenario_arrives(self) -> None:
        """All its fields."""
        scenario = Scenario(framing="line", delay="exponential:1", faults="late", seed=3)
        assert read_scenario(document_of(fields_of(scenario))) == scenario

    def test_a_trace_is_found_from_any_folder(self) -> None:
        """Its path is made absolute by the caller."""
        document = document_of({"delay": "trace:waits,max=2", "banner_delay": "trace:/waits"})
        assert document["delay"] == f"trace:{Path.cwd()}/waits,max=2"
        assert document["banner_delay"] == "trace:/waits"

    def test_what_cannot_be_sent_is_named(self) -> None:
        """With its field, in one line."""

        class Own:
            longest = 1.0

            def seconds(self, connection: int, message: int) -> float:
                return connection + message

        assert document_of({"faults": [Fault(Kind.RESET, 0.5)]}) == {"faults": ["reset:0.5"]}
        refused: list[tuple[dict[str, Any], str]] = [
            ({"delay": Own()}, "^delay: a custom delay cannot be sent to another process"),
            ({"faults": [Fault(Kind.DRIP)]}, "^faults: drip: a fault for another process"),
            ({"on": [1]}, r"^on\[0\]: not an answer: int"),
            ({"on": 1}, "^on: not a list of answers: int"),
            ({"faults": 1}, "^faults: not a list of faults: int"),
            ({"reply": []}, "^reply: not a text: list"),
            ({"banner_fault": 1.5j}, "^banner_fault: not a fault: complex"),
        ]
        for fields, problem in refused:
            with self.subTest(fields=fields), self.assertRaisesRegex(FieldError, problem):
                document_of(fields)
