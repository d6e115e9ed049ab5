"""The image: what its Containerfile copies, runs and looks at. No image is built here."""

import json
import socket
import subprocess
import sys
from unittest import TestCase

from tests.support import DOCS
from twistecho.service.process.options import Options

ROOT = DOCS.parent
LINES = (ROOT / "Containerfile").read_text(encoding="utf-8").splitlines()


def words_of(instruction: str) -> list[str]:
    """Return the words of the one instruction of this name that is written as a list."""
    [line] = [each for each in LINES if each.startswith(f"{instruction} ")]
    words: list[str] = json.loads(line[line.index("[") :])
    return words


class ContainerfileTests(TestCase):
    """Each instruction, as far as it can be tried without an image."""

    def test_what_is_copied_exists(self) -> None:
        """A build begins with these files."""
        copies = [line.split()[1:-1] for line in LINES if line.startswith("COPY ")]
        copied = [name for names in copies for name in names]
        assert copied
        for name in copied:
            with self.subTest(name):
                assert (ROOT / name).exists()

    def test_the_service_takes_the_options(self) -> None:
        """Other machines may connect, and options given to the image come after these."""
        twist, _log, echo, *options = words_of("ENTRYPOINT")
        assert (twist, echo) == ("twist", "echo")
        parsed = Options()
        parsed.parseOptions([*options, "--delay", "20ms"])
        [description] = parsed["endpoints"].values()
        assert description.startswith("tcp:5000:interface=0.0.0.0:")

    def test_the_health_check_looks_for_a_listening_socket(self) -> None:
        """Of the service's port; here of one that the system chose. It does not connect."""
        python, *options, program = words_of("HEALTHCHECK")
        assert python == "python"
        assert f":{5000:04X}" in program
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
            check = [sys.executable, *options, program.replace(f":{5000:04X}", f":{port:04X}")]
            assert subprocess.run(check, timeout=60, check=False).returncode == 0
            listening.setblocking(False)
            with self.assertRaises(BlockingIOError):
                listening.accept()
        assert subprocess.run(check, timeout=60, check=False).returncode == 1

    def test_it_runs_as_a_user_with_a_number_and_stops_by_a_signal(self) -> None:
        """A cluster that refuses root can only tell by the number."""
        assert "USER 10001:10001" in LINES
        assert "STOPSIGNAL SIGTERM" in LINES
        assert "EXPOSE 5000" in LINES
