"""The whole project with one changed module, tried by a separate pytest: slow, but complete."""

import os
import signal
import subprocess
from ast import unparse
from pathlib import Path
from shutil import copytree, ignore_patterns
from tempfile import TemporaryDirectory

from .mutants import ROOT, Mutant
from .selection import command

_PARTS = ("twistecho", "twisted", "tests")


def tried_in_a_copy(mutant: Mutant, tests: list[str], seconds: float) -> str:
    """Run tests with the changed module until one fails; return the verdict.

    It is ``survived``, or the last line that pytest printed. A run that takes more than `seconds`
    is ended, and counts as having noticed the change.
    """
    with TemporaryDirectory() as folder:
        for part in _PARTS:
            copytree(ROOT / part, Path(folder, part), ignore=ignore_patterns("__pycache__"))
        for file in ("pyproject.toml", "README.md"):
            Path(folder, file).write_bytes((ROOT / file).read_bytes())
        Path(folder, mutant.path).write_text(unparse(mutant.tree), encoding="utf-8")
        Path(folder, "which").write_text("\n".join(tests), encoding="utf-8")
        return _run(folder, seconds)


def _run(folder: str, seconds: float) -> str:
    with subprocess.Popen(
        command("-x", "@which"), cwd=folder, env={**os.environ, "PYTHONPATH": folder}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    ) as running:  # fmt: skip
        try:
            said, _ = running.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            return "took too long"
        finally:
            _end(running.pid)
    return "survived" if running.returncode == 0 else said.strip().rpartition("\n")[2] or "died"


def _end(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return  # all its processes have ended
