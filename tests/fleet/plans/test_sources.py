"""The local addresses that clients connect from."""

import unittest

from twistecho.fleet.plans.sources import parse_sources, source_of


class SourcesTests(unittest.TestCase):
    """What `parse_sources` reads."""

    def test_one_a_range_and_a_network(self) -> None:
        """Of either kind of address."""
        assert parse_sources("127.0.0.2") == ("127.0.0.2",)
        assert parse_sources("127.0.0.254-127.0.1.1") == (
            "127.0.0.254", "127.0.0.255", "127.0.1.0", "127.0.1.1",
        )  # fmt: skip
        assert parse_sources("127.0.1.0/30") == ("127.0.1.1", "127.0.1.2")
        assert parse_sources("fd00::1-fd00::2") == ("fd00::1", "fd00::2")

    def test_anything_else_is_refused(self) -> None:
        """With a line that says what was wrong."""
        for text in ("", "localhost", "127.0.0.9-127.0.0.2", "127.0.0.1-::1", "10.0.0.0/8", "1-"):
            with self.subTest(text=text), self.assertRaises(ValueError):
                parse_sources(text)

    def test_clients_take_turns(self) -> None:
        """By their numbers; without addresses the system chooses."""
        assert [source_of(("a", "b"), client) for client in range(3)] == ["a", "b", "a"]
        assert source_of((), 5) is None
