"""The house: what is pure, who may speak, who takes the global reactor, and what an import brings.

Which package may import which is in `test_layering`.
"""

import ast
import re
import subprocess
import sys
from functools import cache
from unittest import TestCase

import pytest

import twistecho

from .test_layering import MODULES, imports_of, own_imports_of, tree_of

SOURCES = {name: path.read_text(encoding="utf-8") for name, path in MODULES.items()}

# Packages, and single modules of others, below ``twistecho.``.
PURE = {"pictures", "service.scenario", "fleet.plans", "fleet.reports", "fleet.conversation"}
NOT_PURE = {
    "pictures.files",
    "pictures.matplotlib_figure",  # writes files, too
    "fleet.plans.addresses",  # the name service
    "fleet.plans.target",  # the length of a path, in the bytes of the system
    "fleet.conversation.custom_protocol",  # imports the user's own module
}
REACTOR_EDGES = {
    "service.workers.make_service",
    "service.workers.worker",
    "fleet.runs.run",
    "fleet.search.side_by_side",
    "testing.in_process",
    "testing.service_process",
}
SPEAKERS = {
    "cli",
    "compare",
    "fleet.output.printer",
    "fleet.runs",
    "locust.events",
    "service.process.options",
    "service.workers",
    "testing.service_process",
}

# What a pure module is free of: the outside world, other threads, time and chance.
IMPURE = {
    "asyncio", "concurrent", "datetime", "logging", "multiprocessing", "os", "pathlib", "random",
    "secrets", "select", "selectors", "signal", "socket", "ssl", "subprocess", "sys", "tempfile",
    "threading", "time", "twisted", "uuid", "zope",
}  # fmt: skip


def within(name: str, *places: str) -> bool:
    """Tell whether a module is one of these, or in one of these packages."""
    return any(f"{name}.".startswith(f"twistecho.{place}.") for place in places)


@cache
def reached_from(name: str) -> set[str]:
    """Give the modules of this project that a module imports, itself or through others."""
    reached: set[str] = set()
    todo = {name}
    while todo:
        new = own_imports_of(todo.pop())
        todo |= new - reached
        reached |= new
    return reached


