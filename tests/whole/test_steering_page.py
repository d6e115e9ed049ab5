"""docs/steering.md: its tables and requests (tests/docs runs its examples)."""

import json
import re
import shlex
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
from tests.testing.test_pytest_plugin import start_python
from twistecho.service.process.options import Options
from twistecho.service.scenario.document import read_scenario, written
from twistecho.service.workers.make_service import makeService

PAGE = (DOCS / "steering.md").read_text(encoding="utf-8")
README = (DOCS.parent / "README.md").read_text(encoding="utf-8")


def blocks(language: str, page: str = PAGE) -> list[str]:
    """Give the examples in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


class ExampleTests(TestCase):
    """The test case of the page (tests/docs runs its other examples)."""

    def test_the_test_case_is_one_of_unittest_and_of_trial(self) -> None:
        """Both run it."""
        [text] = [each for each in blocks("python") if "TestCase" in each]
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "test_case.py").write_text(text, encoding="utf-8")
            for runner in ("unittest", "twisted.trial"):
                ended = start_python(folder, "-W", "error", "-m", runner, "test_case")
                assert ended.returncode == 0, ended.stdout + ended.stderr
                assert "Ran 1 test" in ended.stdout + ended.stderr


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
        """One change of a running service."""
        [line] = re.findall(r"^curl .*$", README, re.MULTILINE)
        method, target, headers, body = request(line)
        assert (method, target) == ("PATCH", "/scenario")
        assert headers == {"content-type": "application/json"}
        read_scenario(json.loads(body or ""))
