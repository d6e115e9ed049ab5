"""One shell for a page: commands run in it one after the other, services until the page ends."""

import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tests.support.programs import missing

from .blocks import PageError

ROOT = Path(__file__).parents[2]
DEADLINE = 60.0
"""Seconds after which a command has failed: far more than anything here takes."""

_SERVICE = re.compile(
    r"(?:[A-Z_]+=\S+ )*(?:twist (?:-\S+ )*echo|twistecho serve|redis-server|"
    r"python3? -m http\.server|locust(?! .*--headless)|haproxy -f|twistd )"
)
_LISTENS = re.compile(r"Listening on |Serving HTTP|Ready to accept|eady to serve")


class Ended(NamedTuple):
    """The end of a command: its exit code, or None for a service that runs; what it printed."""

    code: int | None
    out: str
    err: str


def commands_in(script: str) -> list[str]:
    """Split a script into its commands: a loop or a function is one."""
    commands, begun = [], ""
    for line in script.splitlines():
        if not begun and (not line.strip() or line.lstrip().startswith("#")):
            continue
        begun += line + "\n"
        if not line.endswith("\\") and _is_whole(begun):
            commands.append(begun.rstrip("\n"))
            begun = ""
    if begun:
        raise PageError(f"no whole command: {begun}")
    return commands


def _is_whole(text: str) -> bool:
    return subprocess.run(["bash", "-n"], input=text.encode(), capture_output=True).returncode == 0  # noqa: PLW1510, S607


def is_service(command: str) -> bool:
    """Return whether a command runs until it is stopped."""
    return _SERVICE.match(command) is not None


def environment(folder: Path) -> dict[str, str]:
    """Return a reader's environment: the commands of this checkout, a screen of 120 columns."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    _write(programs / "twistecho", f'exec {sys.executable} -m twistecho "$@"')
    # On a reader's terminal twist logs text; into a file it would log JSON.
    _write(programs / "twist", f'exec {sys.executable} -m twisted --log-format=text "$@"')
    _write(programs / "python", f'exec {sys.executable} "$@"')
    path = f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin:/sbin"
    return {
        **os.environ,
        "PATH": path,
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT),
        "PYTHONIOENCODING": "utf-8",
        "PYTHONUNBUFFERED": "1",
        "LC_ALL": "C.UTF-8",
        "COLUMNS": "120",
        "NO_PROXY": "*",
        "GITHUB_STEP_SUMMARY": str(folder / "step-summary.md"),
    }


def _write(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
    path.chmod(0o755)


class Shell:
    """A bash that keeps its folder, variables, functions and last exit code between commands."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self._logs = folder / "logs"
        self._logs.mkdir()
        self._count = 0
        self._code = 0
        self._env = env
        self._services: dict[str, tuple[int, Path]] = {}
        self._said: list[Path] = []
        self._bash = subprocess.Popen(
            ["bash", "--norc"],  # noqa: S607 - the one of the system
            cwd=folder / "page",
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def run(self, command: str) -> Ended:
        """Run a command to its end. Raises PageError after DEADLINE."""
        self._need(command)
        log = self._next_log()
        self._script(log, command)
        self._code = int(
            self._ask(f'(exit {self._code}); . {log}.sh >{log} 2>{log}.err </dev/null; echo "$?"')
        )
        return Ended(self._code, _read(log), _read(Path(f"{log}.err")))

    def start(self, command: str, place: str) -> Ended:
        """Start a service, in the place of one at the same place; return when it listens."""
        self._need(command)
        self.stop(place)
        log = self._next_log()
        self._script(log, "exec " + command.rstrip().removesuffix("&"))
        process = int(self._ask(f'bash {log}.sh >{log} 2>&1 </dev/null & echo "$!"; disown'))
        self._services[place] = process, log
        self._await(process, log)
        return Ended(None, _read(log), "")

    def said(self) -> str:
        """Return what the service that was started last has printed."""
        return _read(self._said[-1]) if self._said else ""

    def stop(self, place: str) -> None:
        """Stop the service at a place, as Ctrl-C does, and wait for its end."""
        if place not in self._services:
            return
        process, _ = self._services.pop(place)
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGTERM)
        self._until(lambda: _is_gone(process), "it does not stop")

    def close(self) -> None:
        """Stop everything. Raises PageError if a service has printed a traceback."""
        for place in list(self._services):
            self.stop(place)
        with suppress(ProcessLookupError):
            os.killpg(self._bash.pid, signal.SIGKILL)
        self._bash.communicate()
        for log in self._said:
            if "Traceback (most recent" in _read(log):
                raise PageError(f"a service failed: {_read(log)}")

    def _next_log(self) -> Path:
        self._count += 1
        return self._logs / str(self._count)

    @staticmethod
    def _script(log: Path, command: str) -> None:
        Path(f"{log}.sh").write_text(command + "\n", encoding="utf-8")

    def _need(self, command: str) -> None:
        word = re.match(r"(?:[A-Z_]+=\S* )*([a-z][\w.-]*)(?= |$)", command)
        known = (
            "cd",
            "echo",
            "export",
            "for",
            "wait",
            "kill",
            "exit",
            "ask",
            "set",
            "printf",
            "cat",
        )
        if word and word[1] not in known and not shutil.which(word[1], path=self._env["PATH"]):
            missing(word[1])

    def _ask(self, line: str) -> str:
        """Have bash carry out a line; return the one line that it answers."""
        assert self._bash.stdin
        assert self._bash.stdout
        self._bash.stdin.write(line.encode() + b"\n")
        self._bash.stdin.flush()
        if not select.select([self._bash.stdout], [], [], DEADLINE)[0]:
            raise PageError(f"not done after {DEADLINE:g} s: {line}")
        answer = self._bash.stdout.readline().decode().strip()
        if not answer:
            raise PageError(f"the shell ended: {line}")
        return answer

    def _await(self, process: int, log: Path) -> None:
        self._said.append(log)
        self._until(lambda: _LISTENS.search(_read(log)) or _is_gone(process), "it does not begin")
        if _is_gone(process):
            raise PageError(f"does not listen: {_read(Path(f'{log}.sh'))}{_read(log)}")

    @staticmethod
    def _until(holds: Callable[[], object], otherwise: str) -> None:
        give_up = time.monotonic() + DEADLINE
        while not holds():
            if time.monotonic() > give_up:
                raise PageError(f"{otherwise} within {DEADLINE:g} s")
            time.sleep(0.02)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def _is_gone(process: int) -> bool:
    """Return whether a child of the shell has ended; the shell reaps it only when it waits."""
    try:
        state = (
            Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
        )
    except OSError:
        return True
    return state == "Z"
