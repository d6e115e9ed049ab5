"""A plan as JSON data, and as the text of a file."""

import json
import math
import unittest

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.reports import plans
from twistecho.fleet.plans.arrivals import Arrivals
from twistecho.fleet.plans.default_messages import NOTEBOOK_MESSAGE
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.plan_json import SCHEMA

law = settings(max_examples=100, deadline=None)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["base64", "x"]), inner, max_size=2)
    ),
    max_leaves=6,
)


class JsonTests(unittest.TestCase):
    """A plan as JSON data."""

    @law
    @given(plan=plans)
    def test_a_plan_comes_back_from_json(self, plan: Plan) -> None:
        """Written as JSON text and read again it is the same plan, whatever its bytes."""
        assert Plan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan

    def test_text_is_written_as_text(self) -> None:
        """A message in UTF-8 can be read by people, another one is base64."""
        data = Plan(messages=("olá".encode(), b"\xff")).to_dict()
        assert data["messages"] == ["olá", {"base64": "/w=="}]

    def test_messages_of_an_old_plan_are_sent_as_they_are(self) -> None:
        """Its texts had no tokens, and its default was the notebook's."""
        plan = Plan.from_json('{"schema": 2, "messages": ["a{client}"]}')
        assert plan == Plan(messages=(b"a{client}",), literal=True)
        assert Plan.from_json('{"schema": 2}') == Plan(messages=(NOTEBOOK_MESSAGE,))
        old = {**Plan(messages=(b"x",)).to_dict(), "schema": 2}
        del old["literal"]
        assert Plan.from_dict(old) == Plan(messages=(b"x",))

    @law
    @given(field=st.sampled_from(sorted(Plan().to_dict())), value=json_values)
    def test_a_damaged_plan_is_refused_as_documented(self, field: str, value: object) -> None:
        """One field replaced by any JSON value gives a plan or ValueError."""
        try:
            plan = Plan.from_dict({**Plan().to_dict(), field: value})
        except ValueError:
            return
        assert Plan.from_dict(plan.to_dict()) == plan

    def test_a_number_too_large_is_refused_as_documented(self) -> None:
        """JSON knows Infinity and integers without end; neither is a count or a time."""
        for field, value in (("clients", math.inf), ("repeat", math.inf), ("timeout", 10**400)):
            with self.subTest(field=field), pytest.raises(ValueError, match=field):
                Plan.from_dict({**Plan().to_dict(), field: value})

    def test_a_flag_is_true_or_false(self) -> None:
        """Text is neither."""
        for field in ("ordered", "barrier"):
            with self.subTest(field=field), pytest.raises(ValueError, match=field):
                Plan.from_dict({**Plan().to_dict(), field: "no"})

    def test_another_schema_is_refused(self) -> None:
        """A newer one may mean something else by the same fields."""
        with pytest.raises(ValueError, match=rf"schema {SCHEMA + 1} is not {SCHEMA}"):
            Plan.from_dict({**Plan().to_dict(), "schema": SCHEMA + 1})

    def test_a_plan_without_a_field_is_refused(self) -> None:
        """What a program wrote has them all, but for those that came later."""
        for field in Plan().to_dict().keys() - {"reconnect"}:
            data = Plan().to_dict()
            del data[field]
            with (
                self.subTest(field=field),
                pytest.raises(ValueError, match=f"{field}: it is missing"),
            ):
                Plan.from_dict(data)


class FileTests(unittest.TestCase):
    """A plan as the text of a file, which people write too."""

    def test_that_the_format_is_to_be_found_is_written_and_read(self) -> None:
        """As the word for it."""
        plan = Plan(reply="auto")
        assert plan.to_dict()["reply"] == "auto"
        assert Plan.from_json(plan.to_json()) == plan

    @law
    @given(plan=plans)
    def test_a_plan_comes_back_from_its_text(self, plan: Plan) -> None:
        """Whatever its fields."""
        assert Plan.from_json(plan.to_json()) == plan

    def test_what_is_left_out_is_the_default(self) -> None:
        """Only the schema is needed."""
        text = f'{{"schema": {SCHEMA}, "clients": 5, "rate": 100, "arrivals": "poisson"}}'
        assert Plan.from_json(text) == Plan(clients=5, rate=100, arrivals=Arrivals.POISSON)

    def test_bad_text_is_refused_in_one_line_that_names_the_field(self) -> None:
        """No JSON, no plan, a newer one, an unknown field, a wrong type, a wrong value."""
        for text, told in (
            ("", "Expecting value"),
            ("[]", "not an object"),
            ("{}", "schema: it is missing"),
            (f'{{"schema": {SCHEMA + 1}}}', f"schema {SCHEMA + 1} is not {SCHEMA}"),
            ('{"schema": 2, "client": 5}', "client: there is no such field"),
            ('{"schema": 2, "clients": "5"}', "clients: stage 1: '5' is not like 100:30s"),
            ('{"schema": 2, "clients": 0}', "clients: 0 is not 1 or more"),
            ('{"schema": 2, "reply": "html"}', "reply: 'html' is not one of auto, raw, "),
            (r'{"schema": 2, "reply": "\u001b\n"}', r"reply: '\x1b\n' is not one of auto, "),
            ('{"schema": "\\n"}', rf"schema \n is not {SCHEMA}"),
            ('{"schema": 2, "messages": "hello"}', "messages: "),
            ('{"schema": 2, "messages": [5]}', "messages[0]: "),
            ('{"schema": 2, "sources": "127.0.0.1"}', "sources: "),
            ("[" * 100_000, "nested too deep"),
        ):
            with self.subTest(text=text[:40]), pytest.raises(ValueError) as caught:
                Plan.from_json(text)
            assert told in str(caught.value)
            assert "\n" not in str(caught.value)

    @law
    @given(data=json_values)
    def test_any_json_is_refused_with_valueerror_or_is_a_plan(self, data: object) -> None:
        """And nothing else."""
        for value in (data, {"schema": SCHEMA, "clients": data}, {"schema": SCHEMA, "x": data}):
            try:
                plan = Plan.from_json(json.dumps(value))
            except ValueError:
                continue
            assert Plan.from_dict(plan.to_dict()) == plan
