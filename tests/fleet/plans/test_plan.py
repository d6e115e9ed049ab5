"""The plan: what each client does, and divided among processes."""

import math
import unittest
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twistecho.base.notation import FieldError
from twistecho.base.reply_formats import ReplyFormat
from twistecho.fleet.plans.arrivals import Arrivals
from twistecho.fleet.plans.default_messages import NOTEBOOK_MESSAGE
from twistecho.fleet.plans.plan import Plan


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
