"""CONTRIBUTING.md: its lists name files that exist, and each place they name is complete."""

import re
from unittest import TestCase

from tests.support import DOCS
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.plan_fields import _KINDS
from twistecho.service.process.options import Options
from twistecho.service.scenario import parsing
from twistecho.service.scenario.fault import Kind
from twistecho.service.scenario.fault_options import parsers_of
from twistecho.testing.options import EchoServerOptions, FaultOptions

ROOT = DOCS.parent
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


class PageTests(TestCase):
    """What the page names."""

    def test_every_file_that_it_names_exists(self) -> None:
        """A name without a folder is in the folder of a file named before it, in its line."""
        found = 0
        for line in PAGE.splitlines():
            folders = [ROOT]
            for name in re.findall(r"`(\.?[\w./-]+\.(?:py|md|json)|\.ci/run)`", line):
                with self.subTest(name):
                    places = [folder / name for folder in folders if (folder / name).exists()]
                    assert places or list(ROOT.glob(f"t*/**/{name}"))
                folders += [place.parent for place in places]
                found += 1
        assert found > 50


class FaultTests(TestCase):
    """Each kind of fault, in every place that lists the kinds."""

    def test_each_kind_is_in_the_help_the_docstring_and_the_page(self) -> None:
        """No other test would notice one that lacks there."""
        _, _, after = Options().getUsage().partition("--fault=")
        help_of_faults = after.partition("\n      --")[0]
        page = (DOCS / "faults.md").read_text(encoding="utf-8")
        for kind in Kind:
            with self.subTest(kind):
                assert re.search(rf"\b{kind}\b", help_of_faults)
                assert re.search(rf"^ {{4}}{kind}\b", parsing.__doc__ or "", re.MULTILINE)
                assert f"`{kind}`" in page

    def test_each_option_is_a_keyword_of_test_servers(self) -> None:
        """``for_`` is ``for``; ``match`` is read apart."""
        options = {name for kind in Kind for name in parsers_of(kind, scheduled=True)}
        assert options | {"match"} == {name.rstrip("_") for name in FaultOptions.__annotations__}


class OptionTests(TestCase):
    """Options of the service, and fields of the fleet's plan."""

    def test_each_option_of_the_service_is_one_of_a_test_server(self) -> None:
        """Workers are for load, and help and version for people."""
        options = {name.rstrip("=").replace("-", "_") for name in Options().longOpt}
        apart = {"workers", "help", "version"}
        others = {"faults"}  # another name of fault
        assert options - apart == EchoServerOptions.__annotations__.keys() - others

    def test_each_field_of_a_plan_has_its_type_checked(self) -> None:
        """One without is never refused."""
        assert _KINDS.keys() == Plan.__dataclass_fields__.keys()
