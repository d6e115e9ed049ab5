"""Lets pytest run trial's test cases, and all others, on the one reactor of pytest-twisted.

In CI (``CI=true``) a skipped test fails the run, unless tests/allowed_skips.py allows it.
"""

import os
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from tests.allowed_skips import judged


def _wait(_case: TestCase, deferred: "Deferred[Any]") -> None:
    from twisted.internet import reactor  # noqa: PLC0415 - pytest-twisted has installed it by now

    # The test continues from inside this callback, and trial then iterates the reactor to look for
    # leaks: a timed call is safe for that, a callback from a thread's queue would run twice.
    turned: Deferred[None] = Deferred()
    later: Any = reactor
    deferred.addBoth(lambda _: later.callLater(0, turned.callback, None))
    pytest_twisted.blockon(turned)


# trial would run the reactor itself, for each test, while pytest-twisted keeps it running.
TestCase._wait = _wait  # type: ignore[method-assign, assignment]


def _skips(config: pytest.Config) -> list[str]:
    """List the tests that were skipped or expected to fail; nothing in a worker of xdist."""
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") != "true" or reporter is None:
        return []
    found = [
        f"{report.nodeid}: {kind} {_reason(report)}"
        for kind in ("skipped", "xfailed", "xpassed")
        for report in reporter.stats.get(kind, ())
    ]
    if not (config.option.keyword or config.option.markexpr):  # not with -k or -m
        found += [f"{item.nodeid}: deselected" for item in reporter.stats.get("deselected", ())]
    return found


def _reason(report: Any) -> str:
    told = report.longrepr[-1] if isinstance(report.longrepr, tuple) else ""
    return str(getattr(report, "wasxfail", told))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run for a skip that is not allowed."""
    if judged(_skips(session.config))[1] and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the skipped tests."""
    for line in (line for lines in judged(_skips(config)) for line in lines):
        terminalreporter.write_line(line)
