"""Messages that are drawn: how large, of which bytes, and which of several."""

import unittest
import zlib
from collections import Counter
from dataclasses import replace
from hashlib import blake2b, shake_256
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.support.reports import SIZES, plans
from twistecho.base.notation import FieldError
from twistecho.base.reply_formats import PREFIX, ReplyFormat
from twistecho.fleet.plans.contents import STOCK, Content, stock_of
from twistecho.fleet.plans.payload import sizes_of
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.plan_json import SCHEMA

law = settings(max_examples=60, deadline=None)
small = st.sampled_from([*SIZES, 1, 40, 1000])
numbers = st.integers(0, 10**9)
payloads = st.sampled_from(["random", "text", "zeros"]) | st.binary(min_size=1, max_size=300)


def sent(plan: Plan, client: int, *messages: int) -> list[bytes]:
    """Give what a client sends as these messages."""
    make = plan.messages_of(client)
    return [make(number) for number in messages]


class DrawingTests(unittest.TestCase):
    """What is sent is a function of the seed, the client and the message."""

    @law
    @given(plan=plans, client=numbers, messages=st.lists(numbers, min_size=2, max_size=5))
    def test_whatever_was_sent_before(self, plan: Plan, client: int, messages: list[int]) -> None:
        """And by whom: another plan with the same fields, in any order, gives the same bytes."""
        assume(plan.size is None or isinstance(plan.size, str))
        first = sent(plan, client, *messages)
        other = Plan.from_json(plan.to_json())
        for seed in (plan.seed, plan.seed + 1):  # what other seeds draw leaves no trace
            sent(replace(other, seed=seed), client + 1, *messages)
        assert sent(other, client, *reversed(messages)) == first[::-1]

    @law
    @given(size=small, payload=payloads, client=numbers, number=numbers, seed=numbers)
    def test_a_message_is_its_text_and_bytes_behind_it(
        self, size: str | int, payload: str | bytes, client: int, number: int, seed: int
    ) -> None:
        """Up to its size; bytes alone where the text does not fit."""
        plan = Plan(size=size, payload=payload, seed=seed)
        sizes = sizes_of(size)
        assert sizes is not None
        [message] = sent(plan, client, number)
        text = b"Ola mundo da internet! (%d, %d)" % (client, number)
        assert sizes.least <= len(message) <= sizes.most
        filled = message.removeprefix(text)
        assert (filled == message) == (len(message) < len(text))
        known = payload if isinstance(payload, bytes) else Content(payload)
        assert filled in stock_of(known, seed, sizes.most).data

    def test_clients_messages_and_seeds_differ(self) -> None:
        """In their sizes and in their bytes, though the text be the same."""
        plan = Plan(size="uniform:100,100k", payload="random", messages=(b"",))
        found = sent(plan, 0, *range(50)) + [sent(plan, client, 0)[0] for client in range(1, 50)]
        found += [sent(replace(plan, seed=seed), 0, 0)[0] for seed in range(1, 50)]
        assert len({len(message) for message in found}) > 140
        assert len({message[:32] for message in found}) > 140

    def test_the_documented_derivation(self) -> None:
        """Made here by hand, so that what one version sends for a seed the next one sends."""
        plan = Plan(size="uniform:100,4k", seed=7, messages=(b"", b"y"), weights=(3, 1),
                    payload="random")  # fmt: skip
        stock = shake_256(b"7/payload").digest(2**20)
        for client, number in ((0, 0), (3, 1), (10**6, 10**9 + 3)):
            digest = blake2b(b"7/message/%d/%d" % (client, number // 4)).digest()
            drawn, place = (
                (int.from_bytes(digest[at : at + 8]) >> 11) / 2**53
                for at in (number % 4 * 16, number % 4 * 16 + 8)
            )
            text, left = (b"", drawn / 0.75) if drawn < 0.75 else (b"y", (drawn - 0.75) / 0.25)
            size, begin = 100 + int(left * 3901), int(place * 2**20)
            filled = (stock + stock[:4000])[begin : begin + size - len(text)]
            assert sent(plan, client, number) == [text + filled]

    def test_the_parts_of_a_plan_send_what_the_whole_would(self) -> None:
        """Whatever process a client is in."""
        plan = Plan(clients=7, size="uniform:1,99")
        parts = [sent(part, n, 3) for part in plan.divide(3) for n in part.numbers]
        assert parts == [sent(plan, n, 3) for n in plan.numbers]


class ContentTests(unittest.TestCase):
    """What messages are filled with."""

    def test_random_bytes_cannot_be_compressed_and_text_can(self) -> None:
        """Text is letters and blanks, the most frequent ones most often; zeros are zeros."""
        fill = {kind: sent(Plan(size=60_000, payload=str(kind)), 1, 2)[0][40:] for kind in Content}
        assert len(zlib.compress(fill[Content.RANDOM])) > 59_000
        assert len(zlib.compress(fill[Content.TEXT])) < 40_000
        assert {text for text, _ in Counter(fill[Content.TEXT]).most_common(3)} == set(b" et")
        assert set(fill[Content.TEXT]) <= set(b" abcdefghijklmnopqrstuvwxyz")
        assert not any(fill[Content.ZEROS])

    def test_own_bytes_go_on_at_their_beginning(self) -> None:
        """From any place of them."""
        plan = Plan(size=10, payload=b"abc", messages=(b"",))
        found = set(sent(plan, 0, *range(100)))
        assert found == {b"abcabcabca", b"bcabcabcab", b"cabcabcabc"}

    def test_pieces_begin_anywhere_in_the_stock(self) -> None:
        """At its end too, from where they go on at its beginning."""
        stock = stock_of(Content.RANDOM, 0, 1000)
        assert stock.places == STOCK
        assert stock.data[STOCK:] == stock.data[:1000]

    def test_all_clients_share_a_stock(self) -> None:
        """So that many of them take no more memory."""
        assert stock_of(Content.TEXT, 5, 99) is stock_of(Content.TEXT, 5, 99)


class WeightTests(unittest.TestCase):
    """``--weights``."""

    def test_messages_come_as_often_as_they_weigh(self) -> None:
        """Of each client, and in no order."""
        plan = Plan(messages=(b"a{client}", b"b", b"c"), weights=(7, 2.0, 1), repeat=9)
        assert plan.messages_per_client == 9
        assert replace(plan, repeat=1, duration=1.0).messages_per_client is None
        for client in (0, 1):
            found = Counter(sent(plan, client, *range(10_000)))
            for text, share in ((b"a%d" % client, 0.7), (b"b", 0.2), (b"c", 0.1)):
                assert abs(found[text] / 10_000 - share) < 0.02
        assert sent(plan, 0, *range(50)) != [*sent(plan, 0, *range(1, 50)), b"c"]

    def test_the_size_does_not_depend_on_the_text(self) -> None:
        """What chose the text says nothing of the size."""
        plan = Plan(messages=(b"a", b"b"), weights=(1, 9), size="uniform:1,100", payload="zeros")
        for text in (b"a", b"b"):
            found = [len(one) for one in sent(plan, 0, *range(20_000)) if one.startswith(text)]
            assert abs(sum(found) / len(found) - 50.5) < 3
            assert {1, 100} <= set(found)

    def test_there_is_no_only_message(self) -> None:
        """Where anything is drawn."""
        assert Plan(messages=(b"x",)).only_message_of(0) == b"x"
        assert Plan(messages=(b"x",), weights=(1,)).only_message_of(0) is None
        assert Plan(messages=(b"x",), size=9, payload="zeros").only_message_of(0) is None


class TellingApartTests(unittest.TestCase):
    """Whether a message holds its own name."""

    def test_every_message_must_hold_it(self) -> None:
        """With the longest numbers that there are."""
        longest = len(b"Ola mundo da internet! (99, 9)")
        cases: tuple[tuple[dict[str, Any], bool], ...] = (
            ({"size": longest}, True),
            ({"size": longest - 1}, False),
            ({"size": longest, "repeat": 11}, False),
            ({"size": longest, "repeat": 1, "duration": 1.0}, False),
            ({"size": "64", "repeat": 1, "duration": 1.0}, True),
            ({"size": "uniform:64,4k"}, True),
            ({"size": "lognormal:median=1k,sigma=1"}, False),
            ({"size": "lognormal:median=1k,sigma=1,min=64"}, True),
            ({"size": 64, "payload": "zeros", "messages": (b"x",)}, False),
            ({"size": 64, "literal": True}, False),
        )
        for fields, apart in cases:
            with self.subTest(fields=fields):
                assert Plan(**{"clients": 100, "repeat": 10, **fields}).told_apart is apart

    def test_those_that_do_differ_from_all_others(self) -> None:
        """As the report says."""
        plan = Plan(clients=30, repeat=30, size=64, payload="zeros")
        assert plan.told_apart
        found = {one for client in plan.numbers for one in sent(plan, client, *range(30))}
        assert len(found) == 900


class RefusalTests(unittest.TestCase):
    """Plans that nobody can carry out."""

    def test_fields_that_do_not_go_together_are_refused_by_name(self) -> None:
        """In one line, which names the other field too."""
        large = b"x" * 1025 + PREFIX * 2
        for told, fields in (
            ("size: it contradicts messages", {"size": "1k", "messages": (b"x",)}),
            ("payload: it needs size", {"payload": "text"}),
            ("payload: 'cat' is not one of random, text, zeros", {"size": 1, "payload": "cat"}),
            ("payload: 'file:x' is not one of", {"size": 1, "payload": "file:x"}),
            ("payload: 0 bytes are not 1 or more", {"size": 1, "payload": b""}),
            ("payload: 1,048,577 bytes", {"size": 1, "payload": bytes(2**20 + 1)}),
            ("size: it is not 1 byte or more", {"size": 0}),
            ("size: it is not 1 byte or more", {"size": -(10**5000)}),
            ("size: it is not 1 byte or more", {"size": 10**5000}),
            ("size: True is of the wrong type", {"size": True}),
            ("size: 1.5 is of the wrong type", {"size": 1.5}),
            ("size: 'big' is not", {"size": "big"}),
            ("weights: there are 2 for 1 messages", {"weights": (9, 1)}),
            ("weights: one is not a number above 0", {"weights": (0,)}),
            ("weights: one is not a number above 0", {"weights": (float("nan"),)}),
            ("weights: one is not a number above 0", {"weights": (float("inf"),)}),
            ("weights: True is of the wrong type", {"weights": (True,)}),
            ("weights: [9] is of the wrong type", {"weights": [9]}),
            ("messages: an empty message has no reply", {"messages": (b"",)}),
            ("payload: it repeats 'Resposta => ', with which prefixed replies begin",
             {"size": 1025, "payload": b"-" + PREFIX * 2, "reply": ReplyFormat.PREFIXED}),
            ("payload: it repeats 'Resposta => '",
             {"size": "uniform:1,2k", "payload": b" => Resposta", "reply": ReplyFormat.PREFIXED}),
            ("messages: a large one repeats 'Resposta => '",
             {"messages": (large,), "reply": ReplyFormat.PREFIXED}),
            ("messages: a large one repeats 'Resposta => '",
             {"messages": (PREFIX * 2,), "size": 1025, "payload": "text", "reply": "auto"}),
        ):  # fmt: skip
            known: dict[str, Any] = fields
            with self.subTest(told), pytest.raises(FieldError) as caught:
                Plan(**known)
            assert str(caught.value).startswith(told), caught.value
            assert "\n" not in str(caught.value)

    def test_a_prefix_is_no_matter_where_replies_end_otherwise(self) -> None:
        """Or come back in one piece."""
        large = b"x" * 1025 + PREFIX * 2
        assert Plan(size="2k", payload=PREFIX)
        assert Plan(messages=(large,), reply=ReplyFormat.RAW)
        for reply in (ReplyFormat.PREFIXED, "auto"):
            assert Plan(messages=(PREFIX * 2, large[:-1]), reply=reply)
            assert Plan(size=1024, payload=PREFIX, reply=reply)

    def test_one_prefix_among_other_bytes_is_no_matter(self) -> None:
        """As often as it comes: each can be told by what follows it."""
        for reply in (ReplyFormat.PREFIXED, "auto"):
            assert Plan(size="2k", payload=b"-" + PREFIX, reply=reply)
            assert Plan(messages=(PREFIX,), size="2k", payload=PREFIX + b"-", reply=reply)

    def test_where_the_format_is_to_be_found_the_way_out_is_told(self) -> None:
        """In the words of whoever gave the plan."""
        with pytest.raises(FieldError) as caught:
            Plan(size="2k", payload=PREFIX, reply="auto")
        told = caught.value.said(lambda field: f"--{field}")
        assert told.endswith("with which prefixed replies begin: name the format with --reply raw")


class JsonTests(unittest.TestCase):
    """Plans as data."""

    def test_own_bytes_are_written_and_kinds_by_their_names(self) -> None:
        """And read again."""
        plan = Plan(messages=(b"a", b"b"), weights=(9, 1), size="1k", payload=b"\xff")
        data = plan.to_dict()
        assert (data["size"], data["payload"]) == ("1k", {"base64": "/w=="})
        assert data["weights"] == [9, 1]
        assert Plan.from_dict(data) == plan
        assert Plan.from_dict(Plan(size=5, payload="text").to_dict()).payload == "text"

    def test_an_older_plan_has_none_of_it(self) -> None:
        """Nor must it."""
        data = Plan(messages=(b"x",)).to_dict() | {"schema": 3}
        for name in ("size", "payload", "weights"):
            del data[name]
        assert Plan.from_dict(data) == Plan(messages=(b"x",))
        assert Plan.from_json('{"schema": 3, "clients": 5}') == Plan(clients=5)

    def test_a_plan_file_may_name_a_file(self) -> None:
        """Where its reader reads files."""
        text = f'{{"schema": {SCHEMA}, "size": 9, "payload": "file:a:b"}}'
        read = {"a:b": b"bytes"}.__getitem__
        assert Plan.from_json(text, bytes_of=read) == Plan(size=9, payload=b"bytes")
        with pytest.raises(ValueError, match="payload: 'file:a:b' is not one of"):
            Plan.from_json(text)
