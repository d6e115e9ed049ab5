"""The plan: what each client does."""

import json
import math
import unittest
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twistecho.plan import LONGEST_TIMEOUT, NOTEBOOK_MESSAGE, Plan
from twistecho.wire import ReplyFormat

law = settings(max_examples=100, deadline=None)

plans = st.builds(
    Plan,
    clients=st.integers(1, 10**6),
    messages=st.lists(
        st.binary(min_size=1) | st.text(min_size=1).map(str.encode), min_size=1, max_size=4
    ).map(tuple),
    repeat=st.integers(1, 10**6),
    timeout=st.floats(min_value=0, max_value=LONGEST_TIMEOUT, exclude_min=True),
    reply=st.sampled_from(ReplyFormat),
    ordered=st.booleans(),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["base64", "x"]), inner, max_size=2)
    ),
    max_leaves=6,
)


class PlanTests(unittest.TestCase):
    """A plan is a value that can be carried out."""

    def test_the_default_is_the_notebook(self) -> None:
        """Twenty clients send the notebook's text once and expect a stamped reply."""
        plan = Plan()
        assert plan.clients == 20
        assert plan.messages == (b"Ola mundo da internet!",) == (NOTEBOOK_MESSAGE,)
        assert plan.repeat == 1
        assert plan.reply is ReplyFormat.STAMPED

    def test_what_cannot_be_carried_out_is_refused_by_name(self) -> None:
        """A bad value raises ValueError, and the message begins with the field's name."""
        bad: list[tuple[str, Any]] = [
            ("clients", 0),
            ("clients", -1),
            ("repeat", 0),
            ("repeat", -1),
            ("messages", ()),
            ("messages", (b"",)),
            ("messages", (b"x", b"")),
            ("timeout", 0.0),
            ("timeout", -1.0),
            ("timeout", math.inf),
            ("timeout", math.nan),
        ]
        for field, value in bad:
            arguments: dict[str, Any] = {field: value}
            with self.subTest(**arguments), pytest.raises(ValueError, match=f"^{field}: "):
                Plan(**arguments)

    def test_the_smallest_plan_is_accepted(self) -> None:
        """One client, one byte, once."""
        assert Plan(clients=1, messages=(b"\0",), repeat=1, timeout=1e-9).messages_per_client == 1

    def test_messages_come_in_turn_and_over_again(self) -> None:
        """All messages in their order, `repeat` times over."""
        plan = Plan(messages=(b"a", b"b", b"a"), repeat=2)
        sent = [plan.message(number) for number in range(plan.messages_per_client)]
        assert sent == [b"a", b"b", b"a", b"a", b"b", b"a"]

    @law
    @given(plan=plans)
    def test_every_message_is_sent_repeat_times(self, plan: Plan) -> None:
        """The number of messages of a client is that of the messages times the repeats."""
        assert plan.messages_per_client == len(plan.messages) * plan.repeat


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

    @law
    @given(field=st.sampled_from(sorted(Plan().to_dict())), value=json_values)
    def test_a_damaged_plan_is_refused_as_documented(self, field: str, value: object) -> None:
        """One field replaced by any JSON value gives a plan, ValueError, KeyError or TypeError."""
        try:
            plan = Plan.from_dict({**Plan().to_dict(), field: value})
        except (ValueError, KeyError, TypeError):
            return
        assert Plan.from_dict(plan.to_dict()) == plan

    def test_a_number_too_large_is_refused_as_documented(self) -> None:
        """JSON knows Infinity and integers without end; neither is a count or a time."""
        for field, value in (("clients", math.inf), ("repeat", math.inf), ("timeout", 10**400)):
            with self.subTest(field=field), pytest.raises((ValueError, KeyError, TypeError)):
                Plan.from_dict({**Plan().to_dict(), field: value})

    def test_a_plan_without_a_field_is_refused(self) -> None:
        """No field is made up, but the one that older reports do not have."""
        for field in Plan().to_dict().keys() - {"ordered"}:
            data = Plan().to_dict()
            del data[field]
            with self.subTest(field=field), pytest.raises(KeyError):
                Plan.from_dict(data)
