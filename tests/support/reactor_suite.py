"""Twisted's own tests on the eager reactor and on epoll; all: ``python -m tests.other_suites``.

Each reactor runs in a child process, as the global one and as the one that Twisted's
`ReactorBuilder` builds. Needs Twisted's own test dependencies:
``pip install 'twisted[tls]' pyhamcrest``.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence

from twistecho.eagerreactor.reactor import EagerReactor

QUICK = ("test_fdset", "test_core", "test_time", "test_unix", "test_tls", "test_tcp")
"""The most useful modules of `twisted.internet.test` that take little time."""

_BUILT = (
    *QUICK, "test_abstract", "test_base", "test_endpoints", "test_epollreactor",
    "test_filedescriptor", "test_newtls", "test_posixbase", "test_process", "test_sigchld",
    "test_socket", "test_stdio", "test_threads", "test_udp",
)  # fmt: skip
_GLOBAL = (
    "test_amp", "test_ftp", "test_internet", "test_log", "test_loopback", "test_policies",
    "test_process", "test_protocols", "test_ssl", "test_sslverify", "test_stdio", "test_task",
    "test_tcp", "test_tcp_internals", "test_threads", "test_udp", "test_unix",
)  # fmt: skip

QUICK_MODULES = tuple(f"twisted.internet.test.{name}" for name in QUICK)
"""The modules for every run of the tests."""

ALL_MODULES = (
    *(f"twisted.internet.test.{name}" for name in _BUILT),
    *(f"twisted.test.{name}" for name in _GLOBAL),
    "twisted.protocols.test.test_tls",
    "twisted.web.test.test_http",
    "twisted.web.test.test_newclient",
    "twisted.web.test.test_webclient",
    "twisted.web.test.test_wsgi",
)
"""All modules."""

_BUILT_REACTORS = {
    "epoll": "twisted.internet.epollreactor.EPollReactor",
    "eager": "tests.support.reactor_suite.EPollReactor",
}

# Runs in the child: the reactors must be named before Twisted's test modules are imported.
_CHILD = """
import sys
from twisted.internet.test.reactormixins import ReactorBuilder
ReactorBuilder._reactors = [sys.argv[1]]
sys.argv = ["trial", *sys.argv[2:]]
from twisted.scripts.trial import run
run()
"""

# A test's own output may be in between; the first result counts, "[OK]" may follow "[ERROR]".
_RESULT = re.compile(r"^(\w+\.[\w.]+) \.\.\. .*?\[([A-Z ]+)\]$", re.DOTALL | re.MULTILINE)


class EPollReactor(EagerReactor):
    """The eager reactor, named so that Twisted's tests skip what epoll reactors cannot do."""


class Results(dict[str, str]):
    """The outcome of every test by its name: OK, FAIL, ERROR, SKIPPED and the like."""

    def count(self, result: str) -> int:
        """Count the tests with this result."""
        return sum(found == result for found in self.values())


def run(reactor: str, modules: Sequence[str]) -> Results:
    """Run Twisted's tests in a child process. Raises RuntimeError if it ends without results."""
    return run_trial(reactor, modules, (sys.executable, "-c", _CHILD, _BUILT_REACTORS[reactor]))


def run_trial(reactor: str, modules: Sequence[str], trial: Sequence[str]) -> Results:
    """Run tests under a reactor with a command. Raises RuntimeError if there are no results."""
    with tempfile.TemporaryDirectory() as folder:
        options = [f"--reactor={reactor}", f"--temp-directory={folder}/trial"]
        command = [*trial, *options, "--reporter=bwverbose", *modules]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)
    results = read_results(ended.stdout)
    if not results or "\nRan " not in ended.stdout:
        said = (ended.stdout + ended.stderr)[-4000:]
        raise RuntimeError(f"the {reactor} reactor gave no results:\n{said}")
    return results


def read_results(text: str) -> Results:
    """Read the result of each test from trial's output."""
    return Results(_RESULT.findall(text))


def worse(epoll: Results, eager: Results) -> list[str]:
    """Return the names of tests that pass under epoll and do not under eager."""
    return [name for name, found in epoll.items() if found == "OK" and eager.get(name) != "OK"]
