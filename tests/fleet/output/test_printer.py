"""What is printed on a stream: plain where it is no terminal, and escaped."""

import io
from unittest import TestCase

from tests.support.reports import client, report
from twistecho.fleet.output.agreement import agreement_table
from twistecho.fleet.output.printer import Printer
from twistecho.fleet.reports.agreement import Agreement


class PrinterTests(TestCase):
    """Lines, tables and replies."""

    def test_a_stream_that_is_no_terminal_gets_no_colour(self) -> None:
        """Plain text, whole lines."""
        found = report(client(0, 1))
        stream = io.StringIO()
        printer = Printer(stream)
        printer.table(agreement_table(Agreement(found, found)))
        printer.line("x" * 300, "bold red")
        text = stream.getvalue()
        assert "\x1b" not in text
        assert "x" * 300 + "\n" in text
        assert text.startswith("engine ")

    def test_replies_are_escaped(self) -> None:
        """Python's repr: nothing a peer sends reaches the terminal as it is."""
        stream = io.StringIO()
        Printer(stream).reply(3, b"\x1b[2J\r\n\xff'")
        assert stream.getvalue() == 'Client 3 received: b"\\x1b[2J\\r\\n\\xff\'"\n'
