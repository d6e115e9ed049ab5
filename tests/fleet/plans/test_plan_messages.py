"""The messages of a plan: tokens and numbers in their place."""

import re
import unittest
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from twistecho.fleet.plans.default_messages import OWN_MESSAGE
from twistecho.fleet.plans.plan import Plan

law = settings(max_examples=100, deadline=None)

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
