"""The pages that are written by hand, and the tests that follow them."""

from collections.abc import Callable, Iterable
from pathlib import Path
from unittest import TestCase

from tests.support import DOCS

from .reader import follow

PAGES = [
    DOCS.parent / "README.md",
    *sorted(page for page in DOCS.rglob("*.md") if page.parent.name not in {"generated", "texts"}),
]
"""All of them."""

ELSEWHERE = {
    "tutorial.md": "test_tutorial.py",  # its blocks change the files of those before them
    "fleet.md": "test_blocks_of_fleet.py",  # these two take longest: each has a process of its own
    "designs.md": "test_blocks_of_designs.py",
}
"""Pages that have a module of their own, and its name."""


def add_tests(case: type[TestCase], pages: Iterable[Path]) -> None:
    """Add a test for each page, which runs its blocks in their order."""
    for page in pages:
        parts = page.relative_to(DOCS.parent).with_suffix("").parts
        name = "_".join(parts).replace("-", "_").lower()
        setattr(case, f"test_{name}", _test_of(page))


def _test_of(page: Path) -> Callable[[TestCase], None]:
    def test(_case: TestCase) -> None:
        follow(page)

    test.__doc__ = f"The blocks of {page.relative_to(DOCS.parent)}."
    return test
