"""Whether two engines that carried out the same plan have the same results: a value."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from .disagreement import Disagreement
from .histograms import PERCENTILES
from .report import Report
from .verdict import INVALID, invalid

_TIMES_AS_LONG, _LONGER = 2.0, 1e-3
"""Percentiles differ if one is this many times the other, and longer by this many seconds."""


@dataclass(frozen=True)
class Agreement:
    """The reports of the two engines; with ``failures_asked``, failures are expected."""

    reactor: Report
    threads: Report
    failures_asked: bool = False

    @property
    def reports(self) -> tuple[Report, Report]:
        """Both reports."""
        return self.reactor, self.threads

    @cached_property
    def disagreements(self) -> tuple[Disagreement, ...]:
        """The differences between them, client by client; times do not count."""
        return tuple(self.reactor.disagreements(self.threads))

    @cached_property
    def invalid(self) -> tuple[str, ...]:
        """Why the figures of either engine cannot be believed, each after the engine's name."""
        return tuple(f"{one.engine}: {reason}" for one in self.reports for reason in invalid(one))

    @property
    def right(self) -> bool:
        """Whether every message was answered right, or failures were expected."""
        return self.reactor.complete or self.failures_asked

    @property
    def exit_code(self) -> int:
        """The exit code of the command."""
        if self.invalid:
            return INVALID
        return 0 if self.right and not self.disagreements else 1

    def percentiles_apart(self) -> Iterator[tuple[str, float | None, float | None]]:
        """Yield each percentile of the response times that differs: its name, and both in seconds.

        None stands for an engine that got no reply. The engines run one after the other on the same
        machine, so small differences are ignored.
        """
        one, two = (report.latencies() for report in self.reports)
        if one is None and two is None:
            return
        for number, at in enumerate(PERCENTILES):
            ours, theirs = (
                None if each is None else each.percentiles[number] for each in (one, two)
            )
            if _apart(ours, theirs):
                yield f"p{at:g}", ours, theirs


def _apart(one: float | None, two: float | None) -> bool:
    if one is None or two is None:
        return one is not two
    less, more = sorted((one, two))
    return more > _TIMES_AS_LONG * less and more - less > _LONGER
