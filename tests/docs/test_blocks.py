"""README.md and the pages of docs: what their blocks show is what happens."""

import sys
from pathlib import Path
from unittest import TestCase, skipUnless

from .pages import ELSEWHERE, PAGES, add_tests


@skipUnless(sys.platform == "linux", "commands of Linux")
class PageTests(TestCase):
    """A test for each page, whose blocks run in its order."""


add_tests(PageTests, (page for page in PAGES if page.name not in ELSEWHERE))


class ElsewhereTests(TestCase):
    """Pages that have a module of their own."""

    def test_they_and_their_modules_are_there(self) -> None:
        """So no page is left out."""
        assert set(ELSEWHERE) <= {page.name for page in PAGES}
        for page, module in ELSEWHERE.items():
            assert page in (Path(__file__).parent / module).read_text(encoding="utf-8")
