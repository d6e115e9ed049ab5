"""Searches for errors in all code that reads external input: ``python -m tests.fuzz``.

The targets are the property tests of the modules below, which the normal run tries with about a
hundred examples each. Here they are repeated, each time with a new seed; the target with the least
time used is next. A failure is shown as hypothesis shows it, with the command that repeats only
that case; the exit code is then 1.

Guidance by coverage is not used, because it gains nothing here. Of four modules (headers, in-band
words, targets, requirements) atheris reached 44 % in a million inputs, nothing more after five
seconds; some 400 examples that hypothesis made by damaging right ones reached 60 %.
"""

import argparse
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any
from unittest import TestCase, TestResult

from hypothesis import HealthCheck, seed, settings

MODULES = (
    "base.test_decoding",
    "base.test_notation",
    "compare.test_comparison",
    "fleet.conversation.test_conversation",
    "fleet.conversation.test_custom_reader",
    "fleet.conversation.test_expected",
    "fleet.output.test_page",
    "fleet.plans.test_plan",
    "fleet.plans.test_target",
    "fleet.reports.test_histograms",
    "fleet.reports.test_progress",
    "fleet.reports.test_report",
    "fleet.reports.test_verdict",
    "service.echo.test_framed",
    "service.echo.test_steering",
    "service.listening.test_proxy_header",
    "service.process.test_options",
    "service.scenario.test_answers",
    "service.scenario.test_delay",
    "service.scenario.test_document",
    "service.scenario.test_fault",
    "service.scenario.test_framing",
    "service.scenario.test_parsing",
    "service.scenario.test_scenario",
    "whole.test_any_input",
)
"""The modules with property tests of code that reads input."""


class Target:
    """One property test; ``examples`` and ``seconds`` count its tries."""

    def __init__(self, case: type[TestCase], method: str) -> None:
        self.case, self.method = case, method
        self.name = f"{case.__module__}.{case.__qualname__}.{method}".removeprefix("tests.")
        self.examples, self.seconds = 0, 0.0
        self._test: Any = getattr(case, method)
        own = self._test._hypothesis_internal_use_settings
        self._test._hypothesis_internal_use_settings = settings(
            own, max_examples=10 * own.max_examples, deadline=None, database=None,
            derandomize=False, print_blob=True, suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        handle = self._test.hypothesis
        handle.inner_test = self._counted(handle.inner_test)

    def _counted(self, test: Callable[..., object]) -> Callable[..., object]:
        def counting(*arguments: Any, **named: Any) -> object:
            self.examples += 1
            return test(*arguments, **named)

        return counting

    def run(self, number: int) -> str:
        """Try ten times the test's number of examples, from a seed; return the failures as text."""
        seed(number)(self._test)
        result, began = TestResult(), time.monotonic()
        self.case(self.method).run(result)
        self.seconds += time.monotonic() - began
        return "\n".join(text for _, text in [*result.failures, *result.errors])


def targets() -> Iterator[Target]:
    """Yield all property tests of the modules."""
    for name in MODULES:
        module = import_module(f"tests.{name}")
        for case in vars(module).values():
            if isinstance(case, type) and case.__module__ == module.__name__:
                yield from _targets_of(case)


def _targets_of(case: type) -> Iterator[Target]:
    for name in dir(case) if issubclass(case, TestCase) else ():
        if hasattr(getattr(case, name, None), "hypothesis"):
            yield Target(case, name)


def main() -> None:
    """Try all targets for the given minutes, or some with one seed."""
    parser = argparse.ArgumentParser("python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="duration [60]")
    parser.add_argument("--seed", type=int, help="try this seed, once")
    parser.add_argument("name", nargs="?", default="", help="a part of the targets' names")
    asked = parser.parse_args()
    found = [target for target in targets() if asked.name in target.name]
    left, failed, ends = list(found), 0, time.monotonic() + 60 * asked.minutes
    while left and time.monotonic() < ends:
        target = min(left, key=lambda each: each.seconds)
        number = secrets.randbits(64) if asked.seed is None else asked.seed
        problem = target.run(number)
        if problem or asked.seed is not None:
            left.remove(target)
        if problem:
            failed += 1
            again = f"python -m tests.fuzz --seed {number} {target.name}"
            print(f"{problem}\nFAILED: {again}\n", flush=True)  # noqa: T201 - a command
    for target in found:
        print(f"{target.examples:>12,} {target.seconds:7.0f} s  {target.name}")  # noqa: T201
    print(f"{sum(each.examples for each in found):,} examples, {failed} targets failed")  # noqa: T201
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
