"""Which tests execute which lines, and the share of branches taken: a run under coverage."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from coverage import Coverage, CoverageData

from .mutants import ROOT, Mutant
from .repeatable import DURATIONS

PRODUCT = (
    "base",
    "service/echo",
    "service/scenario",
    "fleet/conversation",
    "fleet/reports",
    "fleet/reactor_engine",
    "fleet/thread_engine",
)
"""The packages of twistecho that are changed."""

TESTS = (
    "tests/base",
    "tests/service/echo",
    "tests/service/scenario",
    "tests/fleet/conversation",
    "tests/fleet/reports",
    "tests/engines",
    "tests/whole/test_model.py",
)
"""The tests that must notice."""


def modules() -> list[str]:
    """Return the paths of all modules that are changed, relative to the project."""
    found = (path for package in PRODUCT for path in (ROOT / "twistecho" / package).glob("*.py"))
    return sorted(str(path.relative_to(ROOT)) for path in found if path.name != "__init__.py")


@dataclass(frozen=True)
class Selection:
    """The result of a run under coverage.

    `executed` maps a module's path to its lines and those to the tests that execute them,
    `seconds` a test to its duration, `branches` is the share of all branches that was taken.
    """

    executed: dict[str, dict[int, list[str]]]
    seconds: dict[str, float]
    branches: float

    def tests_for(self, mutant: Mutant) -> list[str]:
        """Return the tests that execute a change: those of its own module first, then the quickest.

        A line that runs when its module is imported belongs to no test: then these are the tests
        that execute any line of that module.
        """
        lines = self.executed.get(mutant.path, {})
        first, last = mutant.lines
        found = {test for line in range(first, last + 1) for test in lines.get(line, ())}
        found = found or {test for tests in lines.values() for test in tests}
        own = f"{Path(mutant.path).parent.relative_to('twistecho')}/test_{Path(mutant.path).name}"
        return sorted(found, key=lambda test: (own not in test, self.seconds.get(test, 1.0), test))


def selection() -> Selection:
    """Run the tests under coverage, or read the result of such a run of the same files."""
    kept = ROOT / ".mutation" / f"{_state()}.json"
    if not kept.exists():
        found = _measured()
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(
            json.dumps([found.executed, found.seconds, found.branches]), encoding="utf-8"
        )
    executed, seconds, branches = json.loads(kept.read_text(encoding="utf-8"))
    by_line = {
        path: {int(line): tests for line, tests in lines.items()}
        for path, lines in executed.items()
    }
    return Selection(by_line, seconds, branches)


def command(*arguments: str) -> list[str]:
    """Return a command that runs pytest as all runs of this package do."""
    fixed = ("-q", "-p", "no:cacheprovider", "-p", "tests.mutation.repeatable")
    return [sys.executable, "-m", "pytest", *fixed, *arguments]


def _state() -> str:
    """Return a digest of the product and its tests."""
    digest = sha256()
    for path in sorted([*ROOT.glob("twistecho/**/*.py"), *ROOT.glob("tests/**/*.py")]):
        digest.update(str(path).encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _measured() -> Selection:
    include = ",".join(f"twistecho/{package}/*" for package in PRODUCT)
    with TemporaryDirectory() as folder:
        data, durations = Path(folder, "coverage"), Path(folder, "durations")
        config = Path(folder, "rc")
        config.write_text(
            f"[run]\nbranch = true\ninclude = {include}\ndata_file = {data}\n", encoding="utf-8"
        )
        options = (
            "-n",
            "2",
            "--dist",
            "loadfile",
            "--cov",
            f"--cov-config={config}",
            "--cov-context=test",
            "--cov-report=",
        )
        ran = subprocess.run(
            command(*options, *TESTS), cwd=ROOT, env={**os.environ, DURATIONS: str(durations)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if ran.returncode:
            sys.exit(f"{ran.stdout}{ran.stderr}\nthe tests fail even without a change")
        seconds: dict[str, float] = json.loads(durations.read_text(encoding="utf-8"))
        return Selection(dict(_executed(str(data))), seconds, _branches(str(data)))


def _executed(file: str) -> Iterator[tuple[str, dict[int, list[str]]]]:
    data = CoverageData(file)
    data.read()
    for path in modules():
        lines = data.contexts_by_lineno(str(ROOT / path))
        yield path, {line: _names(contexts) for line, contexts in lines.items()}


def _names(contexts: Iterable[str]) -> list[str]:
    return sorted(
        {context.removesuffix("|run") for context in contexts if context.endswith("|run")}
    )


def _branches(file: str) -> float:
    coverage = Coverage(data_file=file)
    coverage.load()
    report = f"{file}.json"
    coverage.json_report(outfile=report)
    totals = json.loads(Path(report).read_text(encoding="utf-8"))["totals"]
    return float(totals["covered_branches"] / totals["num_branches"])
