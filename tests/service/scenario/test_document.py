"""Scenarios as JSON data: what is written is read again, and what is wrong is named by its path."""

import json
import pickle
import re
import unittest
from copy import copy, deepcopy
from typing import Any

import pytest
from hypothesis import given, settings

from tests.support.damage import damaged
from tests.support.scenarios import scenarios
from twistecho.base.notation import FieldError
from twistecho.service.scenario.answers import On
from twistecho.service.scenario.delay import Constant, Trace
from twistecho.service.scenario.document import ON_KEYS, read_scenario, written
from twistecho.service.scenario.fields import FIELDS
from twistecho.service.scenario.scenario import Scenario

law = settings(max_examples=100, deadline=None)

WHOLE: dict[str, Any] = {
    "framing": "line",
    "banner": "220 ready\r\n",
    "banner_delay": 0.5,
    "banner_fault": "drip,bytes=4,pause=10ms",
    "on": [
        {"match": "^QUIT", "reply": "221 bye\r\n", "close": True},
        {"match": {"base64": "/w=="}, "reply": ["a", {"base64": "/w=="}], "delay": "1s",
         "fault": "corrupt:0.5", "limit": 2},
    ],
    "reply": "raw",
    "delay": "uniform:1,3",
    "delay_per": "reply",
    "faults": ["reset:0.1", "late:0.1,times=2"],
    "in_band": True,
    "seed": 7,
}  # fmt: skip
"""Data with every key."""


def refusal(data: object) -> str:
    """Give what is said of data that cannot be a scenario."""
    with pytest.raises(FieldError) as refused:
        read_scenario(data)
    return str(refused.value)


class ReadingTests(unittest.TestCase):
    """Data to a scenario."""

    def test_every_key(self) -> None:
        """All that Python's constructor takes has one."""
        assert set(WHOLE) == {*FIELDS, "seed"}
        assert set().union(*WHOLE["on"]) == set(ON_KEYS)
        assert read_scenario(WHOLE) == Scenario(
            framing="line",
            banner=b"220 ready\r\n",
            banner_delay=0.5,
            banner_fault="drip,bytes=4,pause=10ms",
            on=[
                On("^QUIT", "221 bye\r\n", close=True),
                On(b"\xff", ["a", b"\xff"], delay="1s", fault="corrupt:0.5", limit=2),
            ],
            reply="raw",
            delay="uniform:1,3",
            faults=["reset:0.1", "late:0.1,times=2"],
            in_band=True,
            seed=7,
        )

    def test_what_is_missing_or_null_is_as_by_default(self) -> None:
        """But the seed, which may be given beside it."""
        nulls = dict.fromkeys(WHOLE)
        assert read_scenario({}) == read_scenario(nulls) == Scenario(seed=0)
        assert read_scenario({}, seed=5).seed == read_scenario({"seed": None}, seed=5).seed == 5
        assert read_scenario({"seed": 6, "delay": "uniform:1,2"}, seed=5).drawn_from == 6
        assert read_scenario({"on": [{"match": "a", "reply": None, "limit": None}]}).on == (
            On("a"),
        )

    def test_one_fault_may_be_a_text(self) -> None:
        """As in Python."""
        assert read_scenario({"faults": "reset"}) == Scenario(faults=["reset"], seed=0)

    def test_traces_are_read_where_files_are(self) -> None:
        """In all three places."""
        data = {
            "delay": "trace:f",
            "banner_delay": "trace:f",
            "on": [{"match": "a", "delay": "trace:f"}],
        }
        scenario = read_scenario(data, lines_of=lambda _name: ["1"])
        trace = Trace((1.0,), "trace:f")
        assert (scenario.delay, scenario.banner_delay, scenario.on[0].delay) == (trace,) * 3
        places: dict[str, dict[str, Any]] = {
            "delay": {"delay": "trace:f"},
            "banner_delay": {"banner_delay": "trace:f"},
            "on[0].delay": {"on": [{"match": "a", "delay": "trace:f"}]},
        }
        for place, wrong in places.items():
            assert refusal(wrong) == f"{place}: a trace cannot be read here"

    def test_what_is_wrong_is_named_by_its_path(self) -> None:
        """In one line."""
        cases: list[tuple[object, str]] = [
            ([], ": not an object"),
            ({"dely": 1}, "dely: unknown field: did you mean delay?"),
            ({"x": 1}, "x: unknown field: the fields are framing, banner, "),
            ({"framing": 5}, 'framing: neither text nor {"base64": "..."}'),
            ({"framing": "lines"}, "framing: 'lines' is not one of read, "),
            ({"banner": 5}, 'banner: neither text nor {"base64": "..."}'),
            ({"banner": {"base64": "%"}}, "banner: base64: not valid base64"),
            ({"banner": {"base64": None}}, "banner: base64: not valid base64"),
            ({"banner": {"base64": "", "x": 1}}, "banner: neither text nor"),
            ({"banner": "\ud800"}, "banner: not text that UTF-8 can encode"),
            ({"banner_delay": "x"}, "banner_delay: 'x' is not a number of seconds"),
            ({"banner_fault": "refuse"}, "banner_fault: refuse does not apply to messages"),
            ({"banner_fault": "late"}, "banner_fault: late: needs a delay"),
            ({"framing": "length:1", "banner": "x" * 256}, "banner: 256 bytes do not fit"),
            ({"on": {}}, "on: not a list of answers"),
            ({"on": [5]}, "on[0]: not an object"),
            ({"on": [{"match": "a"}, {}]}, "on[1].match: it is missing"),
            ({"on": [{"match": "("}]}, "on[0].match: not a pattern: missing ): ("),
            ({"on": [{"match": 5}]}, "on[0].match: neither text nor"),
            ({"on": [{"match": "a", "replay": ""}]}, "on[0].replay: unknown field: did"),
            ({"on": [{"match": "a", "reply": ["", 5]}]}, "on[0].reply[1]: neither text nor"),
            ({"on": [{"match": "a", "reply": "\\1"}]}, "on[0].reply: '\\1': the pattern has 0"),
            ({"on": [{"match": "a", "reply": []}]}, "on[0].reply: the list is empty"),
            ({"on": [{"match": "a", "delay": []}]}, "on[0].delay: not a delay: list"),
            ({"on": [{"match": "a", "fault": "x"}]}, "on[0].fault: 'x' is not one of refuse, "),
            ({"on": [{"match": "a", "fault": "late"}]}, "on[0].fault: late: needs a delay"),
            ({"on": [{"match": "a", "close": 1}]}, "on[0].close: neither true nor false: 1"),
            ({"on": [{"match": "a", "limit": 1.5}]}, "on[0].limit: not a whole number, 1 or more"),
            ({"framing": "length:1", "on": [{"match": "a", "reply": "x" * 256}]},
             "on[0].reply: 256 bytes do not fit"),
            ({"reply": 5}, "reply: not a text: int"),
            ({"reply": "x" * 1000}, f"reply: '{'x' * 40}' is not one of raw, prefixed, stamped"),
            ({"delay": "5 apples"}, "delay: '5 apples' is not a number of seconds"),
            ({"delay": True}, "delay: not a delay: bool"),
            ({"delay": 10**400}, "delay: not a number of seconds, 0 to 1,000,000"),
            ({"delay": -(10**400)}, "delay: not a number of seconds, 0 to 1,000,000"),
            ({"delay": -1.5}, "delay: -1.5 is not a number of seconds, 0 or more"),
            ({"delay": float("nan")}, "delay: nan is not a number of seconds"),
            ({"delay_per": "x"}, "delay_per: 'x' is not one of reply, connection"),
            ({"faults": 5}, "faults: not a list of faults: int"),
            ({"faults": ["reset", 5]}, "faults[1]: not a fault: int"),
            ({"faults": ["reset:2"]}, "faults[0]: reset: 2 is not a probability, 0 to 1"),
            ({"faults": ["reset", "close"]}, "faults: reset, close: the probabilities add up"),
            ({"faults": ["late"]}, "faults: late: needs a delay of each reply"),
            ({"in_band": "yes"}, "in_band: neither true nor false: 'yes'"),
            ({"seed": -1}, "seed: not a whole number, 0 or more"),
            ({"seed": 10**100}, "seed: more than 100 digits"),
        ]  # fmt: skip
        for data, problem in cases:
            with self.subTest(problem):
                said = refusal(data)
                assert said.startswith(problem), said
                assert re.fullmatch(".{1,300}", said)

    @law
    @given(damaged(WHOLE))
    def test_any_data_is_a_scenario_or_refused(self, data: object) -> None:
        """With the path of what is wrong; a scenario that was read is written and read again."""
        try:
            scenario = read_scenario(data)
        except FieldError as error:
            assert error.problem
            return
        assert read_scenario(written(scenario)) == scenario


