"""Escapes in the texts of options."""

import re
import unittest

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twistecho.base.escapes import unescape

law = settings(max_examples=100, deadline=None)


class EscapeTests(unittest.TestCase):
    """Texts of options that stand for bytes."""

    def test_escapes_are_bytes(self) -> None:
        """Only the documented ones."""
        assert unescape(r"a\r\n\t\\\x00\xfF\\x41") == b"a\r\n\t\\\x00\xff\\x41"
        for text, shown in {r"\1": r"\1", r"\x4": r"\x", "a\\": "\\", r"\u0041": r"\u"}.items():
            problem = re.escape(rf"'{shown}' is none of \r \n \t \\ \xHH")
            with pytest.raises(ValueError, match=f"^{problem}$"):
                unescape(text)

    @law
    @given(st.text("ab\\\r\n\t\u00e9", max_size=12))
    def test_any_text_can_be_written(self, text: str) -> None:
        """With backslashes twice."""
        assert unescape(text.replace("\\", "\\\\")) == text.encode()
