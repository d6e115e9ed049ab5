"""Suites of other projects on the eager reactor and on epoll: ``python -m tests.other_suites``.

Twisted's own suite, in the environment of these tests, and those of programs built on Twisted: from
their source distributions, of fixed versions, in a virtual environment with their requirements.
Every test runs under both reactors, and the results are compared. If a test passes under epoll and
not under eager, its module is run again under both, since some of these suites have tests that fail
now and then; if the difference remains, the test is named, and the exit code is 1.
"""

import argparse
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.support.reactor_suite import ALL_MODULES, Results, run, run_trial, worse

ROOT = Path(__file__).parent.parent
VERSIONS = (
    "treq==26.7.0", "klein==24.8.0", "magic-wormhole-mailbox-server==0.8.0",
    "magic-wormhole-transit-relay==0.5.0", "foolscap==24.9.0",
)  # fmt: skip
"""The distributions that are built from source, with their tests."""

NEEDED = (
    f"{ROOT}[tls]",
    "httpbin",
    "hypothesis",
    "mock",
    "pyhamcrest",
    "setuptools<81",
    "txtorcon",
)
"""The other requirements of their tests, and this project."""

SUITES = {
    "treq": ("treq.test",),
    "klein": ("klein.test",),
    "mailbox server": ("wormhole_mailbox_server.test",),
    "transit relay": ("wormhole_transit_relay.test",),
    "foolscap": ("foolscap.test",),
    "Twisted": ALL_MODULES,
}
"""Modules and packages of tests, by the suite's name."""

Run = Callable[[str, Sequence[str]], Results]


class Compared(NamedTuple):
    """A suite's results under both reactors; ``found`` names tests that are worse under eager."""

    suite: str
    epoll: Results
    eager: Results
    found: list[str]

    @property
    def other(self) -> Iterator[str]:
        """The other tests with different results, one line each."""
        for name in sorted(self.epoll.keys() | self.eager.keys()):
            pair = self.epoll.get(name, "not run"), self.eager.get(name, "not run")
            if pair[0] != pair[1] and name not in self.found:
                yield f"{name}: {pair[0]} under epoll, {pair[1]} under eager"


def install(folder: Path) -> tuple[str, ...]:
    """Make the environment of the other projects' suites, if missing; return its trial."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    names = ",".join(each.partition("==")[0] for each in VERSIONS)
    pip = [str(python), "-m", "pip", "install", "--quiet", f"--no-binary={names}"]
    subprocess.run([*pip, *NEEDED, *VERSIONS], check=True)
    return str(python), "-m", "twisted.trial"


def compare(suite: str, modules: Sequence[str], execute: Run) -> Compared:
    """Run a suite under both reactors, and repeat modules with worse results under eager."""
    epoll, eager = execute("epoll", modules), execute("eager", modules)
    found = worse(epoll, eager)
    if found:
        again = sorted({name.rpartition(".")[0].rpartition(".")[0] for name in found})
        repeated = worse(execute("epoll", again), execute("eager", again))
        found = [name for name in found if name in repeated]
    return Compared(suite, epoll, eager, found)


def row(name: str, results: Results) -> str:
    """Write how many of a suite's tests passed, failed and were skipped."""
    passed, skipped = results.count("OK"), results.count("SKIPPED")
    failed = results.count("FAIL") + results.count("ERROR")
    rest = len(results) - passed - skipped - failed
    return f"{name:>7} {passed:6,} passed {failed:4} failed {skipped:5} skipped {rest:3} otherwise"


def main() -> int:
    """Run the named suites, or all; compare, print, and return the exit code."""
    parser = argparse.ArgumentParser("python -m tests.other_suites", description=__doc__)
    parser.add_argument("suite", nargs="*", help=f"of {', '.join(SUITES)} [all]")
    parser.add_argument("--venv", type=Path, help="keep the environment in this folder")
    asked = parser.parse_args()
    unknown = set(asked.suite) - SUITES.keys()
    if unknown:
        parser.error(f"suite: there is no {', '.join(sorted(unknown))}")
    names = asked.suite or list(SUITES)
    with tempfile.TemporaryDirectory() as folder:
        trial = install(asked.venv or Path(folder)) if set(names) != {"Twisted"} else ()
        compared = [_compare(name, trial) for name in names]
    bad = [f"{each.suite}: {name}" for each in compared for name in each.found]
    print(f"{'No test is' if not bad else f'{len(bad)} tests are'} worse under eager than epoll")
    print("\n".join(bad))
    return 1 if bad else 0


def _compare(name: str, trial: Sequence[str]) -> Compared:
    """Run a suite under both reactors and print the results."""
    began = time.monotonic()

    def execute(reactor: str, modules: Sequence[str]) -> Results:
        return run(reactor, modules) if name == "Twisted" else run_trial(reactor, modules, trial)

    found = compare(name, SUITES[name], execute)
    print(f"{name}: {len(found.epoll):,} tests, {time.monotonic() - began:.0f} s")
    print(row("epoll", found.epoll), row("eager", found.eager), *found.other, sep="\n", flush=True)
    return found


if __name__ == "__main__":
    sys.exit(main())
