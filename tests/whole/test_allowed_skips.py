"""A skip in CI is an error."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest import TestCase, mock

from tests import allowed_skips
from tests.support import DOCS

LEFT_OUT = '''
import unittest
from twisted.trial.unittest import TestCase


class Tests(TestCase):
    """Two that show nothing, and one that does."""

    def test_runs(self): pass

    @unittest.skip("no moon")
    def test_skipped(self): pass

    def test_todo(self): raise AssertionError
    test_todo.todo = "one day"
'''


def run(*command: str) -> tuple[int, str]:
    """Run the tests above by a runner, as CI does; give its exit status and what it said."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "test_left_out.py").write_text(LEFT_OUT)
        path = os.pathsep.join((str(DOCS.parent), folder))
        ended = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=folder,
            env={**os.environ, "CI": "true", "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
    return ended.returncode, ended.stdout + ended.stderr


class SkipTests(TestCase):
    """Both runners."""

    def test_pytest_fails_for_a_skip(self) -> None:
        """And names every one."""
        pytest = ("pytest", "-q", "-p", "tests.conftest", "-p", "no:cacheprovider")
        code, said = run(*pytest, "--reactor=default", "test_left_out.py")
        assert code == 1, said
        for name in ("test_skipped: skipped Skipped: no moon", "test_todo: xfailed"):
            assert f"test_left_out.py::Tests::{name}" in said, said

    def test_what_trial_left_out_is_found(self) -> None:
        """In the report that it prints."""
        _, said = run("twisted.trial", "test_left_out")
        found = allowed_skips.skipped_by_trial(said)
        assert len(found) == 2, said
        assert "test_left_out.Tests.test_skipped: SKIPPED no moon" in found

    def test_what_is_on_the_list_may_be(self) -> None:
        """By test and reason; a pattern that met nothing is stale."""
        known = {"test_a: .*moon": "only at night", "test_c": "never met"}
        with mock.patch.object(allowed_skips, "ALLOWED", known):
            allowed, others = allowed_skips.judged(["x.test_a: no moon", "x.test_b: no moon"])
            assert len(allowed) == len(others) == 1
            assert "test_b" in others[0]
            assert allowed_skips.stale("\n".join(allowed)) == ["test_c"]
