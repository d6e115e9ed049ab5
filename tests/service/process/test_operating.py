"""The operator's documentation: what it shows is what is tested, and what systemd accepts."""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import TestCase

from tests.support import DOCS
from tests.support.programs import program
from twistecho.service.process.options import Options

UNITS = ("twistecho.socket", "twistecho.service")


class OperatingTests(TestCase):
    """The page and the files beside it."""

    def test_the_page_shows_the_files(self) -> None:
        """Word for word."""
        page = (DOCS / "operating.md").read_text()
        for name in (*UNITS, "haproxy.cfg"):
            with self.subTest(name=name):
                assert f"\n{(DOCS / name).read_text()}```\n" in page

    def test_systemd_accepts_the_units(self) -> None:
        """With this Python in the place of the one that is to be installed."""
        analyze = program("systemd-analyze", "systemd")
        with TemporaryDirectory() as folder:
            for name in UNITS:
                text = (DOCS / name).read_text()
                text = text.replace("/opt/twistecho/bin/twist", f"{sys.executable} -m twisted")
                Path(folder, name).write_text(text)
            checked = subprocess.run(
                [analyze, "verify", "--man=no", *(f"{folder}/{name}" for name in UNITS)],
                capture_output=True,
                text=True,
                check=False,
            )
        said = [line for line in checked.stderr.splitlines() if "twistecho" in line]
        assert (checked.returncode, said) == (0, [])

    def test_the_units_command_line_is_one_that_the_service_takes(self) -> None:
        """Its options, as the service reads them."""
        lines = (DOCS / "twistecho.service").read_text().splitlines()
        (command,) = (line for line in lines if line.startswith("ExecStart="))
        options = Options()
        options.parseOptions(command.split(" echo ")[1].split())
        (socket_name,) = (
            line.partition("=")[2]
            for line in (DOCS / "twistecho.socket").read_text().splitlines()
            if line.startswith("FileDescriptorName=")
        )
        assert list(options["endpoints"]) == [f"systemd:domain=INET:name={socket_name}"]
        limit = next(line for line in lines if line.startswith("TimeoutStopSec="))
        assert int(limit.partition("=")[2]) > options["drain"]

    def test_haproxy_accepts_its_configuration(self) -> None:
        """As it stands."""
        haproxy = program("haproxy", "haproxy")
        checked = subprocess.run(
            [haproxy, "-c", "-f", str(DOCS / "haproxy.cfg")],
            capture_output=True,
            text=True,
            check=False,
        )
        assert checked.returncode == 0, checked.stderr
        assert "WARN" not in checked.stderr.upper()
