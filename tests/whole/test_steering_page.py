"""docs/steering.md: its recipes against the clients that they are about, and what else it says."""

import json
import re
import shlex
import shutil
import tempfile
import tomllib
from pathlib import Path
from typing import Any
from unittest import TestCase, mock

import httpx
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

import twistecho
from tests.support import DOCS
from tests.support.listening import ListeningCase
from tests.testing.test_pytest_plugin import PYTEST, start_python
from twistecho.service.process.options import Options
from twistecho.service.scenario.document import read_scenario, written
from twistecho.service.workers.make_service import makeService

PAGE = (DOCS / "steering.md").read_text(encoding="utf-8")
README = (DOCS.parent / "README.md").read_text(encoding="utf-8")

MY_CLIENT = '''
"""A client of nobody's, which tries three times: what the first example is about."""

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


def blocks(language: str, page: str = PAGE) -> list[str]:
    """Give the examples in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


RECIPES = [
    text for text in blocks("python") if re.search(r"^(async )?def test_", text, re.MULTILINE)
]
CASES = [text for text in blocks("python") if "TestCase" in text]
PROGRAMS = [text for text in blocks("python") if text not in RECIPES + CASES]


class ExampleTests(TestCase):
    """Whoever copies an example finds that it works."""

    def setUp(self) -> None:
        """Make the folder in which the scenarios lie."""
        kept = tempfile.TemporaryDirectory()
        self.addCleanup(kept.cleanup)
        self.folder = kept.name
        shutil.copytree(DOCS / "scenarios", self.folder, dirs_exist_ok=True)

    def write(self, name: str, text: str) -> None:
        """Write a file there."""
        Path(self.folder, name).write_text(text, encoding="utf-8")

    def test_the_recipes_are_true_of_their_clients(self) -> None:
        """Each passes, by itself a whole file; warnings are errors."""
        self.write("conftest.py", MY_CLIENT)
        for number, text in enumerate(RECIPES):
            self.write(f"test_{number}.py", text)
        ended = start_python(self.folder, *PYTEST, "-p", "pytest_twisted", "-W", "error")
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert len(RECIPES) == 14
        assert re.search(r"^17 passed", ended.stdout, re.MULTILINE), ended.stdout

    def test_the_test_case_is_one_of_unittest_and_of_trial(self) -> None:
        """Both run it."""
        [text] = CASES
        self.write("test_case.py", text)
        for runner in ("unittest", "twisted.trial"):
            ended = start_python(self.folder, "-W", "error", "-m", runner, "test_case")
            assert ended.returncode == 0, ended.stdout + ended.stderr
            assert "Ran 1 test" in ended.stdout + ended.stderr

    def test_the_programs_run(self) -> None:
        """As scripts."""
        assert len(PROGRAMS) == 2
        for text in PROGRAMS:
            self.write("program.py", text)
            ended = start_python(self.folder, "-W", "error", "program.py")
            assert (ended.returncode, ended.stderr) == (0, ""), ended.stderr


def options(line: str) -> Options:
    """Read a command line of ``twist echo``."""
    program, command, *arguments = shlex.split(line)
    assert (program, command) == ("twist", "echo")
    made = Options()
    made.parseOptions(arguments)
    return made


def request(line: str) -> tuple[str, str, dict[str, str], str | None]:
    """Read a command line of curl: the method, the target, headers, the body."""
    program, *arguments = shlex.split(line)
    assert program == "curl"
    given = {"-X": "GET", "-H": "", "-d": None}
    targets = []
    while arguments:
        word = arguments.pop(0)
        if word in given:
            given[word] = arguments.pop(0)
        else:
            targets.append(word.removeprefix("localhost:8474"))
    [target] = targets
    name, _, value = str(given["-H"]).partition(": ")
    return str(given["-X"]), target, {name: value} if name else {}, given["-d"]


class FourWaysTests(TestCase):
    """The table at the beginning."""

    def test_all_say_the_same(self) -> None:
        """Whatever reads them."""
        rows = dict(re.findall(r"^\| (options|Python|HTTP) \| `(.*)` \|$", PAGE, re.MULTILINE))
        _, _, _, body = request(rows["HTTP"])
        [file] = blocks("toml")
        names = {"Scenario": twistecho.Scenario, "On": twistecho.On}
        scenarios = {
            "options": options(rows["options"])["scenario"],
            "a file": read_scenario(tomllib.loads(file)),
            "Python": eval(rows["Python"], names),  # noqa: S307 - our own page
            "HTTP": read_scenario(json.loads(body or "")),
        }
        for way, scenario in scenarios.items():
            with self.subTest(way=way):
                expected = {**written(scenarios["Python"]), "seed": scenario.seed}
                assert written(scenario) == expected

    def test_the_reference_names_every_field_and_its_option(self) -> None:
        """And none that there is not."""
        table = PAGE.partition("\n## The scenario\n")[2].partition("\n\n**")[0]
        rows = re.findall(r"^\| (`[a-z_`, ]+`) \| (`[-a-z`, ]+`) \|", table, re.MULTILINE)
        fields = [name for row in rows for name in re.findall(r"[a-z_]+", row[0])]
        assert sorted(fields) == sorted(written(twistecho.Scenario()))
        for row in rows:
            for name in re.findall(r"--([-a-z]+)", row[1]):
                assert name in Options()


class RequestTests(ListeningCase):
    """The commands of the section about HTTP."""

    async def test_the_service_answers_them_as_the_page_says(self) -> None:
        """One after the other, in its order."""
        section = PAGE.partition("\n## Over HTTP\n")[2].partition("\n## ")[0]
        [start], requests = (text.splitlines() for text in blocks("sh", section))
        start = start.replace("2525", "0").replace("8474", "0").replace("docs/", f"{DOCS}/")
        with mock.patch("twistecho.service.workers.make_service.count_monotonic"):
            service: Any = makeService(options(start))
        service.startService()
        self.addCleanup(lambda: Deferred.fromCoroutine(self.stop(service)))
        base = f"http://127.0.0.1:{service.ports[-1].getHost().port}"
        answers = []
        for line in requests:
            method, target, headers, body = request(line)
            answers.append(
                await deferToThread(
                    httpx.request, method, base + target, headers=headers, content=body, timeout=60
                )
            )
        assert [answer.status_code for answer in answers] == [200, 200, 200, 204]
        changed, asked, received, _ = answers
        assert changed.json() == asked.json()
        assert asked.json()["faults"] == ["reset,limit=2"]
        assert asked.json()["banner"] == "220 mail.example ready\r\n"
        assert received.json() == {"total": 0, "next": 0, "messages": []}

    def test_the_readme_shows_one_like_them(self) -> None:
        """And the first example, as it is."""
        assert blocks("python")[0] in blocks("python", README)
        [line] = re.findall(r"^curl .*$", README, re.MULTILINE)
        method, target, headers, body = request(line)
        assert (method, target) == ("PATCH", "/scenario")
        assert headers == {"content-type": "application/json"}
        read_scenario(json.loads(body or ""))
