"""What a type checker says of a user's code, which knows no plugin for zope's interfaces."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from shutil import copy

CODE = Path(__file__).parents[1] / "support" / "user_code.py"


class UserTypeTests(unittest.TestCase):
    """``mypy --strict`` in a project that uses this one."""

    def test_a_user_s_code_is_right(self) -> None:
        """All of it, and each line that is to be wrong is."""
        with tempfile.TemporaryDirectory() as folder:
            copy(CODE, folder)
            done = subprocess.run(
                [sys.executable, "-m", "mypy", "--strict", "--cache-dir=cache", CODE.name],
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
        assert done.returncode == 0, done.stdout + done.stderr
