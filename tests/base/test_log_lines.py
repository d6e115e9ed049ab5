"""Log lines: the names of peers cannot forge a line or control a terminal."""

from unittest import TestCase

from twisted.internet.address import UNIXAddress

from twistecho.base.log_lines import where


class WhereTests(TestCase):
    """Addresses as text."""

    def test_the_name_of_a_unix_peer_is_escaped(self) -> None:
        """Control characters of both sets, line ends, bytes that are no text; letters stay."""
        named = {
            b"/\x1b[2J\x07": "/\\x1b[2J\\x07",
            b"/a\nb\r": "/a\\nb\\r",
            "/\x9b\u202e\u2028".encode(): "/\\x9b\\u202e\\u2028",
            b"/\xff": "/\\xff",
            "/\u00e9 x".encode(): "/\u00e9 x",
        }
        for name, text in named.items():
            assert where(UNIXAddress(name)) == text
