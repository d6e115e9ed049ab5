"""The plan: what each client does, written and read, and divided among processes."""

import json
import math
import re
import unittest
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.reports import plans
from twistecho.base.notation import FieldError
from twistecho.base.reply_formats import ReplyFormat
from twistecho.fleet.plans.plan import NOTEBOOK_MESSAGE, OWN_MESSAGE, SCHEMA, Arrivals, Plan

law = settings(max_examples=100, deadline=None)

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
        """Twenty clients send the notebook's text, each its own, and expect a stamped reply."""
        plan = Plan()
        assert plan.clients == 20
        assert plan.messages[0].startswith(b"Ola mundo da internet!")
        assert plan.messages[0].startswith(NOTEBOOK_MESSAGE)
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
            ("think", -1.0),
            ("think", math.nan),
            ("rate", 0.0),
            ("rate", -1.0),
            ("rate", math.inf),
            ("rate", 5e-324),
            ("ramp", 1e-300),
            ("first", 2**63 - 1),
            ("pipeline", 0),
            ("duration", 0.0),
            ("warmup", -1.0),
            ("ramp", 0.0),
            ("seed", -1),
            ("first", -1),
            ("reconnect", 0),
            ("reconnect", 10**20),
        ]
        for field, value in bad:
            arguments: dict[str, Any] = {field: value}
            with self.subTest(**arguments), pytest.raises(ValueError, match=f"^{field}: "):
                Plan(**arguments)

    def test_the_smallest_plan_is_accepted(self) -> None:
        """One client, one byte, once."""
        assert Plan(clients=1, messages=(b"\0",), repeat=1, timeout=1e-9).messages_per_client == 1

    def test_fields_that_contradict_each_other_are_refused(self) -> None:
        """The message begins with the name of one of them and holds the other's."""
        bad: list[tuple[str, str, dict[str, Any]]] = [
            ("repeat", "duration", {"repeat": 2, "duration": 1.0}),
            ("think", "rate", {"think": 1.0, "rate": 5.0}),
            ("think", "pipeline", {"think": 1.0, "pipeline": 2}),
            ("ramp", "order", {"ramp": 10.0, "ordered": True}),
            ("pipeline", "reconnect", {"pipeline": 3, "reconnect": 2}),
        ]
        for field, other, fields in bad:
            with self.subTest(field=field), pytest.raises(ValueError, match=f"^{field}: .*{other}"):
                Plan(**fields)

    def test_under_a_duration_nobody_knows_how_many_messages_are_sent(self) -> None:
        """There is no number of messages a client."""
        assert Plan(duration=1.0).messages_per_client is None

    def test_a_rate_is_one_of_messages(self) -> None:
        """Connections are so many times fewer; without a rate, or always the same, nobody knows."""
        assert Plan(rate=100.0, reconnect=8, pipeline=8).connects_per_second == 12.5
        assert Plan(rate=100.0).connects_per_second is None
        assert Plan(reconnect=8).connects_per_second is None

    def test_messages_come_in_turn_and_over_again(self) -> None:
        """All messages in their order, `repeat` times over."""
        plan = Plan(messages=(b"a", b"b", b"a"), repeat=2)
        assert plan.messages_per_client == 6
        sent = [plan.messages_of(0)(number) for number in range(6)]
        assert sent == [b"a", b"b", b"a", b"a", b"b", b"a"]


texts = st.lists(
    st.sampled_from([b"{client}", b"{message}", b"{", b"}", b"client", b"%", b"%d", b"{}"])
    | st.binary(max_size=3),
    min_size=1,
    max_size=8,
).map(lambda parts: b"".join(parts) or b"x")
"""Messages with tokens, parts of tokens, and what a formatting language would take for its own."""


class TokenTests(unittest.TestCase):
    """The tokens ``{client}`` and ``{message}``, and nothing else, are replaced."""

    @law
    @given(
        messages=st.lists(texts, min_size=1, max_size=3).map(tuple),
        client=st.integers(0, 10**12),
        number=st.integers(0, 10**12),
    )
    def test_only_the_exact_tokens_are_replaced(
        self, messages: tuple[bytes, ...], client: int, number: int
    ) -> None:
        """All other bytes are sent as they are, and all of them if the plan says so."""
        plan, text = Plan(messages=messages), messages[number % len(messages)]
        numbers = {b"{client}": b"%d" % client, b"{message}": b"%d" % number}
        parts = re.split(rb"(\{client\}|\{message\})", text)
        expected = b"".join(numbers.get(part, part) for part in parts)
        assert plan.messages_of(client)(number) == expected
        assert replace(plan, literal=True).messages_of(client)(number) == text
        only = plan.only_message_of(client)
        assert (only is None) == (len(messages) > 1 or b"{message}" in text)
        assert only in {None, expected}

    def test_a_text_without_tokens_is_the_same_object(self) -> None:
        """Many clients that send megabytes do not hold a copy each."""
        text = b'{"a": {}}' * 1000
        assert Plan(messages=(text,)).only_message_of(7) is text
        assert Plan(messages=(text, b"{client}")).messages_of(7)(2) is text

    def test_no_message_of_the_default_begins_with_another(self) -> None:
        """So that the first bytes of another one's reply are never right to the end."""
        plan = Plan()
        sent = {plan.messages_of(c)(m) for c in range(120) for m in range(120)}
        assert len(sent) == 120 * 120
        assert not any(message[:at] in sent for message in sent for at in range(1, len(message)))

    def test_replies_are_told_apart_where_every_text_holds_the_client(self) -> None:
        """Of a protocol of the user's own nobody knows."""
        for texts, apart in (
            ((OWN_MESSAGE,), True),
            ((b"{client}", b"{client}{message}"), True),
            ((b"{client}", b"{message}"), False),
            ((b"x",), False),
        ):
            assert Plan(messages=texts).told_apart is apart
            assert Plan(messages=texts, literal=True).told_apart is False
            assert Plan(messages=texts, protocol="m:C").told_apart is None

    def test_the_parts_of_a_plan_send_what_the_whole_would(self) -> None:
        """Clients are numbered over the whole fleet, whatever process they are in."""
        plan = Plan(clients=7)
        parts = [part.messages_of(n)(3) for part in plan.divide(3) for n in part.numbers]
        assert parts == [plan.messages_of(n)(3) for n in plan.numbers]
        assert len(set(parts)) == 7


