"""Skips that are allowed in CI, and the report of all other skips.

Expected failures, tests marked as to do, and tests that were left out by name count as skipped.
``python -m tests.allowed_skips FILE…`` checks the output of trial; exit code 1 if a skip is not
allowed. ``--stale`` lists the allowed reasons that no run has used.
"""

import re
import sys
from collections.abc import Iterable
from pathlib import Path

ALLOWED: dict[str, str] = {}
"""Patterns of ``test: reason`` for tests that may be skipped, and the explanations."""

_SAID = "allowed to be skipped"
_TRIAL = re.compile(
    r"^\[(SKIPPED|TODO|SUCCESS!\?!)\]\n((?s:.*?))\n\n((?:[^=-]\S*\n)+)", re.MULTILINE
)


def judged(skips: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return lines for the allowed skips, each ``test: reason``, and lines for all others."""
    allowed, others = [], []
    for skip in skips:
        pattern = next((known for known in ALLOWED if re.search(known, skip)), None)
        if pattern is None:
            others.append(f"skipped in CI, and not in tests/allowed_skips.py: {skip}")
        else:
            allowed.append(f"{_SAID} by {pattern!r}: {skip}")
    return allowed, others


def skipped_by_trial(said: str) -> list[str]:
    """List the tests that trial's report shows as skipped, to do, or unexpectedly successful."""
    return [
        f"{test}: {kind} {' '.join(reason.split())}"
        for kind, reason, tests in _TRIAL.findall(said)
        for test in tests.split()
    ]


def stale(said: str) -> list[str]:
    """List the patterns that skipped no test, according to the output of all runs."""
    return [pattern for pattern in ALLOWED if f"{_SAID} by {pattern!r}" not in said]


def main(*arguments: str) -> int:
    """Check the named files; with ``--stale`` first, only list the stale patterns."""
    only_stale = arguments[:1] == ("--stale",)
    said = "".join(Path(name).read_text("utf-8", "replace") for name in arguments[only_stale:])
    allowed, others = ([], stale(said)) if only_stale else judged(skipped_by_trial(said))
    sys.stdout.writelines(f"{line}\n" for line in allowed + others)
    return int(bool(others) and not only_stale)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
