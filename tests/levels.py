"""The number and time of the tests at each level: ``python -m tests.levels``.

The levels are: pure; in memory (the test made one of Twisted's fake clocks, transports or
reactors); real sockets (it bound or connected one); processes (it started one). The highest one
that applies counts. It is observed while the test runs, by Python's audit events, not declared.
Arguments are pytest's. As a plugin (``pytest -p tests.levels``) it adds its table to any run.
"""

import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from functools import wraps
from typing import Any

import pytest

LEVELS = ("pure", "in memory", "real sockets", "processes")

_EVENTS = {
    "socket.bind": 2, "socket.connect": 2, "subprocess.Popen": 3, "os.fork": 3, "os.forkpty": 3,
    "os.posix_spawn": 3, "os.system": 3,
}  # fmt: skip

Spent = tuple[int, float, float]
"""The result of a test: its level, its seconds of wall-clock time and of CPU time."""


def _cpu() -> float:
    """Return the CPU seconds of this process and of the children that it waited for."""
    return sum(os.times()[:4])


class Levels:
    """The plugin: watches tests in the processes that run them, and adds up the results."""

    def __init__(self) -> None:
        self._level = 0
        self._began = (0.0, 0.0)
        self._spent: list[Spent] = []

    def watch(self) -> None:
        """Watch this process from now on."""
        from twisted.internet import task, testing  # noqa: PLC0415 - after pytest's start
        from twisted.test import iosim  # noqa: PLC0415

        sys.addaudithook(lambda event, _arguments: self._saw(_EVENTS.get(event, 0)))
        pretending: list[Any] = [
            task.Clock, testing.StringTransport, testing.MemoryReactor, iosim.FakeTransport,
        ]  # fmt: skip
        for made in pretending:
            made.__init__ = self._telling(made.__init__)

    def _saw(self, level: int) -> None:
        self._level = max(self._level, level)

    def _telling(self, make: Callable[..., None]) -> Callable[..., None]:
        @wraps(make)
        def telling(*arguments: Any, **named: Any) -> None:
            self._saw(1)
            make(*arguments, **named)

        return telling

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        """Reset the level and the times before a test."""
        self._level, self._began = 0, (time.monotonic(), _cpu())

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: "pytest.CallInfo[None]") -> None:
        """Send a test's result with its last report, from the process that ran it."""
        if call.when == "teardown":
            wall, cpu = self._began
            spent = (self._level, time.monotonic() - wall, _cpu() - cpu)
            item.user_properties.append(("level", spent))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect the result of a test."""
        if report.when == "teardown":
            self._spent += [value for name, value in report.user_properties if name == "level"]  # type: ignore[misc]

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print the table, unless this is a worker of xdist."""
        for line in table(self._spent):
            terminalreporter.write_line(line)


def table(spent: list[Spent]) -> list[str]:
    """Return lines with the number of tests at each level, and their times."""
    sums: dict[int, list[float]] = defaultdict(lambda: [0, 0.0, 0.0])
    for level, wall, cpu in spent:
        for at, more in enumerate((1, wall, cpu)):
            sums[level][at] += more
    counted = ", ".join(f"{sums[at][0]:.0f} {name}" for at, name in enumerate(LEVELS))
    rows = [
        f"{name:<14}{sums[at][0]:>6.0f}{sums[at][1]:>8.1f} s{sums[at][2]:>8.1f} s"
        for at, name in enumerate(LEVELS)
    ]
    return [
        f"{len(spent)} tests: {counted}",
        f"{'level':<14}{'tests':>6}{'time':>10}{'CPU':>10}",
        *rows,
    ]


def pytest_configure(config: pytest.Config) -> None:
    """Register the plugin."""
    levels = Levels()
    levels.watch()
    config.pluginmanager.register(levels)


if __name__ == "__main__":
    _asked = sys.argv[1:] or ["-n", "3", "--dist", "loadfile"]
    _command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.levels", *_asked]
    sys.exit(subprocess.call(_command))
