"""docs/fleet.md: what its blocks show is what happens."""

import sys
from unittest import TestCase, skipUnless

from tests.support import DOCS

from .pages import add_tests


@skipUnless(sys.platform == "linux", "commands of Linux")
class PageTests(TestCase):
    """The page, whose blocks run in its order."""


add_tests(PageTests, [DOCS / "fleet.md"])
