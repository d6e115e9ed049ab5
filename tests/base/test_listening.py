"""What to try where a port cannot be had."""

import errno
from unittest import TestCase

from twistecho.base.listening import remedy


class RemedyTests(TestCase):
    """The end of the line that says why."""

    def test_each_reason_has_its_own(self) -> None:
        """A port in use, an address of another machine, and a port that needs a privilege."""
        for number, port, words in (
            (errno.EADDRINUSE, 80, "; choose another port, or 0 for a free one"),
            (errno.EADDRNOTAVAIL, 80, "; choose an address of this machine, or 0.0.0.0 for all"),
            (errno.EACCES, 1023, "; choose a port from 1024 on, or grant CAP_NET_BIND_SERVICE"),
        ):
            assert remedy(number, port) == words

    def test_nothing_is_said_where_nothing_helps(self) -> None:
        """A port that every user may have, another error, and one without a number."""
        for number, port in ((errno.EACCES, 1024), (errno.EMFILE, 80), (None, 80)):
            assert remedy(number, port) == ""
