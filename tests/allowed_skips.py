"""What may be skipped in CI, and what is said of every other skip.

An expected failure, a test marked as to do, and one that was left out by name count as skipped.
``python -m tests.allowed_skips FILE…`` judges what trial said; exit 1 where a skip is not allowed.
``--stale`` tells which reasons for a skip no run has met.
"""

import re
import sys
from collections.abc import Iterable
from pathlib import Path

ALLOWED: dict[str, str] = {}
"""A pattern of ``test: reason given``, by which a test may be skipped, and why it may."""

_SAID = "allowed to be skipped"
_TRIAL = re.compile(
    r"^\[(SKIPPED|TODO|SUCCESS!\?!)\]\n((?s:.*?))\n\n((?:[^=-]\S*\n)+)", re.MULTILINE
)


def judged(skips: Iterable[str]) -> tuple[list[str], list[str]]:
    """Part skips, each ``test: reason``, into lines for those allowed, and for those not."""
    allowed, others = [], []
    for skip in skips:
        pattern = next((known for known in ALLOWED if re.search(known, skip)), None)
        if pattern is None:
            others.append(f"skipped in CI, and not in tests/allowed_skips.py: {skip}")
        else:
            allowed.append(f"{_SAID} by {pattern!r}: {skip}")
    return allowed, others


def skipped_by_trial(said: str) -> list[str]:
    """List what trial did not run, or ran for nothing, as its report says."""
    return [
        f"{test}: {kind} {' '.join(reason.split())}"
        for kind, reason, tests in _TRIAL.findall(said)
        for test in tests.split()
    ]


def stale(said: str) -> list[str]:
    """List the patterns by which nothing was skipped, going by all that the runs printed."""
    return [pattern for pattern in ALLOWED if f"{_SAID} by {pattern!r}" not in said]


def main(*arguments: str) -> int:
    """Judge the files named; with ``--stale`` first, only tell which patterns are."""
    only_stale = arguments[:1] == ("--stale",)
    said = "".join(Path(name).read_text("utf-8", "replace") for name in arguments[only_stale:])
    allowed, others = ([], stale(said)) if only_stale else judged(skipped_by_trial(said))
    sys.stdout.writelines(f"{line}\n" for line in allowed + others)
    return int(bool(others) and not only_stale)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
