"""A pytest plugin, ``-p tests.mutation.repeatable``: tests give the same result each time."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

EXAMPLES = 25
"""The most examples of a property test here: one that needs many to notice checks little."""

DURATIONS = "TWISTECHO_TEST_DURATIONS"
"""The variable that names the file for the duration of each test, in seconds."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let property tests try few examples, always the same ones."""
    for item in items:
        test: Any = getattr(item, "obj", None)
        own = getattr(test, "_hypothesis_internal_use_settings", None)
        if own is not None:
            test = getattr(test, "__func__", test)
            test._hypothesis_internal_use_settings = settings(
                own, max_examples=min(EXAMPLES, own.max_examples), deadline=None, database=None,
                derandomize=True, suppress_health_check=list(HealthCheck),
            )  # fmt: skip


class _Durations:
    def __init__(self, file: str) -> None:
        self._file, self._seconds = file, dict[str, float]()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[report.nodeid] = self._seconds.get(report.nodeid, 0.0) + report.duration

    def pytest_sessionfinish(self) -> None:
        Path(self._file).write_text(json.dumps(self._seconds), encoding="utf-8")


def pytest_configure(config: pytest.Config) -> None:
    """Write how long each test took, if `DURATIONS` is set."""
    file = os.environ.get(DURATIONS)
    if file and "PYTEST_XDIST_WORKER" not in os.environ:
        config.pluginmanager.register(_Durations(file))
