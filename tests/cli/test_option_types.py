"""What the texts of options become."""

from unittest import TestCase

import click
import pytest

from twistecho.base.notation import parse_rate
from twistecho.cli.option_types import Parsed

RATE = Parsed("rate", parse_rate)


class ParsedTests(TestCase):
    """One type for all that a function reads."""

    def test_a_text_is_read_and_a_value_stays(self) -> None:
        """As click may ask for both."""
        assert RATE.convert("2k", None, None) == 2000
        assert RATE.convert(2000.0, None, None) == 2000

    def test_what_cannot_be_read_is_one_line(self) -> None:
        """The function's own."""
        with pytest.raises(click.BadParameter) as caught:
            RATE.convert("many", None, None)
        assert caught.value.message == "'many' is not a number per second"
