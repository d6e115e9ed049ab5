"""What the package index shows and what the source distribution holds, without building either."""

import re
import tomllib
from collections.abc import Iterator
from contextlib import chdir
from functools import cache
from html.parser import HTMLParser
from typing import Any
from unittest import TestCase

from hatchling.builders.sdist import SdistBuilder
from hatchling.metadata.core import ProjectMetadata
from hatchling.plugin.manager import PluginManager
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.support import DOCS
from twistecho.base.version import VERSION

ROOT = DOCS.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
SOURCE = PROJECT["urls"]["Source"]


@cache
def long_description() -> str:
    """Make the long description as a build does, by the same hook."""
    with chdir(ROOT):
        return ProjectMetadata(str(ROOT), PluginManager()).core.readme


def tokens(text: str) -> list[Token]:
    """Read Markdown as the package index does; return its tokens, those within lines too."""
    found = MarkdownIt("commonmark").enable("table").parse(text)
    return [each for token in found for each in (token, *(token.children or ()))]


class _Html(HTMLParser):
    """Collects the addresses of links and of pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take the addresses of one element."""
        self.found += [
            (name, value or "") for name, value in attrs if name in {"href", "src", "srcset"}
        ]


def addresses(text: str) -> Iterator[tuple[str, str]]:
    """List the addresses in Markdown, each with the attribute that has it: href, src or srcset."""
    html = _Html()
    for token in tokens(text):
        if token.type in {"html_block", "html_inline"}:
            html.feed(token.content)
        for name in ("href", "src"):
            if name in token.attrs:
                yield name, str(token.attrs[name])
    yield from html.found


SAMPLE = """\
![a](docs/a.svg) [![b](b.png)](docs/b.md) [c](#c) [d](docs/d.md#e) [f][f] [g](https://g.example/)
<picture><source srcset="docs/dark.svg"><img alt="i" src="docs/i.svg"></picture> <a href="j">j</a>

[f]: docs/f.md
"""


class LongDescriptionTests(TestCase):
    """README.md, as it is uploaded."""

    def test_no_relative_link_is_left(self) -> None:
        """A package index has neither the pages nor the pictures."""
        found = list(addresses(long_description()))
        assert len(found) > 10
        assert [each for each in found if not each[1].startswith(("https://", "http://"))] == []

    def test_links_and_pictures_lead_to_files_of_the_project(self) -> None:
        """Pages to where they are shown, pictures to their bytes."""
        ours = {
            "href": f"{SOURCE}/blob/main/",
            "src": f"{SOURCE}/raw/main/",
            "srcset": f"{SOURCE}/raw/main/",
        }
        for name, address in addresses(long_description()):
            if address.startswith((f"{SOURCE}/blob/", f"{SOURCE}/raw/")):
                with self.subTest(address):
                    assert address.startswith(ours[name])
                    path = address.removeprefix(ours[name]).partition("#")[0]
                    assert (ROOT / path).exists()

    def test_every_way_to_write_a_link_is_known(self) -> None:
        """Also those that README.md does not use today."""
        with chdir(ROOT):
            project = ProjectMetadata(str(ROOT), PluginManager())
            [hook] = project.hatch.metadata.hook_config.values()
            made = SAMPLE
            for each in hook["substitutions"]:
                made = re.sub(each["pattern"], each["replacement"], made)
        page, picture = f"{SOURCE}/blob/main", f"{SOURCE}/raw/main"
        assert sorted(addresses(made)) == sorted([
            ("src", f"{picture}/docs/a.svg"), ("src", f"{picture}/b.png"),
            ("href", f"{page}/docs/b.md"), ("href", f"{page}/README.md#c"),
            ("href", f"{page}/docs/d.md#e"), ("href", f"{page}/docs/f.md"),
            ("href", "https://g.example/"), ("srcset", f"{picture}/docs/dark.svg"),
            ("src", f"{picture}/docs/i.svg"), ("href", f"{page}/j"),
        ])  # fmt: skip

    def test_code_is_as_in_the_readme(self) -> None:
        """A pattern that is too wide would change an example."""
        kinds = {"fence", "code_block", "code_inline"}
        code = [
            [token.content for token in tokens(text) if token.type in kinds]
            for text in (README, long_description())
        ]
        assert code[0] == code[1] != []


class MetadataTests(TestCase):
    """pyproject.toml and CITATION.cff."""

    def test_all_addresses_are_of_one_project(self) -> None:
        """They are to be confirmed once, in one place."""
        assert set(PROJECT["urls"]) == {"Documentation", "Source", "Changelog", "Issues"}
        for address in PROJECT["urls"].values():
            assert address == SOURCE or address.startswith(f"{SOURCE}/")
        for name in ("SECURITY.md", "CONTRIBUTING.md", "CITATION.cff"):
            text = (ROOT / name).read_text(encoding="utf-8")
            found = re.findall(r"https://github\.com/[^\s)]*", text)
            assert found
            for address in found:
                assert address == SOURCE or address.startswith(f"{SOURCE}/")

    def test_the_citation_names_the_version_of_the_package(self) -> None:
        """Also its licence, and the day that the changelog has for that version."""
        citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
        changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
        assert f"\nversion: {VERSION}\n" in citation
        assert f"\nlicense: {PROJECT['license']}\n" in citation
        released = re.search(r"^date-released: (\S+)$", citation, re.MULTILINE)
        assert released is not None
        assert f"\n## {VERSION} - {released[1]}\n" in changes

    def test_every_extra_of_a_command_is_in_all(self) -> None:
        """The others are for Locust, and for those who change twistecho."""
        extras = PROJECT["optional-dependencies"]
        [line] = extras["all"]
        commands = set(extras) - {"all", "docs", "lint", "locust", "mutation", "recording", "test"}
        assert line == f"twistecho[{','.join(sorted(commands))}]"


class SourceDistributionTests(TestCase):
    """What the source distribution holds."""

    def test_it_has_what_the_pages_name(self) -> None:
        """Whoever builds from it can run the tests and find how changes are made."""
        held = {file.distribution_path for file in SdistBuilder(str(ROOT)).recurse_included_files()}
        wanted = {
            ".ci/run", ".ci/summary", "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md",
            "Containerfile", "LICENSE", "README.md", "SECURITY.md", "docs/container.md",
            "tests/__init__.py", "bench/__main__.py", "twisted/plugins/twistecho_plugin.py",
        }  # fmt: skip
        assert wanted - held == set()
        assert [path for path in held if path.endswith((".pyc", "dropin.cache"))] == []