class TurnTests(unittest.TestCase):
    """Every client of a ramp must have its turn before the end."""

    def test_a_ramp_that_leaves_the_last_client_nothing_to_send_is_refused(self) -> None:
        """The schedule of a constant rate gives it its first message later still."""
        cases: tuple[tuple[dict[str, Any], bool], ...] = (
            ({"ramp": 2.0}, True), ({"ramp": 3.5}, True), ({"ramp": 7.0}, True),
            ({"ramp": 8.0}, False), ({"ramp": 8.0, "rate": 20.0}, True),
            ({"ramp": 2.0, "barrier": True}, False), ({"ramp": 2.0, "warmup": 3.0}, False),
            ({"ramp": 8.0, "rate": 20.0, "arrivals": Arrivals.POISSON}, False), ({}, False),
        )  # fmt: skip
        for fields, late in cases:
            plan = Plan(clients=8, duration=1.0, **fields)
            with self.subTest(fields=fields):
                if late:
                    with pytest.raises(FieldError, match=r"^ramp: .*8 clients.*duration$"):
                        plan.check_turns()
                else:
                    plan.check_turns()

    def test_nobody_waits_for_a_turn_after_the_end(self) -> None:
        """Which counts from the barrier where there is one."""
        plan = Plan(clients=8, duration=1.0, warmup=0.5, ramp=2.0)
        assert [plan.turn_of(client) for client in (1, 7)] == [0.5, 1.5]
        assert replace(plan, barrier=True).turn_of(7) == 3.5


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


class KindTests(unittest.TestCase):
    """A plan made in Python."""

    def test_a_field_of_another_type_or_range_is_refused_by_name(self) -> None:
        """No text for a number, no flag for a count, nothing without end."""
        bad: dict[str, tuple[object, ...]] = {
            "messages": ("text", ("text",), [b"x"], (5,)),
            "sources": ("127.0.0.1", (b"x",)),
            "reply": ("row", 5, None),
            "arrivals": ("poisson",),
            "clients": ("20", 1.5, True, None, 10**5000),
            "seed": (10**100, "1"),
            "timeout": ("2s", None, math.nan, math.inf, True, 10**5000),
            "rate": ("fast", math.nan),
            "ordered": (1, None),
            "protocol": (5,),
            "reconnect": (1.0, "1", True),
        }
        for name, values in bad.items():
            for value in values:
                fields: dict[str, Any] = {name: value}
                with self.subTest(name=name), pytest.raises(ValueError, match=f"^{name}: "):
                    Plan(**fields)

    def test_what_is_asked_of_replies_is_a_format_or_auto(self) -> None:
        """Either may be text; a format is one of the enumeration all the same."""
        assert Plan(reply="auto").reply == "auto"
        fields: dict[str, Any] = {"reply": "raw"}
        assert Plan(**fields).reply is ReplyFormat.RAW
        assert Plan().reply is ReplyFormat.STAMPED


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


class DivideTests(unittest.TestCase):
    """A plan divided among processes: nothing is lost and nothing is added."""

    @given(st.integers(1, 1000), st.integers(1, 50), st.integers(0, 10**6))
    def test_clients_rate_and_ramp_add_up(self, clients: int, parts: int, first: int) -> None:
        """Numbers follow each other; no part has none, or two more than another."""
        plan = Plan(clients=clients, rate=100.0, ramp=7.0, first=first)
        plans = plan.divide(parts)
        numbers = [n for part in plans for n in range(part.first, part.first + part.clients)]
        assert numbers == list(range(first, first + clients))
        assert len(plans) == min(parts, clients)
        assert max(p.clients for p in plans) - min(p.clients for p in plans) <= 1
        assert abs(sum(part.rate or 0.0 for part in plans) - 100.0) < 1e-9
        assert abs(sum(part.ramp or 0.0 for part in plans) - 7.0) < 1e-9

    def test_clients_in_order_cannot_be_divided(self) -> None:
        """No process can wait for the clients of another one."""
        with self.assertRaisesRegex(ValueError, "in order"):
            Plan(ordered=True).divide(2)
