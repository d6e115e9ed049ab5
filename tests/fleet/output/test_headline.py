"""What is run, in one line."""

from typing import Any
from unittest import TestCase

from twistecho.fleet.output.headline import headline
from twistecho.fleet.plans.plan import Plan


class HeadlineTests(TestCase):
    """What is run, in one line."""

    def test_a_closed_load_is_messages_each(self) -> None:
        """The notebook's."""
        said = headline(Plan(), "localhost:5000")
        assert said == "20 clients, 1 message each, to localhost:5000 (stamped replies)"

    def test_an_open_load_has_its_rate_and_its_time(self) -> None:
        """And its warm-up, and how deep the pipeline is."""
        plan = Plan(clients=1, rate=12500.5, duration=10, warmup=2, pipeline=4)
        assert headline(plan, "there:7") == (
            "1 client, 10 s after 2 s of warm-up, 12,500.5 messages/s (constant), 4 at once, "
            "to there:7 (stamped replies)"
        )

    def test_pauses_ramps_and_barriers_are_told(self) -> None:
        """Each where there is one."""
        plan = Plan(clients=2, think=0.02, ramp=2000, barrier=True)
        assert headline(plan, "there:7") == (
            "2 clients, 1 message each, 20.0 ms between them, 2,000 connections/s, "
            "all connected first, to there:7 (stamped replies)"
        )

    def test_what_is_drawn_is_told(self) -> None:
        """Sizes, what messages are filled with, and how often each comes."""
        for fields, told in (
            ({"size": "1k"}, "1k bytes (random)"),
            ({"size": 99, "payload": b"x"}, "99 bytes (from a file)"),
            ({"size": "uniform:1,9", "payload": "text", "messages": (b"a", b"b"),
              "weights": (9, 0.5)}, "mixed 9:0.5, uniform:1,9 bytes (text)"),
        ):  # fmt: skip
            known: dict[str, Any] = fields
            words = headline(Plan(clients=1, **known), "there:7").split(", ", 2)
            assert words[2] == f"{told}, to there:7 (stamped replies)"

    def test_new_connections_are_told(self) -> None:
        """For each message, or every so many."""
        for reconnect, words in ((1, "for each message"), (2000, "every 2,000 messages")):
            said = headline(Plan(reconnect=reconnect), "there:7")
            assert f"message each, a new connection {words}, to there:7" in said
