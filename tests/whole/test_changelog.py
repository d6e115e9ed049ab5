"""CHANGELOG.md: its form, which readers and programs rely on."""

import re
from unittest import TestCase

from tests.support import DOCS
from twistecho.base.version import VERSION

LINES = (DOCS.parent / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
LONGEST = 100
KINDS = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
_RELEASE = re.compile(r"## (\d+)\.(\d+)\.(\d+) - (\d{4}-\d\d-\d\d)")


def version_of(heading: str) -> tuple[int, ...]:
    """Return the numbers of a release's heading."""
    found = _RELEASE.fullmatch(heading)
    assert found is not None, heading
    return tuple(map(int, found.groups()[:3]))


class ChangelogTests(TestCase):
    """As on keepachangelog.com, with one line per entry."""

    def test_it_has_a_heading_per_version_the_newest_first(self) -> None:
        """What is not released yet stands above, and the package's version is the newest one."""
        headings = [line for line in LINES if line.startswith("## ")]
        assert headings[0] == "## Unreleased"
        versions = [version_of(heading) for heading in headings[1:]]
        assert versions == sorted(set(versions), reverse=True)
        assert ".".join(map(str, versions[0])) == VERSION

    def test_entries_stand_under_the_kinds_of_change(self) -> None:
        """Each kind is there once per version, and has an entry."""
        for version in "\n".join(LINES).split("\n## ")[1:]:
            before, *parts = version.split("\n### ")
            kinds = [part.partition("\n")[0] for part in parts]
            with self.subTest(version=before):
                assert "\n- " not in before
                assert set(kinds) <= set(KINDS)
                assert len(kinds) == len(set(kinds))
                assert all("\n- " in part for part in parts)

    def test_an_entry_is_one_line(self) -> None:
        """Of at most 100 characters, and a sentence: it ends with a full stop."""
        first = next(at for at, line in enumerate(LINES) if line.startswith("## "))
        for number, line in enumerate(LINES, 1):
            with self.subTest(line=number):
                assert len(line) <= LONGEST
                if number > first and line and not line.startswith(("## ", "### ")):
                    assert line.startswith("- ")
                    assert line.endswith(".")

    def test_no_entry_stands_twice(self) -> None:
        """It would have been written by two people."""
        entries = [line for line in LINES if line.startswith("- ")]
        assert len(entries) > 100
        assert len(entries) == len(set(entries))
