"""Tries mutants, several at once, and keeps their verdicts."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue

from .copied_tree import tried_in_a_copy
from .fork_server import CHANNEL
from .mutants import Mutant
from .selection import TESTS, Selection, command

_ELSEWHERE = 60
"""The most tests for a change of code that runs at import: they need a process of their own."""


class Server:
    """A pytest that has collected all tests, and tries one mutant after another in children."""

    def __init__(self) -> None:
        tasks, self._tasks = os.pipe()
        self._verdicts, verdicts = os.pipe()
        self._process = subprocess.Popen(
            command("-p", "tests.mutation.fork_server", "-p", "no:faulthandler", *TESTS),
            pass_fds=(tasks, verdicts),
            env={**os.environ, CHANNEL: f"{tasks},{verdicts}"}, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(tasks)
        os.close(verdicts)
        self._lines = os.fdopen(self._verdicts, encoding="utf-8")

    def tried(self, mutant: Mutant, seconds: dict[str, float]) -> str:
        """Return the verdict on a mutant; `seconds` is how long each test may take."""
        task = {"path": mutant.path, "number": mutant.number, "seconds": seconds}
        os.write(self._tasks, f"{json.dumps(task)}\n".encode())
        line = self._lines.readline()
        if not line:
            raise ChildProcessError("a fork server has died")
        return str(json.loads(line))

    def close(self) -> None:
        """Let the server end."""
        os.close(self._tasks)
        self._process.wait()
        self._lines.close()


class Run:
    """Tries mutants on several servers at once; `verdicts` has the verdict on each."""

    def __init__(self, found: Selection) -> None:
        self._found, self._began = found, time.monotonic()
        self.verdicts: dict[Mutant, str] = {}

    def go(self, mutants: Iterable[Mutant], servers: int) -> None:
        """Try all mutants."""
        waiting: SimpleQueue[Mutant] = SimpleQueue()
        for mutant in mutants:
            waiting.put(mutant)
        with ThreadPoolExecutor(servers) as threads:
            for done in [
                threads.submit(self._serve, waiting, waiting.qsize()) for _ in range(servers)
            ]:
                done.result()

    def survivors(self) -> list[Mutant]:
        """Return the changes that no test has noticed, in the order of their lines."""
        left = [mutant for mutant, verdict in list(self.verdicts.items()) if verdict == "survived"]
        return sorted(left, key=lambda mutant: (mutant.path, mutant.number))

    def _serve(self, waiting: "SimpleQueue[Mutant]", total: int) -> None:
        server = Server()
        try:
            while True:
                mutant = waiting.get_nowait()
                self.verdicts[mutant] = self._verdict(server, mutant)
                self._tell(mutant, total)
        except Empty:
            server.close()

    def _verdict(self, server: Server, mutant: Mutant) -> str:
        tests = self._found.tests_for(mutant)
        seconds = {test: 5 + 10 * self._found.seconds.get(test, 1.0) for test in tests}
        verdict = server.tried(mutant, seconds) if seconds else "elsewhere"
        if verdict == "elsewhere":
            chosen = tests[:_ELSEWHERE] or [TESTS[0]]
            return tried_in_a_copy(mutant, chosen, 60 + sum(seconds.values()))
        return verdict

    def _tell(self, mutant: Mutant, total: int) -> None:
        left = len(self.survivors())
        if self.verdicts[mutant] == "survived":
            where = f"{mutant.path}:{mutant.lines[0]}"
            sys.stderr.write(f"\rnot noticed: {where}: {mutant.before}  ->  {mutant.after}\n")
        tried, seconds = len(self.verdicts), time.monotonic() - self._began
        line = f"{tried} of {total} tried, {left} not noticed, {seconds:.0f} s"
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{line}")
        elif tried % 50 == 0:
            sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
