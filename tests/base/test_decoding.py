"""JSON read strictly: refused data, and the error line."""

import json
import math
import unittest
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twistecho.base.decoding import (
    DEEPEST,
    MOST,
    _in_line,
    check_schema,
    decode,
    parse,
    parse_strictly,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


@dataclass(frozen=True)
class Leaf:
    """A value of all simple kinds."""

    count: int
    took: float | None
    name: str = ""
    flag: bool = False


@dataclass(frozen=True)
class Tree:
    """A value that contains other values."""

    leaves: tuple[Leaf, ...]
    counts: Mapping[str, int] = field(default_factory=dict)


LEAF = {"count": 1, "took": 2.5, "name": "x", "flag": True}


class DecodeTests(unittest.TestCase):
    """Data becomes a dataclass, or one line with a path."""

    def test_a_value_is_made_with_the_values_in_it(self) -> None:
        """Unknown fields are ignored."""
        data = {"leaves": [LEAF], "counts": {"a": 1}, "other": None}
        assert decode(data, Tree, "a tree") == Tree((Leaf(1, 2.5, "x", True),), {"a": 1})

    def test_what_is_wrong_is_told_with_its_path(self) -> None:
        """Types, ranges, infinite numbers, text that cannot be encoded, missing fields."""
        for name, value, told in (
            ("count", "1", "expected int, got str"),
            ("count", True, "expected int, got bool"),
            ("count", -1, "expected int >= 0"),
            ("count", MOST + 1, ""),
            ("count", 10**400, ""),
            ("count", 1.5, "expected int, got float"),
            ("took", math.nan, "expected float"),
            ("took", math.inf, "expected float"),
            ("took", -math.inf, "expected float"),
            ("took", 10**400, ""),
            ("name", "\ud800", "a lone surrogate is not text"),
            ("name", None, "expected str, got null"),
            ("flag", 1, "expected bool, got int"),
        ):
            data = {"leaves": [LEAF, {**LEAF, name: value}], "counts": {}}
            with self.subTest(name=name, value=str(value)[:20]), pytest.raises(ValueError) as said:
                decode(data, Tree, "a tree")
            assert str(said.value).startswith(f"not a tree: leaves[1].{name}: {told}")
        with pytest.raises(ValueError, match=r"^not a tree: leaves\[0\].count: it is missing$"):
            decode({"leaves": [{}], "counts": {}}, Tree, "a tree")

    @settings(max_examples=200, deadline=None)
    @given(data=json_values)
    def test_any_value_is_decoded_or_refused_with_valueerror(self, data: object) -> None:
        """At every depth."""
        for value in (data, {"leaves": data, "counts": data}, {"leaves": [data], "counts": {}}):
            try:
                decode(value, Tree, "a tree")
            except ValueError as error:
                assert str(error).startswith("not a tree: ")

    def test_text_that_is_no_json_is_refused(self) -> None:
        """Including deep nesting and long numbers."""
        for text in ("", "{", "[" * 100_000, "1" * 5000):
            with pytest.raises(ValueError, match="not a tree: "):
                parse(text, "a tree")

    def test_a_problem_is_one_line_of_some_length(self) -> None:
        """For any text that it quotes."""
        for text in ("x" * 301, "\n" * 1000):
            shown = _in_line(text)
            assert (len(shown), shown[-3:]) == (300, "...")
        assert _in_line("x" * 300) == "x" * 300

    def test_only_this_schema_is_read(self) -> None:
        """A number that equals it is another type."""
        check_schema({"schema": 1}, 1, "a tree")
        wrong: tuple[object, ...] = (
            [],
            {},
            {"schema": True},
            {"schema": 2},
            {"schema": 1.0},
        )
        for data in wrong:
            with pytest.raises(ValueError, match=r"schema|object"):
                check_schema(data, 1, "a tree")


class ParseStrictlyTests(unittest.TestCase):
    """JSON in UTF-8 that all readers read alike, or one line."""

    @settings(deadline=None, max_examples=300)
    @given(json_values, st.booleans())
    def test_what_can_be_written_is_read(self, value: object, escaping: bool) -> None:
        """Also with escapes for all characters that are not ASCII; numbers must be finite."""
        try:
            text = json.dumps(value, ensure_ascii=escaping, allow_nan=False)
        except ValueError:
            with pytest.raises(ValueError, match="is not a finite number"):
                parse_strictly(json.dumps(value).encode(), "JSON")
        else:
            assert parse_strictly(text.encode(), "JSON") == value

    @settings(deadline=None, max_examples=300)
    @given(st.binary(max_size=60) | st.text('{}[]":,\\u0d8aNI1e+-. ', max_size=60).map(str.encode))
    def test_all_else_is_one_line(self, data: bytes) -> None:
        """For any bytes."""
        try:
            parse_strictly(data, "JSON")
        except ValueError as error:
            assert type(error) is ValueError
            assert str(error).startswith("not JSON: ")
            assert str(error).isprintable()

    def test_what_readers_read_differently_is_refused(self) -> None:
        """Each with its own problem."""
        for data, words in (
            (b'{"a": 1, "a": 1}', "'a' is given twice"),
            (b'[{"b": {"a": 1, "a": 2}}]', "'a' is given twice"),
            (b"[NaN]", "NaN is not a finite number"),
            (b"-1e400", "-1e400 is not a finite number"),
            (rb'["\ud800"]', "a lone surrogate is not text"),
            (rb'{"\udc00": 1}', "a lone surrogate is not text"),
            (b'"\xff"', "not UTF-8"),
            (b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), "nested too deep"),
            (b"[" * 10**6, "nested too deep"),
        ):
            with pytest.raises(ValueError, match=words):
                parse_strictly(data, "JSON")

    def test_what_is_no_deeper_than_it_may_be_is_read(self) -> None:
        """A pair of surrogates is one character."""
        value = parse_strictly(b"[" * DEEPEST + rb'"\ud83d\ude00"' + b"]" * DEEPEST, "JSON")
        assert "\U0001f600" in str(value)
