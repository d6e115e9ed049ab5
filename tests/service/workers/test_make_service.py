"""What ``twist echo`` does with the options of ``twist`` itself."""

from io import BytesIO, TextIOWrapper
from unittest import TestCase

from twisted.python import usage

from twistecho.tap import Options, makeService


class LogFileTests(TestCase):
    """Where the log goes."""

    def test_what_its_encoding_has_not_is_escaped(self) -> None:
        """Twisted would drop the whole line."""
        written = BytesIO()
        log_file = TextIOWrapper(written, encoding="ascii")
        options = Options()
        options.parent = usage.Options()
        options.parent["logFile"] = log_file
        options.parseOptions(["--port=0"])
        makeService(options)
        log_file.write("Listening on \N{LATIN SMALL LETTER E WITH ACUTE}.sock")
        log_file.flush()
        assert written.getvalue() == b"Listening on \\xe9.sock"
