"""Merge patches: the examples of RFC 7396, appendix A, and what they leave alone."""

from typing import Any
from unittest import TestCase

from twistecho.service.control.merge_patch import merged

EXAMPLES: tuple[tuple[Any, Any, Any], ...] = (
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
)


class MergedTests(TestCase):
    """What `merged` gives."""

    def test_the_examples_of_the_rfc(self) -> None:
        """All fifteen of them."""
        for document, changes, result in EXAMPLES:
            with self.subTest(document=document, changes=changes):
                assert merged(document, changes) == result

    def test_the_document_stays_as_it_is(self) -> None:
        """Nested objects too: it may be the one in force."""
        document = {"a": {"b": 1}}
        assert merged(document, {"a": {"c": 2}}) == {"a": {"b": 1, "c": 2}}
        assert document == {"a": {"b": 1}}
