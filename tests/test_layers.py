"""The house: which room may import which, read from the sources and from the map of the rooms.

Imports inside functions count; those under ``if TYPE_CHECKING`` do not. The map is the docstring
of the package: the ladder's order and the kinds of the rooms are taken from there.
"""

import ast
import re
import subprocess
import sys
import unittest
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import twistecho

PACKAGE = "twistecho"
ROOT = Path(twistecho.__file__).parent

# Not rooms: the map itself and the door for ``python -m``.
DOORS = {"__init__", "__main__"}

SERVER = {
    "delayline", "steadyline", "sweep", "occasional", "connection", "patience", "draining",
    "protocol", "steady", "answer", "resetting", "faulty", "factory",
    "proxied", "accepting", "turns", "unixport", "tlsfactory", "endpoint", "adopted", "notify",
    "service", "metrics", "workermetrics", "echooptions", "building", "mainservice", "worker",
    "lifesigns", "supervisor", "workers", "tap", "served", "inprocess", "designs",
}  # fmt: skip
CLIENT = {
    "dial", "oserrors", "client", "secureclient", "fleet", "talk", "securing", "securetalk",
    "threads", "resolve", "protocols",
}  # fmt: skip
EDGES = {"tap", "worker", "engines", "served", "inprocess"}
SPEAKERS = {
    "render", "cli", "outputs", "results", "reporting", "engines", "echooptions", "tap", "runner",
    "part", "serving", "comparing", "measuring", "served", "worker", "locust.concluding",
}  # fmt: skip

# What a pure room is free of: the outside world, other threads, time and chance.
IMPURE = {
    "asyncio", "concurrent", "datetime", "logging", "multiprocessing", "os", "pathlib", "random",
    "secrets", "select", "selectors", "signal", "socket", "ssl", "subprocess", "sys", "tempfile",
    "threading", "time", "twisted", "uuid", "zope",
}  # fmt: skip

_LINE = re.compile(r" {4}(?P<name>[a-z_][a-z_0-9.]*)(?:  +(?P<kind>\S+))?  +\S.*")


class Import(NamedTuple):
    """One name that is imported: the full dotted name, and whether inside a function."""

    name: str
    inside: bool


class Room(NamedTuple):
    """One line of the map; ``kind`` is empty where the line gives only a description."""

    name: str
    kind: str


def rooms_of(docstring: str) -> list[Room]:
    """Read the map: lines indented by four, a name, perhaps a kind, and a description."""
    matches = (_LINE.fullmatch(line) for line in docstring.splitlines())
    return [Room(match["name"], match["kind"] or "") for match in matches if match]


