"""Protocols of the user's own: found, refused, and spoken with a real Redis."""

import os
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import DOCS
from tests.support.peers import serving, unused_port
from tests.support.programs import program
from twistecho import Plan, Report
from twistecho.fleet.conversation.custom_protocol import load_protocol, readers_of
from twistecho.fleet.conversation.custom_reader import DialogueReader

BROKEN = """
class Broken:
    def __init__(self, client): self.client = client
    def request(self, number): return b"ping"
    def reply(self, number, data):
        if self.client < 3: raise KeyError("a mistake of mine")
        return 4

class NoReply: pass
class NoClient:
    def reply(self, number, data): return 0
class NoNumber:
    def __init__(self, client): pass
    def reply(self, data): return 0
class NoRequest(NoClient):
    def __init__(self, client): pass
    def request(self): return b""
no_class = 3
"""


@contextmanager
def redis() -> Iterator[str]:
    """Run a Redis on a Unix socket of its own; give it as a target."""
    server = program("redis-server", "redis-server")
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/redis.sock"
        command = [server, "--port", "0", "--unixsocket", path, "--save", "", "--dir", folder]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            try:
                until = time.monotonic() + 20
                while not Path(path).exists():
                    assert process.poll() is None
                    assert time.monotonic() < until
                    time.sleep(0.01)
                yield f"unix:{path}"
            finally:
                process.terminate()


def fleet(*arguments: str, folder: Path | str = DOCS) -> "subprocess.CompletedProcess[str]":
    """Run the command in a folder."""
    command = [str(Path(sys.executable).parent / "twistecho"), "fleet", *arguments]
    environment = {**os.environ, "COLUMNS": "200"}
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=60, check=False,
        env=environment,
    )  # fmt: skip


class RedisTests(unittest.TestCase):
    """The worked example, with the server that it is for."""

    def test_redis_answers_every_ping_of_both_engines(self) -> None:
        """One at a time and ten at once; what was sent is what was answered."""
        with redis() as target:
            for engine in ("reactor", "threads"):
                done = fleet(
                    target, "--protocol=ping:Ping", "-c5", "-n40", "-e", engine, "--json=-"
                )
                assert done.returncode == 0, done.stderr
                report = Report.from_json(done.stdout)
                assert report.messages == 200
                assert report.bytes_sent == report.bytes_returned == 5 * (10 * 10 + 30 * 11)
                assert "protocol ping:Ping" in done.stderr

    def test_the_page_shows_the_example_as_it_is(self) -> None:
        """What is read there is what is tested here."""
        code = (DOCS / "ping.py").read_text(encoding="utf-8")
        page = (DOCS / "protocols.md").read_text(encoding="utf-8")
        assert code[code.index("from twistecho") :] in page


class BrokenTests(unittest.TestCase):
    """Classes that do not hold what a protocol promises."""

    def setUp(self) -> None:
        """Write them."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        Path(self.folder, "mine.py").write_text(BROKEN, encoding="utf-8")
        Path(self.folder, "wrong.py").write_text("1 / 0", encoding="utf-8")

    def test_an_exception_fails_its_client_alone_and_is_shown_once(self) -> None:
        """The other client is answered; one traceback, whichever engine."""

        def echo(connection: object) -> None:
            while data := connection.recv(100):  # type: ignore[attr-defined]
                connection.sendall(data)  # type: ignore[attr-defined]

        with serving(echo) as port:
            for engine in ("reactor", "threads"):
                done = fleet(str(port), "--protocol=mine:Broken", "-c4", "-e", engine, "--json=-",
                             folder=self.folder)  # fmt: skip
                report = Report.from_json(done.stdout)
                assert done.returncode == 1
                assert report.failures == {"receive:protocol-error": 3}
                assert report.answered == 1
                assert {outcome.balance for outcome in report.outcomes} == {(0, 0)}
                assert done.stderr.count("KeyError: 'a mistake of mine'") == 1
                assert done.stderr.count("Traceback") == 1

    def test_what_lies_in_the_folder_replaces_no_module_of_another_name(self) -> None:
        """The folder is searched last."""
        Path(self.folder, "tabnanny.py").write_text("1 / 0", encoding="utf-8")
        done = fleet(str(unused_port()), "--protocol=tabnanny:X", "-c1", folder=self.folder)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert "module tabnanny has no X" in done.stderr

    def test_what_is_no_protocol_is_refused_before_the_run(self) -> None:
        """One line each, from the command naming the option."""
        sys.path.insert(0, self.folder)
        self.addCleanup(sys.path.remove, self.folder)
        self.addCleanup(sys.modules.pop, "mine", None)
        for name, problem in {
            "mine": "'mine' is not module:Class",
            ":X": "':X' is not module:Class",
            "nowhere:X": "there is no module nowhere",
            "mine:X": "module mine has no X",
            "mine:no_class": "mine:no_class is not a class",
            "mine:NoReply": r"mine:NoReply has no method reply\(number, data\)",
            "mine:NoClient": "mine:NoClient cannot be called with a client's number",
            "mine:NoNumber": "mine:NoNumber.reply cannot be called with a number and bytes",
            "mine:NoRequest": "mine:NoRequest.request cannot be called with a number",
            "wrong:X": r"module wrong cannot be imported: ZeroDivisionError\('division by zero'\)",
        }.items():
            with self.subTest(name=name), pytest.raises(ValueError, match=f"^{problem}$"):
                load_protocol(name)
            with pytest.raises(ValueError, match=r"^protocol: "):
                readers_of(Plan(protocol=name))
        (talks,) = {type(readers_of(Plan(protocol="mine:Broken"))(client)) for client in range(2)}
        assert talks is DialogueReader
        done = fleet(str(unused_port()), "--protocol=nowhere:X", folder=self.folder)
        assert done.returncode == 2
        assert done.stderr == (
            "Error: Invalid value for '--protocol': there is no module nowhere\n"
        )

    def test_one_named_in_a_plan_file_is_refused_too(self) -> None:
        """In one line."""
        Path(self.folder, "plan.json").write_text(
            Plan(protocol="nowhere:X").to_json(), encoding="utf-8"
        )
        done = fleet("5000", "--plan=plan.json", folder=self.folder)
        assert (done.returncode, done.stderr) == (
            2, "Error: --protocol: there is no module nowhere\n",
        )  # fmt: skip