class PublicNameTests(TestCase):
    """What the package exports, from the modules that it is said to come from."""

    def test_they_are_in_the_modules_they_are_said_to_be_in(self) -> None:
        """What is exported can be imported, and nothing is exported by another list only."""
        assert twistecho.__all__ == sorted(twistecho._ROOMS)
        for name, module in twistecho._ROOMS.items():
            with self.subTest(name=name):
                assert getattr(twistecho, name).__module__ == f"twistecho.{module}"

    def test_type_checkers_see_them(self) -> None:
        """What stands under TYPE_CHECKING is what is imported when a name is used."""
        [block] = [
            node
            for node in ast.parse(SOURCES["twistecho"]).body
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        ]
        seen = {
            alias.name: node.module
            for node in block.body
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        assert seen == twistecho._ROOMS

    def test_a_name_that_is_not_public_is_an_attributeerror(self) -> None:
        """As with any module."""
        with pytest.raises(AttributeError, match="nonsense"):
            _ = twistecho.nonsense


class HouseTests(TestCase):
    """What holds for packages besides their layers."""

    def test_the_named_places_exist(self) -> None:
        """The rules below speak of packages and modules that are there."""
        places = PURE | NOT_PURE | REACTOR_EDGES | SPEAKERS
        assert {f"twistecho.{place}" for place in places} <= MODULES.keys()

    def test_pure_packages_are_free_of_the_world(self) -> None:
        """No network, no threads, no files, no clock, no chance: these come in as arguments."""
        wrong = [
            f"{name} imports {each}"
            for name in MODULES
            if within(name, *PURE) and not within(name, *NOT_PURE)
            for module in {name, *reached_from(name)}
            for each in imports_of(module)
            if each.partition(".")[0] in IMPURE
        ]
        assert wrong == []

    def test_service_and_fleet_do_not_know_each_other(self) -> None:
        """Neither imports the other, not even through a third: either can be trusted alone."""
        wrong = [
            f"{name} reaches {each}"
            for name in MODULES
            for each in reached_from(name)
            if (within(name, "service", "designs") and within(each, "fleet"))
            or (within(name, "fleet") and within(each, "service", "designs"))
        ]
        assert wrong == []

    def test_the_two_engines_do_not_know_each_other(self) -> None:
        """They are two witnesses, which share only what both stand on."""
        engines = ("fleet.reactor_engine", "fleet.thread_engine")
        for one, other in (engines, engines[::-1]):
            for name in (each for each in MODULES if within(each, one)):
                assert not any(within(each, other) for each in reached_from(name))

    def test_the_global_reactor_is_imported_only_at_the_edge(self) -> None:
        """In the edges, and there inside functions: importing it installs it."""
        for name in MODULES:
            taken = "twisted.internet.reactor" in imports_of(name)
            with self.subTest(name=name):
                assert not taken or within(name, *REACTOR_EDGES)
                assert "twisted.internet.reactor" not in imports_of(name, at_import=True)

    def test_only_the_outermost_modules_speak(self) -> None:
        """``print`` and the standard streams appear in no other."""
        wrong = []
        for name in MODULES:
            if within(name, *SPEAKERS):
                continue
            for node in ast.walk(tree_of(name)):
                text = ast.unparse(node) if isinstance(node, ast.Name | ast.Attribute) else ""
                if re.fullmatch(r"print|sys\.(__)?std(out|err)(__)?", text):
                    wrong.append(f"{name}, line {getattr(node, 'lineno', 0)}: {text}")
                if isinstance(node, ast.ImportFrom) and node.module == "sys":
                    wrong.append(f"{name}, line {node.lineno}: from sys")
        assert wrong == []


class FreshProcessTests(TestCase):
    """What an import brings with it, seen in a new process."""

    def loaded_by(self, statement: str) -> set[str]:
        """Run a statement in a new Python and give the names of the modules it loaded."""
        code = f"import sys\n{statement}\nsys.stdout.write('\\n'.join(sys.modules))"
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
        )
        return set(done.stdout.split())

    def check(self, statement: str, needed: str, unwanted: set[str]) -> None:
        """Hold that a statement loads one module and none of the others, nor what is in them."""
        loaded = self.loaded_by(statement)
        assert needed in loaded
        assert [
            name
            for name in sorted(loaded)
            if any(name == other or name.startswith(f"{other}.") for other in unwanted)
        ] == []

    def test_the_factory_brings_no_command_and_no_reactor(self) -> None:
        """Other people's services import it: click, rich and the reactor are not their concern."""
        self.check(
            "from twistecho import EchoFactory",
            "twistecho.service.echo.factory",
            {"click", "rich", "hdrh", "prometheus_client", "twisted.internet.reactor"},
        )

    def test_a_service_without_workers_brings_nothing_of_theirs(self) -> None:
        """One process is the rule, and starts as quickly as it did."""
        unwanted = {
            "twisted.runner",
            "prometheus_client",
            "twisted.web",
            "twistecho.service.workers.pool",
            "twistecho.service.workers.supervisor",
        }
        self.check("import twistecho.tap", "twistecho.tap", unwanted)

    def test_the_threaded_fleet_brings_no_twisted(self) -> None:
        """The independent witness runs without it."""
        engine = "twistecho.fleet.thread_engine.fleet"
        self.check(f"import {engine}", engine, {"twisted"})
        self.check("from twistecho import run_threads", engine, {"twisted"})

    def test_the_command_brings_no_twisted(self) -> None:
        """Twisted is imported when an engine needs it."""
        self.check("import twistecho.cli.main", "twistecho.cli.main", {"twisted"})

    def test_a_page_needs_no_matplotlib(self) -> None:
        """It is an extra, and takes a second."""
        page = "twistecho.fleet.output.page"
        make = f"from tests.support.stalls import stalled; from {page} import html_page; "
        judged = "from twistecho.fleet.reports.verdict import judge; html_page(judge(stalled()))"
        self.check(make + judged, page, {"matplotlib", "numpy"})

    def test_the_pytest_plugin_brings_nothing(self) -> None:
        """Every pytest on the machine loads it: the rest comes when a fixture is used."""
        rooms = MODULES.keys() - {"twistecho", "twistecho.pytest_plugin"}
        statement = "import twistecho.pytest_plugin"
        self.check(statement, "twistecho.pytest_plugin", {"twisted", "click", "rich", *rooms})

    def test_the_package_alone_brings_no_room(self) -> None:
        """Rooms are imported when their names are used."""
        rooms = MODULES.keys() - {"twistecho"}
        self.check("import twistecho", "twistecho", {"twisted", "click", "rich", *rooms})
