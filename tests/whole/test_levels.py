"""The command that tells at which level the tests are."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest import TestCase

import tests

ONE_OF_EACH = """
import os, socket
from twisted.internet.task import Clock

def test_pure():
    assert 1 + 1 == 2

def test_pure_too():
    assert open(__file__).read()

def test_memory():
    Clock().advance(1)

def test_sockets():
    socket.create_server(("127.0.0.1", 0)).close()

def test_processes():
    Clock()
    os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)
"""


class LevelsTests(TestCase):
    """A run of pytest with the plugin."""

    def test_a_test_is_at_the_level_of_what_it_did(self) -> None:
        """Whatever it is called, and the answer stands first."""
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "test_each.py").write_text(ONE_OF_EACH, encoding="utf-8")
            told = subprocess.run(
                [sys.executable, "-m", "tests.levels", "-p", "no:cacheprovider", folder],
                cwd=Path(tests.__file__ or "").parent.parent,
                env={
                    **os.environ,
                    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
                    "PYTEST_ADDOPTS": "-c/dev/null",
                },
                capture_output=True,
                text=True,
                check=False,
            )
        assert told.returncode == 0, told.stdout + told.stderr
        said = "5 tests: 2 pure, 1 in memory, 1 real sockets, 1 processes"
        lines = told.stdout.splitlines()
        assert said in lines, told.stdout
        rows = lines[lines.index(said) + 2 :]
        assert [row[:14].strip() for row in rows[:4]] == [
            "pure",
            "in memory",
            "real sockets",
            "processes",
        ]
