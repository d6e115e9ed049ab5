"""Layers: a package imports only packages on layers below it, and no module needs itself.

The layers are read from the docstrings of `twistecho`, `twistecho.service` and `twistecho.fleet`.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from importlib import import_module
from importlib.util import resolve_name
from pathlib import Path
from unittest import TestCase

import twistecho

ROOT = Path(twistecho.__file__ or "").parent
HOUSES = ("twistecho", "twistecho.service", "twistecho.fleet")


def _name(path: Path) -> str:
    parts = ("twistecho", *path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts).removesuffix(".__init__")


MODULES = {_name(path): path for path in ROOT.rglob("*.py")}
PACKAGES = {name for name, path in MODULES.items() if path.name == "__init__.py"}


@cache
def tree_of(name: str) -> ast.Module:
    """Parse a module, once."""
    return ast.parse(MODULES[name].read_text(encoding="utf-8"))


def imports_of(name: str, *, at_import: bool = False) -> Iterator[str]:
    """Name all that a module imports; only what importing it imports, if asked."""
    package = name if name in PACKAGES else name.rpartition(".")[0]
    todo: list[ast.AST] = [tree_of(name)]
    while todo:
        node = todo.pop()
        later = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or (
            isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        )
        if not (at_import and later):
            todo += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = resolve_name("." * node.level + base, package)
            named = [f"{base}.{alias.name}" for alias in node.names]
            yield from (each if each in MODULES else base for each in named)
        elif isinstance(node, ast.Constant) and not at_import and (place := _place(node.value)):
            yield resolve_name(place, package)


def _place(value: object) -> str | None:
    """Give the module of a place, ``module:name``, that `cli.later` imports from, or None."""
    found = re.fullmatch(r"(\.\w+|twistecho\.[\w.]+):\w+", str(value))
    return found and found[1]


@cache
def own_imports_of(name: str, *, at_import: bool = False) -> frozenset[str]:
    """Name the product's modules that a module imports, without itself."""
    found = imports_of(name, at_import=at_import)
    return frozenset(each for each in found if each.partition(".")[0] == "twistecho") - {name}


def layers_of(house: str) -> dict[str, int]:
    """Read the layer of each package of a house from its docstring."""
    text = import_module(house).__doc__ or ""
    lines = re.findall(r"^ {4}(\d)  +(.+?)(?:  .*)?$", text, re.MULTILINE)
    return {name: int(layer) for layer, names in lines for name in names.split()}


def part_of(name: str, house: str) -> str:
    """Name the package of a house that a module stands in; ``name`` is below the house."""
    return name.removeprefix(house + ".").partition(".")[0]


class LayerTests(TestCase):
    """One-way imports, between packages and within them."""

    def test_the_layers_name_every_package(self) -> None:
        """Each package has one line in its house's docstring, and none is named that is not."""
        for house in HOUSES:
            with self.subTest(house=house):
                packages = {part_of(name, house) for name in PACKAGES if name != house
                            and name.rpartition(".")[0] == house}  # fmt: skip
                assert set(layers_of(house)) == packages

    def test_a_package_imports_only_packages_below_it(self) -> None:
        """Imports inside functions and for type checkers count too; entry points are free."""
        wrong = []
        for house in HOUSES:
            layers = layers_of(house)
            for name in (each for each in MODULES if each.startswith(house + ".")):
                here = part_of(name, house)
                if here not in layers:
                    continue  # an entry point
                for each in own_imports_of(name):
                    there = part_of(each, house) if each.startswith(house + ".") else here
                    if each == "twistecho" or (
                        there != here and layers.get(there, 99) >= layers[here]
                    ):
                        wrong.append(f"{name}: {each}")
        assert wrong == []

    def test_no_module_needs_itself(self) -> None:
        """No circle of imports, inside a package either: a CycleError names it."""
        graph = {name: own_imports_of(name, at_import=True) for name in MODULES}
        tuple(TopologicalSorter(graph).static_order())