def is_type_checking(test: ast.expr) -> bool:
    """Tell whether a condition is ``TYPE_CHECKING`` or ``typing.TYPE_CHECKING``."""
    return ast.unparse(test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def running(node: ast.AST, *, inside: bool = False) -> Iterator[tuple[ast.AST, bool]]:
    """Give all nodes of code that runs, and whether they are inside a function."""
    yield node, inside
    children: list[ast.AST] = list(ast.iter_child_nodes(node))
    if isinstance(node, ast.If) and is_type_checking(node.test):
        children = list(node.orelse)
    inside = inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    for child in children:
        yield from running(child, inside=inside)


def imports_of(source: str, package: str = PACKAGE) -> Iterator[Import]:
    """Give all that a module of this package imports; relative names are made absolute."""
    for node, inside in running(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, inside)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")
                parents = parents[: len(parents) - node.level + 1]
                base = ".".join([*parents, base] if base else parents)
            for alias in node.names:
                yield Import(f"{base}.{alias.name}", inside)


def module_names() -> dict[str, Path]:
    """Find all modules: ``wire``, ``designs.threaded``, and ``designs`` for a package itself."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[-1] == "__init__" and len(parts) > 1:
            parts = parts[:-1]
        found[".".join(parts)] = path
    return found


MODULES = {name: path for name, path in module_names().items() if name not in DOORS}
SOURCES = {name: path.read_text(encoding="utf-8") for name, path in MODULES.items()}
MAP = rooms_of(twistecho.__doc__ or "")
RANK = {room.name: rank for rank, room in enumerate(MAP)}


def room_of(module: str) -> str | None:
    """Give the line of the map that a module stands in: its own, or that of its package."""
    package = module.split(".", maxsplit=1)[0]
    return next((name for name in (module, package) if name in RANK), None)


def package_of(module: str) -> str:
    """Give the package that a module's relative imports start from."""
    is_package = MODULES[module].name == "__init__.py"
    inner = module if is_package else module.rpartition(".")[0]
    return f"{PACKAGE}.{inner}" if inner else PACKAGE


def module_imported(name: str) -> str | None:
    """Give the module of this project that a full dotted name belongs to, or None."""
    if name != PACKAGE and not name.startswith(f"{PACKAGE}."):
        return None
    inner = name[len(PACKAGE) + 1 :]
    # A public name of the package stands for the room that it comes from.
    inner = twistecho._ROOMS.get(inner, inner)
    while inner and inner not in MODULES:
        inner = inner.rpartition(".")[0]
    return inner or "__init__"


def imported_by(module: str) -> list[Import]:
    """Give all that a module imports."""
    return list(imports_of(SOURCES[module], package_of(module)))


def rooms_imported_by(module: str) -> set[str]:
    """Give the modules of this project that a module imports itself."""
    found = (module_imported(entry.name) for entry in imported_by(module))
    return {name for name in found if name is not None}


def reached_from(module: str) -> set[str]:
    """Give the modules of this project that a module imports, itself or through others."""
    reached: set[str] = set()
    todo = {module}
    while todo:
        new = rooms_imported_by(todo.pop()) & MODULES.keys()
        todo |= new - reached
        reached |= new
    return reached


def within(module: str, names: set[str]) -> bool:
    """Tell whether a module, or the package it is in, is one of these."""
    return bool({module, module.split(".", maxsplit=1)[0]} & names)


class ParserTests(unittest.TestCase):
    """The reading of sources that the other tests rely on."""

    def names(self, source: str, package: str = PACKAGE) -> list[str]:
        """Give the names that a text imports."""
        return [entry.name for entry in imports_of(source, package)]

    def test_relative_imports_are_made_absolute(self) -> None:
        """From a room and from a room of a package inside."""
        assert self.names("from .wire import raw") == ["twistecho.wire.raw"]
        assert self.names("from . import render, cli") == ["twistecho.render", "twistecho.cli"]
        inner = "twistecho.designs"
        assert self.names("from ..wire import raw", inner) == ["twistecho.wire.raw"]
        assert self.names("from .. import wire", inner) == ["twistecho.wire"]
        assert self.names("from .threaded import x", inner) == ["twistecho.designs.threaded.x"]

    def test_absolute_imports_keep_their_name(self) -> None:
        """With and without ``from``."""
        assert self.names("import os.path, twistecho.wire") == ["os.path", "twistecho.wire"]
        assert self.names("from twisted.internet import reactor") == ["twisted.internet.reactor"]

    def test_imports_in_functions_count_and_are_known(self) -> None:
        """Only a function puts an import inside; classes, try and with do not."""
        source = (
            "try:\n import a\nexcept E:\n import b\nclass C:\n import c\n def f(self):\n  import d"
        )
        assert list(imports_of(source)) == [
            Import("a", inside=False),
            Import("b", inside=False),
            Import("c", inside=False),
            Import("d", inside=True),
        ]

    def test_imports_for_type_checkers_do_not_count(self) -> None:
        """Those under TYPE_CHECKING never run; those of its ``else`` do."""
        for condition in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            assert self.names(f"if {condition}:\n import a\nelse:\n import b") == ["b"]
        assert self.names("if sys.platform:\n import a") == ["a"]

    def test_the_map_is_read_line_by_line(self) -> None:
        """Names with and without a kind, and of packages inside; prose is no line."""
        lines = ["Rooms:", "", "    wire    pure    write it", "    render          some tables"]
        assert rooms_of("\n".join([*lines, "    designs.a  sockets  x", "", "More."])) == [
            Room("wire", "pure"),
            Room("render", ""),
            Room("designs.a", "sockets"),
        ]

    def test_a_name_belongs_to_its_module(self) -> None:
        """A module, a name in one, a public name of the package, and what is not ours."""
        assert module_imported("twistecho.wire") == "wire"
        assert module_imported("twistecho.wire.raw") == "wire"
        assert module_imported("twistecho.EchoFactory") == "factory"
        assert module_imported("twistecho") == "__init__"
        assert module_imported("twistechoes.wire") is None


class MapTests(unittest.TestCase):
    """The map in the package's docstring."""

    def test_every_module_is_in_the_map(self) -> None:
        """By itself or with its package; a package is there too if its rooms are."""
        packages = {room.name.partition(".")[0] for room in MAP if "." in room.name}
        assert [name for name in MODULES if room_of(name) is None and name not in packages] == []

    def test_the_map_names_only_modules_that_exist(self) -> None:
        """No room that was removed is left on it."""
        assert [room.name for room in MAP if room.name not in MODULES] == []

    def test_the_map_names_each_room_once(self) -> None:
        """A room has one place on the ladder."""
        assert len(RANK) == len(MAP) > 0

    def test_the_public_names_are_in_the_rooms_they_are_said_to_be_in(self) -> None:
        """What is exported can be imported, and nothing is exported by another list only."""
        assert twistecho.__all__ == sorted(twistecho._ROOMS)
        for name, room in twistecho._ROOMS.items():
            with self.subTest(name=name):
                assert room in RANK
                assert getattr(twistecho, name).__module__ == f"{PACKAGE}.{room}"

    def test_type_checkers_see_the_public_names(self) -> None:
        """What stands under TYPE_CHECKING is what is imported when a name is used."""
        source = (ROOT / "__init__.py").read_text(encoding="utf-8")
        [block] = [
            node
            for node in ast.parse(source).body
            if isinstance(node, ast.If) and is_type_checking(node.test)
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


class LadderTests(unittest.TestCase):
    """A room imports only rooms above it."""

    def test_a_room_imports_only_rooms_above_it(self) -> None:
        """In the order of the map; modules of one line of it may import each other."""
        wrong = []
        for module in MODULES:
            here = room_of(module)
            for other in rooms_imported_by(module):
                there = room_of(other)
                if here is None or here == there:
                    continue
                if there is None or RANK[there] > RANK[here]:
                    wrong.append(f"{module} imports {other}")
        assert wrong == []

    def test_no_room_imports_the_package_itself(self) -> None:
        """The package is made of the rooms: a room that imports it goes round in a circle."""
        assert [name for name in MODULES if "__init__" in rooms_imported_by(name)] == []

    def test_pure_rooms_are_free_of_the_world(self) -> None:
        """No network, no threads, no files, no clock, no chance: these come in as arguments."""
        pure = [name for name in MODULES if dict(MAP).get(room_of(name) or "") == "pure"]
        wrong = [
            f"{name} imports {entry.name}"
            for name in pure
            for entry in imported_by(name)
            if entry.name.split(".")[0] in IMPURE
        ]
        assert len(pure) >= 13
        assert wrong == []

    def test_pure_rooms_import_only_pure_rooms(self) -> None:
        """What is pure cannot become impure through another room."""
        kinds = dict(MAP)
        wrong = [
            f"{name} imports {other}"
            for name in MODULES
            if kinds.get(room_of(name) or "") == "pure"
            for other in rooms_imported_by(name)
            if kinds.get(room_of(other) or "") != "pure"
        ]
        assert wrong == []

    def test_server_and_client_rooms_do_not_know_each_other(self) -> None:
        """Neither imports the other, not even through a third: either can be trusted alone."""
        wrong = [
            f"{name} reaches {other}"
            for name in MODULES
            for other in reached_from(name)
            if (within(name, SERVER) and within(other, CLIENT))
            or (within(name, CLIENT) and within(other, SERVER))
        ]
        assert wrong == []

    def test_the_two_fleets_do_not_know_each_other(self) -> None:
        """They are two witnesses: `fleet` and `threads` share only rooms above both."""
        assert not {"threads", "talk", "securetalk"} & reached_from("fleet")
        assert not {"fleet", "client", "secureclient"} & reached_from("threads")

    def test_the_named_rooms_exist(self) -> None:
        """The rules above speak of rooms that are there; ``designs`` may still come."""
        assert (SERVER | CLIENT | EDGES | SPEAKERS) - {"designs"} <= MODULES.keys()


class EdgeTests(unittest.TestCase):
    """What only the outermost rooms do."""

    def test_the_global_reactor_is_imported_only_at_the_edge(self) -> None:
        """In the edges, and there inside functions: importing it installs it."""
        wrong = [
            f"{name} imports {entry.name}"
            for name in MODULES
            for entry in imported_by(name)
            if f"{entry.name}.".startswith("twisted.internet.reactor.")
            and not (name in EDGES and entry.inside)
        ]
        assert wrong == []

    def test_only_the_outermost_rooms_speak(self) -> None:
        """``print`` and the standard streams appear in no other room."""
        wrong = []
        for name, source in SOURCES.items():
            if name in SPEAKERS:
                continue
            for node in ast.walk(ast.parse(source)):
                text = ast.unparse(node) if isinstance(node, ast.Name | ast.Attribute) else ""
                if re.fullmatch(r"print|sys\.(__)?std(out|err)(__)?", text):
                    wrong.append(f"{name}, line {getattr(node, 'lineno', 0)}: {text}")
            wrong += [
                f"{name} imports {entry.name}"
                for entry in imported_by(name)
                if entry.name in ("sys.stdout", "sys.stderr")
            ]
        assert wrong == []


class FreshProcessTests(unittest.TestCase):
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
            "twistecho.factory",
            {"click", "rich", "hdrh", "prometheus_client", "twisted.internet.reactor"},
        )

    def test_a_service_without_workers_brings_nothing_of_theirs(self) -> None:
        """One process is the rule, and starts as quickly as it did."""
        rooms = {f"{PACKAGE}.{name}" for name in ("workers", "supervisor", "turns", "lifeline")}
        unwanted = {"twisted.runner", "prometheus_client", *rooms}
        self.check("import twistecho.tap", "twistecho.tap", unwanted)

    def test_the_threaded_fleet_brings_no_twisted(self) -> None:
        """The independent witness runs without it."""
        self.check("import twistecho.threads", "twistecho.threads", {"twisted"})
        self.check("from twistecho import run_threads", "twistecho.threads", {"twisted"})

    def test_the_command_brings_no_twisted(self) -> None:
        """Twisted is imported when an engine needs it."""
        self.check("import twistecho.cli", "twistecho.cli", {"twisted"})

    def test_the_pytest_plugin_brings_nothing(self) -> None:
        """Every pytest on the machine loads it: the rest comes when a fixture is used."""
        rooms = {f"{PACKAGE}.{name}" for name in MODULES} - {"twistecho.pytest_plugin"}
        statement = "import twistecho.pytest_plugin"
        self.check(statement, "twistecho.pytest_plugin", {"twisted", "click", "rich", *rooms})

    def test_the_package_alone_brings_no_room(self) -> None:
        """Rooms are imported when their names are used."""
        rooms = {f"{PACKAGE}.{name}" for name in MODULES}
        self.check("import twistecho", "twistecho", {"twisted", "click", "rich", *rooms})
