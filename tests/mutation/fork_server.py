"""A pytest plugin, ``-p tests.mutation.fork_server``: collects once, tries mutants in children.

It reads one task per line from one descriptor, ``{"path", "number", "seconds"}`` as JSON, where
`seconds` maps each test to how long it may take, and writes one verdict per line to another, in the
same order; the environment names both. A child replaces the code of the changed function in all
its function objects and runs the tests until one fails: the verdict is that test, or ``survived``.
Code that runs at import cannot be tried this way, and gets the verdict ``elsewhere``.
"""

import ast
import gc
import json
import os
import select
import signal
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest

from .mutants import ROOT, Mutant, mutants_of

CHANNEL = "TWISTECHO_MUTATION_CHANNEL"
"""The variable that names the two descriptors: of tasks, and of verdicts."""

START = 30.0
"""Seconds within which a child must begin its first test."""


def functions_of(tree_code: CodeType) -> dict[tuple[str, int], CodeType]:
    """Return the code of a module's functions and methods, by qualified name and line."""
    found, todo = {}, [tree_code]
    while todo:
        for each in todo.pop().co_consts:
            if not isinstance(each, CodeType):
                continue
            if each.co_flags & 0x2:  # CO_NEWLOCALS: a function; a class's body has no such flag
                found[each.co_qualname, each.co_firstlineno] = each
            else:
                todo.append(each)
    return found


def changed_functions(mutant: Mutant) -> list[tuple[tuple[str, int], CodeType]]:
    """Return the functions of a changed module whose code differs from the original module's."""
    file = str(ROOT / mutant.path)
    tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    before = functions_of(compile(tree, file, "exec", dont_inherit=True))
    after = functions_of(compile(mutant.tree, file, "exec", dont_inherit=True))
    return [(key, code) for key, code in after.items() if before.get(key) != code]


def replace_code(mutant: Mutant) -> bool:
    """Put a change into this process; return whether that was possible."""
    file = str(ROOT / mutant.path)
    changed = dict(changed_functions(mutant))
    done = False
    for held in gc.get_objects():
        if isinstance(held, FunctionType) and held.__code__.co_filename == file:
            new = changed.get((held.__code__.co_qualname, held.__code__.co_firstlineno))
            if new is not None:
                try:
                    held.__code__ = new
                except ValueError:  # it closes over other variables than before
                    return False
                done = True
    return done


class ForkServer:
    """Serves tasks in place of pytest's run of the tests that it has collected."""

    def __init__(self, tasks: int, verdicts: int) -> None:
        self._tasks, self._verdicts = tasks, verdicts
        self._mutants: dict[str, list[Mutant]] = {}

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Serve until there are no more tasks."""
        items = {item.nodeid: item for item in session.items}
        with os.fdopen(self._tasks, encoding="utf-8") as tasks:
            for line in tasks:
                verdict = self._tried(items, json.loads(line))
                os.write(self._verdicts, f"{json.dumps(verdict)}\n".encode())
        return True

    def _tried(self, items: dict[str, pytest.Item], task: dict[str, Any]) -> str:
        known = self._mutants.setdefault(task["path"], []) or mutants_of(task["path"])
        self._mutants[task["path"]] = known
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.setsid()
            os.close(reading)
            _in_child(known[task["number"]], [items[name] for name in task["seconds"]], writing)
        os.close(writing)
        try:
            return _verdict(reading, task["seconds"])
        finally:
            os.close(reading)
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _in_child(mutant: Mutant, items: list[pytest.Item], writing: int) -> None:
    """Run tests until one fails, report each, and wait to be killed, whatever happens."""
    said = "died"
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for descriptor in (1, 2):
            os.dup2(nowhere, descriptor)
        said = (
            (_first_failure(items, writing) or "survived") if replace_code(mutant) else "elsewhere"
        )
    finally:
        os.write(writing, f"= {said}\n".encode())
        signal.pause()


def _first_failure(items: list[pytest.Item], writing: int) -> str:
    seen = _Failures()
    items[0].config.pluginmanager.register(seen)
    for item, following in zip(items, [*items[1:], None], strict=True):
        os.write(writing, f"{item.nodeid}\n".encode())
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if seen.failed:
            return seen.failed[0]
    return ""


class _Failures:
    def __init__(self) -> None:
        self.failed: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.append(report.nodeid)


def _verdict(reading: int, seconds: dict[str, float]) -> str:
    """Wait for a child's verdict, for each of its tests as long as that test may take."""
    running, buffer, allowed = "", b"", START
    while select.select([reading], [], [], allowed)[0]:
        data = os.read(reading, 65536)
        if not data:
            return "died"
        *lines, buffer = (buffer + data).split(b"\n")
        for line in lines:
            running = line.decode()
            if running.startswith("= "):
                return running.removeprefix("= ")
            allowed = seconds[running]
    return f"{running} took too long"


def pytest_configure(config: pytest.Config) -> None:
    """Serve, if the environment names the descriptors."""
    channel = os.environ.get(CHANNEL)
    if channel:
        tasks, verdicts = map(int, channel.split(","))
        config.pluginmanager.register(ForkServer(tasks, verdicts))