class WritingTests(unittest.TestCase):
    """A scenario to data."""

    @law
    @given(scenarios())
    def test_what_is_written_is_read_again(self, scenario: Scenario) -> None:
        """Through JSON; and what is written of that is the same."""
        text = json.dumps(written(scenario), allow_nan=False)
        again = read_scenario(json.loads(text))
        assert again == scenario
        assert json.dumps(written(again)) == text

    @law
    @given(scenarios())
    def test_another_process_can_be_told(self, scenario: Scenario) -> None:
        """By pickle, also once it has been used."""
        for _ in range(2):
            assert pickle.loads(pickle.dumps(scenario)) == scenario  # noqa: S301 - our own
            assert copy(scenario) == deepcopy(scenario) == scenario
            assert scenario.decide(1, 2, b"ab") == scenario.replace().decide(1, 2, b"ab")

    def test_every_field_is_there(self) -> None:
        """With what is so by default."""
        assert written(Scenario()) == {
            "framing": "read", "banner": "", "banner_delay": "0", "banner_fault": None, "on": [],
            "reply": "stamped", "delay": "0", "delay_per": "reply", "faults": [], "in_band": False,
            "seed": 0,
        }  # fmt: skip

    def test_texts_are_as_they_were_asked_for(self) -> None:
        """And bytes that are no text are base64."""
        scenario = Scenario(
            framing=b"delimiter:\xff",
            banner=b"\xff",
            delay="20ms",
            banner_delay=Constant(1e-7),
            faults=["reset:0.10"],
            on=[On(b"\xff", ["a", b"\xff"])],
        )
        found = written(scenario)
        assert found["framing"] == {"base64": "ZGVsaW1pdGVyOv8="}
        assert found["banner"] == {"base64": "/w=="}
        assert (found["delay"], found["banner_delay"]) == ("20ms", "1e-07s")
        assert found["faults"] == ["reset:0.10"]
        assert found["on"][0]["match"] == {"base64": "/w=="}
        assert found["on"][0]["reply"] == ["a", {"base64": "/w=="}]
