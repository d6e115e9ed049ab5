"""The verdict on a report: valid, complete, and what was required of it.

It passes where it is valid and every requirement is met; and where every message of every client
was answered right, unless a requirement says how many clients may fail.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from .figures import is_of_failures
from .report import Report
from .require import Requirement, Result
from .validity import invalid


@dataclass(frozen=True)
class Verdict:
    """What is to be thought of a report.

    ``invalid`` has the reasons why it cannot be believed. ``results`` follow the requirements.
    """

    report: Report
    invalid: tuple[str, ...]
    results: tuple[Result, ...]

    @property
    def tolerant(self) -> bool:
        """Whether a requirement says what may fail, so that it need not be nothing."""
        return any(is_of_failures(result.requirement.name) for result in self.results)

    @property
    def passed(self) -> bool:
        """Whether all is as it should be."""
        met = all(result.met for result in self.results)
        return met and not self.invalid and (self.report.complete or self.tolerant)


def judge(report: Report, requirements: Iterable[Requirement] = ()) -> Verdict:
    """Give the verdict on a report."""
    results = tuple(requirement.check(report) for requirement in requirements)
    return Verdict(report, invalid(report), results)
