"""The site: it needs no network, every page is in it, and every public name is described."""

import re
from unittest import TestCase

import twistecho
import twistecho.pytest_plugin
from tests.support import DOCS

PAGES = [page for page in DOCS.rglob("*.md") if "generated" not in page.parts]


class SiteTests(TestCase):
    """What Sphinx would not notice."""

    def test_the_configuration_refers_to_nothing_remote(self) -> None:
        """No address, and no extension that fetches: fonts, scripts, other projects' names."""
        text = (DOCS / "conf.py").read_text(encoding="utf-8")
        assert "//" not in text
        assert '\nextensions = ["myst_parser", "sphinx.ext.autodoc"]\n' in text

    def test_no_page_shows_a_remote_picture(self) -> None:
        """Nor embeds anything by HTML."""
        for page in PAGES:
            text = page.read_text(encoding="utf-8")
            with self.subTest(page.name):
                assert not re.search(r"!\[[^\]]*\]\(\s*<?(https?:)?//", text)
                assert not re.search(r"<(img|script|link|iframe)\b", text)

    def test_every_public_name_is_described(self) -> None:
        """The package's, the fixtures, the mixin and the reactor."""
        text = "".join(
            page.read_text(encoding="utf-8") for page in (DOCS / "reference").glob("api-*")
        )
        fixtures = [name for name in vars(twistecho.pytest_plugin) if name.startswith("echo_")]
        assert len(fixtures) == 5
        names = [
            *(f"twistecho.{name}" for name in twistecho.__all__),
            *(f"twistecho.pytest_plugin.{name}" for name in fixtures),
            "twistecho.testcase.EchoServerMixin",
            "twistecho.eagerreactor.install",
        ]
        assert [name for name in names if f":: {name}\n" not in text] == []
