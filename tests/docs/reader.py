"""A reader who does what a page shows, block by block, in a temporary folder.

``follow(path)`` is all that a test of a page calls. The folder has a copy of ``docs``, and beside
it the examples of ``docs`` that a reader would copy: the programs and the scenarios. Services that
a block starts run until the page ends. Tests among the blocks run together at the end of the page.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path

from tests.support import DOCS
from tests.support.peers import unused_port

from . import checks, shapes
from .blocks import Block, PageError, blocks_of, steps_of
from .shell import DEADLINE, Ended, Shell, commands_in, environment, is_service

_TEST = re.compile(r"^ *(?:async )?def test_|^class \w+\((?:\w+, )*TestCase\)", re.MULTILINE)
_PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "twistecho.pytest_plugin",
           "-p", "pytest_twisted", "-W", "error")  # fmt: skip

READERS_CLIENT = '''"""A client of a reader's own, which tries three times."""

import builtins
import socket


class my_client:
    def __init__(self, address):
        self.address = address

    def ask(self, message):
        for _ in range(3):
            with socket.create_connection(self.address) as connection:
                try:
                    connection.sendall(message)
                    if reply := connection.recv(len(message)):
                        return reply
                except ConnectionResetError:
                    pass


builtins.my_client = my_client
'''
"""What the examples call ``my_client``."""


def follow(page: Path) -> None:
    """Run the blocks of a page. Raises PageError for the first that does not do as shown."""
    blocks = blocks_of(page.name, page.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        reader = Reader(Path(folder), "\n".join(block.text for block in blocks))
        try:
            for block in blocks:
                reader.take(block)
            reader.run_tests()
        finally:
            reader.shell.close()


class Reader:
    """The state of one page: its folder, its ports, its shell, and what was printed last."""

    def __init__(self, folder: Path, text: str) -> None:
        self.folder, self.here = folder, folder / "page"
        self.here.mkdir()
        shutil.copytree(DOCS, self.here / "docs")
        self.examples = [*DOCS.glob("*.py"), *DOCS.glob("scenarios/*.toml")]
        for path in self.examples:
            shutil.copy(path, self.here)
        named = shapes.ports_in(text) | {"5000"}
        self.ports = {port: str(unused_port()) for port in named}
        self.mapped = shapes.mapper(self.ports)
        self.env = environment(folder)
        self.shell = Shell(folder, self.env)
        self.last: tuple[str, Ended] | None = None
        self.tests: list[Block] = []

    def take(self, block: Block) -> None:
        """Do what a reader does with a block. Raises PageError, with the block's place."""
        kinds: dict[str, Callable[[Block], None]] = {
            "sh": self._sh, "console": self._console, "python": self._python, "toml": self._toml,
            "json": checks.read_json, "ini": self._unit, "haproxy": self._haproxy,
            "yaml": self._yaml, "markdown": self._markdown,
        }  # fmt: skip
        if block.reason is not None:
            self.last = None
            return
        try:
            kinds.get(block.language, self._output)(block)
        except PageError as error:
            raise PageError(f"{block.place}: {error}") from error

    def _sh(self, block: Block) -> None:
        for command in commands_in(block.text):
            self._run(command, may_fail=False)

    def _console(self, block: Block) -> None:
        for step in steps_of(block):
            failed = re.match(r"\s*[✗!]", shapes.first_line(step.output)) is not None
            ended = self._run(step.command, may_fail=failed)
            self._compare(step.command, step.output, ended)

    def _run(self, command: str, *, may_fail: bool) -> Ended:
        """Run a command, or start a service; hold that its exit code is one that it may have."""
        if command.startswith(("pip install", "pip3 install")):
            checks.check_extras(command)
            return Ended(0, "", "")
        changed = self.mapped(shapes.shorter(command))
        if is_service(changed):
            ended = self._serve(changed)
        else:
            ended = self.shell.run(changed)
            may_fail = may_fail or shapes.judged(command)
            if ended.code not in ({0, 1, 3} if may_fail else {0}) or "Traceback" in ended.err:
                raise PageError(f"{command}\nexit code {ended.code}\n{ended.out}{ended.err}")
        self.last = command, ended
        return ended

    def _serve(self, command: str) -> Ended:
        if re.search(r"^twist\b.* echo\b", command) and "--port" not in command:
            command = command.replace(" echo", f" echo --port {self.ports['5000']}", 1)
        named = re.search(rf"\b({'|'.join(self.ports.values())})\b", command)
        return self.shell.start(command, named[1] if named else command)

    def _output(self, block: Block) -> None:
        if self.last is not None:
            command, ended = self.last
            self._compare(command, block.text, ended)
            self.last = None

    def _markdown(self, block: Block) -> None:
        """Hold that a command has written this, for the reader or for a workflow's summary."""
        files = [*self.folder.glob("*.md"), *self.here.glob("*.md")]
        written = "".join(path.read_text(encoding="utf-8") for path in files)
        if not shapes.same_shape(block.text, written, is_judged=True):
            raise PageError(f"not written: {block.text}")

    def _compare(self, command: str, shown: str, ended: Ended) -> None:
        printed = self.shell.said() if ended.code is None else ended.out + ended.err
        if not shapes.same_shape(shown, printed, is_judged=shapes.judged(command)):
            raise PageError(f"shown: {shapes.first_line(shown)}\nprinted: {printed}")

    def _python(self, block: Block) -> None:
        shown_files = (path.read_text(encoding="utf-8") for path in self.examples)
        if any(text.endswith(block.text) for text in shown_files):
            return
        if _TEST.search(block.text):
            self.tests.append(block)
            return
        path = self.here / f"block_{block.place.rpartition(':')[2]}.py"
        path.write_text(checks.program(self.mapped(block.text)), encoding="utf-8")
        ended = self._start_python("-W", "error", path.name, folder=self.here)
        if ended.code or ended.err:
            raise PageError(f"exit code {ended.code}\n{ended.out}{ended.err}")
        self.last = "python", ended

    def _start_python(self, *command: str, folder: Path) -> Ended:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=folder, capture_output=True, text=True, timeout=DEADLINE, check=False,
            env={**self.env, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        )  # fmt: skip
        return Ended(done.returncode, done.stdout, done.stderr)

    def run_tests(self) -> None:
        """Run the tests among the blocks: those for trial with trial, all others with pytest."""
        trial = [block for block in self.tests if "twisted.trial" in block.text]
        others = [block for block in self.tests if block not in trial]
        for blocks, command in (
            (others, _PYTEST),
            (trial, ("-W", "error", "-m", "twisted.trial", *(_module(each) for each in trial))),
        ):
            if blocks:
                folder = self._written(blocks)
                ended = self._start_python(*command, folder=folder)
                if ended.code:
                    raise PageError(f"{blocks[0].place} and after: {ended.out}{ended.err}")

    def _written(self, blocks: list[Block]) -> Path:
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        (folder / "conftest.py").write_text(READERS_CLIENT, encoding="utf-8")
        for path in self.examples:
            shutil.copy(path, folder)
        for block in blocks:
            (folder / f"{_module(block)}.py").write_text(self.mapped(block.text), encoding="utf-8")
        return folder

    def _toml(self, block: Block) -> None:
        data = tomllib.loads(block.text)
        if "tool" in data:
            self._configured(block)
        else:
            checks.parsed(data)

    def _configured(self, block: Block) -> None:
        """Run a test of one line under a configuration of pytest."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        (folder / "pyproject.toml").write_text(block.text, encoding="utf-8")
        (folder / "test_it.py").write_text(
            "def test_it(echo_server):\n    echo_server.reset()\n", encoding="utf-8"
        )
        ended = self._start_python(*_PYTEST, folder=folder)
        if ended.code:
            raise PageError(ended.out + ended.err)

    def _unit(self, block: Block) -> None:
        """Verify the units of a page, from the one on that has a service."""
        units = self.folder / "units"
        units.mkdir(exist_ok=True)
        kind = "service" if "[Service]" in block.text else "socket"
        text = re.sub(r"(?<=ExecStart=)\S*/twist\b", f"{sys.executable} -m twisted", block.text)
        (units / f"twistecho.{kind}").write_text(text, encoding="utf-8")
        if kind == "service":
            names = [str(path) for path in sorted(units.iterdir())]
            arguments = ("verify", "--man=no", *names)
            checks.checked("systemd-analyze", "systemd", *arguments, about="twistecho")

    def _haproxy(self, block: Block) -> None:
        path = self.folder / "haproxy.cfg"
        path.write_text(block.text, encoding="utf-8")
        checks.checked("haproxy", "haproxy", "-c", "-f", str(path), about="WARN")

    def _yaml(self, block: Block) -> None:
        """Run the commands of a workflow's steps."""
        for command in re.findall(r"^ *-? *run: (.*)$", block.text, re.MULTILINE):
            self._run(command, may_fail=False)


def _module(block: Block) -> str:
    return f"test_line_{block.place.rpartition(':')[2]}"
