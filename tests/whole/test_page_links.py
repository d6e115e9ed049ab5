"""The pages: every link from one to another leads to a file, and to a heading that is there."""

import re
from pathlib import Path
from unittest import TestCase

from tests.support import DOCS

ROOT = DOCS.parent
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.glob("*.md"))]
_LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")
_CODE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Give the anchors of a page: those of its headings, as GitHub makes them, and its own."""
    text = _CODE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    made = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return made | set(re.findall(r'<a id="([^"]+)"', text))


class LinksTests(TestCase):
    """Links within the repository."""

    def test_every_link_leads_somewhere(self) -> None:
        """To a file, and to an anchor where it names one."""
        found = 0
        for page in PAGES:
            text = _CODE.sub("", page.read_text(encoding="utf-8"))
            for path, anchor in _LINK.findall(text):
                target = (page.parent / path) if path else page
                with self.subTest(page=page.name, link=f"{path}#{anchor}"):
                    assert target.exists()
                    assert not anchor or anchor in anchors(target)
                found += 1
        assert found > 50
