"""Every page of docs: what its blocks show is what happens."""

import sys
from collections.abc import Callable
from pathlib import Path
from unittest import TestCase, skipUnless

from tests.support import DOCS

from .reader import follow

PAGES = sorted(DOCS.rglob("*.md"))
"""All pages."""


@skipUnless(sys.platform == "linux", "commands of Linux")
class PageTests(TestCase):
    """A test for each page, whose blocks run in its order."""


def _test_of(page: Path) -> Callable[[PageTests], None]:
    def test(_case: PageTests) -> None:
        follow(page)

    test.__doc__ = f"The blocks of {page.relative_to(DOCS)}."
    return test


for _page in PAGES:
    _name = "_".join(_page.relative_to(DOCS).with_suffix("").parts).replace("-", "_")
    setattr(PageTests, f"test_{_name}", _test_of(_page))
