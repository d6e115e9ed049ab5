"""Parts of other pages: what the docstrings of modules and packages say."""

import re
from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules

import twistecho

from .markdown import code, prose, table

MODULES = (
    "twistecho",
    "twistecho.base.seeding",
    "twistecho.designs",
    "twistecho.eagerreactor",
    "twistecho.eagerreactor.transports",
    "twistecho.fleet",
    "twistecho.pytest_plugin",
    "twistecho.service",
)
"""The modules whose docstrings are parts of pages. They are written so that they are Markdown."""


def docstring(name: str) -> str:
    """Give the docstring of a module, as Markdown: what is indented is code, marks and all."""
    text = (import_module(name).__doc__ or "").strip() + "\n"
    return re.sub(r"^ {4}.*", lambda line: line[0].replace("``", ""), text, flags=re.MULTILINE)


def packages() -> str:
    """Write a table of the packages, each with the first line of its docstring."""
    rows = [
        (
            code(f"twistecho.{each.name}"),
            prose(docstring(f"twistecho.{each.name}").partition("\n\n")[0]),
        )
        for each in iter_modules(twistecho.__path__)
        if each.ispkg
    ]
    return table(("package", "what it is for"), rows) + "\n"


def written() -> Mapping[str, str]:
    """Write all parts, by their files' names."""
    return {**{name: docstring(name) for name in MODULES}, "packages": packages()}
