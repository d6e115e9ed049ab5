"""README.md and every page of docs: what its blocks show is what happens."""

import sys
from collections.abc import Callable
from pathlib import Path
from unittest import TestCase, skipUnless

from tests.support import DOCS

from .reader import follow

PAGES = [
    DOCS.parent / "README.md",
    *sorted(page for page in DOCS.rglob("*.md") if page.parent.name not in {"generated", "texts"}),
]
"""All pages that are written by hand."""

ELSEWHERE = {"tutorial.md": "tests/docs/test_tutorial.py"}
"""Pages whose blocks another module runs: the tutorial's change files of those before them."""


@skipUnless(sys.platform == "linux", "commands of Linux")
class PageTests(TestCase):
    """A test for each page, whose blocks run in its order."""


def _test_of(page: Path) -> Callable[[PageTests], None]:
    def test(_case: PageTests) -> None:
        follow(page)

    test.__doc__ = f"The blocks of {page.relative_to(DOCS.parent)}."
    return test


for _page in (page for page in PAGES if page.name not in ELSEWHERE):
    _parts = _page.relative_to(DOCS.parent).with_suffix("").parts
    _name = "_".join(_parts).replace("-", "_").lower()
    setattr(PageTests, f"test_{_name}", _test_of(_page))
