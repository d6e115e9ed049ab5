"""The same scenario in four ways: options, TOML, JSON, Python; and what is wrong with files."""

import json
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
from twisted.trial.unittest import SynchronousTestCase

from twistecho.service.process.options import Options
from twistecho.service.process.scenario_file import LARGEST, scenario_from
from twistecho.service.scenario.answers import On
from twistecho.service.scenario.delay import Trace
from twistecho.service.scenario.document import written
from twistecho.service.scenario.scenario import Scenario

from .test_options import refusal

PYTHON = Scenario(
    framing="delimiter:\r\n",
    banner=b"220 \xff\r\n",
    banner_delay="20ms",
    banner_fault="truncate,bytes=1",
    on=[
        On("^QUIT", b"221 bye\r\n", close=True),
        On(r"^(\w+) \xff", rb"\1\\" + b"\xff", delay="uniform:1,2", limit=2, fault="corrupt:0.5"),
    ],
    reply="raw",
    delay="uniform:1,3",
    delay_per="reply",
    faults=["reset:0.1", "late:0.1,times=2"],
    in_band=True,
    seed=7,
)

OPTIONS = [
    r"--framing=delimiter:\r\n",
    r"--banner=220 \xff\r\n",
    "--banner-delay=20ms",
    "--banner-fault=truncate,bytes=1",
    r"--on=/^QUIT/221 bye\r\n/close",
    r"--on=/^(\w+) \xff/\1\\\xff/delay=uniform:1,2,limit=2,fault=corrupt:0.5",
    "--reply=raw",
    "--delay=uniform:1,3",
    "--delay-per=reply",
    "--fault=reset:0.1",
    "--fault=late:0.1,times=2",
    "--in-band",
    "--seed=7",
]

TOML = r"""
framing = "delimiter:\r\n"
banner = { base64 = "MjIwIP8NCg==" }
banner_delay = "20ms"
banner_fault = "truncate,bytes=1"
reply = "raw"
delay = "uniform:1,3"
delay_per = "reply"
faults = ["reset:0.1", "late:0.1,times=2"]
in_band = true
seed = 7

[[on]]
match = "^QUIT"
reply = "221 bye\r\n"
close = true

[[on]]
match = '^(\w+) \xff'
reply = { base64 = "XDFcXP8=" }
delay = "uniform:1,2"
fault = "corrupt:0.5"
limit = 2
"""


def parsed(*arguments: str) -> Scenario:
    """Give the scenario of a command line."""
    options = Options()
    options.parseOptions(arguments)
    scenario: Scenario = options["scenario"]
    return scenario


class FileCase(SynchronousTestCase):
    """Has a folder."""

    def setUp(self) -> None:
        """Make it."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def file(self, text: str | bytes, name: str = "a.toml") -> str:
        """Write a file; give its path."""
        path = self.folder / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return str(path)


class FourWaysTests(FileCase):
    """They mean the same."""

    def test_all_are_equal(self) -> None:
        """Also what is written of one of them."""
        data = json.dumps(written(PYTHON))
        assert parsed(*OPTIONS) == PYTHON
        assert scenario_from(self.file(TOML)) == PYTHON
        assert scenario_from(self.file(data, "a.json")) == PYTHON
        assert parsed("--scenario", self.file(TOML)) == PYTHON

    def test_the_documents_example(self) -> None:
        """It is one, with all that it shows."""
        text = Path(__file__).parents[3].joinpath("docs", "operating.md").read_text()
        [block] = [
            each for each in re.findall("```toml\n(.*?)```", text, re.DOTALL) if "[[on]]" in each
        ]
        scenario = scenario_from(self.file(block))
        assert scenario.decide(0, 0, b"HELO me").content == b"hello me"
        assert scenario.decide(0, 0, b"QUIT").close
        assert scenario.banner == b"220 ready\r\n"

    def test_an_option_replaces_what_the_file_says(self) -> None:
        """A repeatable one the whole list; an empty text is one too."""
        path = self.file(TOML)
        cases: dict[str, dict[str, Any]] = {
            "--framing=line": {"framing": "line"},
            "--banner=": {"banner": b""},
            "--banner-delay=0": {"banner_delay": "0"},
            "--on=/a/b/": {"on": [On("a", "b")]},
            "--fault=silent": {"faults": "silent"},
            "--delay=trace:" + self.file("1\n2\n", "trace"): {
                "delay": Trace((1.0, 2.0), f"trace:{self.folder}/trace")
            },
        }
        for option, changes in cases.items():
            with self.subTest(option):
                assert parsed("--scenario", path, option) == PYTHON.replace(**changes)
        assert parsed("--scenario", path, "--seed=9") == PYTHON.replace(seed=9)

    def test_a_seed_is_drawn_where_none_is_given(self) -> None:
        """Another one each time, for all that is drawn."""
        path = self.file('delay = "uniform:1,3"\nfaults = ["reset:0.1"]')
        first, second = (parsed("--scenario", path) for _ in range(2))
        assert first.seed != second.seed
        assert first.seed == first.faults.seed == first.drawn_from
        assert first == second.replace(seed=first.seed)

    def test_an_empty_option_is_no_missing_one(self) -> None:
        """It is refused where an empty text means nothing."""
        for option in ("delay", "framing", "reply", "delay-per", "banner-delay", "banner-fault"):
            assert refusal(f"--{option}=").startswith(f"twist echo: --{option}: '' is not")
        assert refusal("--on=").startswith("twist echo: --on: '' is not /PATTERN/REPLY/")
        assert refusal("--fault=").startswith("twist echo: --fault: '' is not one of")

    def test_traces_are_read_in_answers_too(self) -> None:
        """Of options and of files."""
        trace = self.file("1\n", "trace")
        [on] = parsed(f"--on=/a/b/delay=trace:{trace}").on
        assert on.delay == Trace((1.0,), f"trace:{trace}")
        path = self.file(f'[[on]]\nmatch = "a"\nreply = "b"\ndelay = "trace:{trace}"')
        assert scenario_from(path).on == (on,)


class RefusedTests(FileCase):
    """What cannot be: one line that names the option, or the file and the key."""

    def test_options(self) -> None:
        """Those that the scenario is made of."""
        for option, problem in {
            r"--framing=delimiter:\q": r"--framing: '\q' is none of \r \n \t \\ \xHH",
            "--framing=fixed:65537": "--framing: fixed:65537: the longest message allowed has",
            r"--banner=\1": r"--banner: '\1' is none of",
            "--banner-delay=x": "--banner-delay: 'x' is not a number of seconds",
            "--banner-fault=refuse": "--banner-fault: refuse does not apply to messages",
            "--banner-fault=late": "--banner-fault: late: needs a delay",
            "--on=/(/a/": "--on: '/(/a/': match: not a pattern: missing ): (",
            "--on=/a/b/fault=late": "--on: late: needs a delay",
            "--max-message-size=0": "--max-message-size: 0 is not 1 or more",
            "--scenario=/nowhere/a.toml": "--scenario: /nowhere/a.toml: No such file or directory",
        }.items():
            with self.subTest(option):
                assert refusal(option).startswith(f"twist echo: {problem}"), refusal(option)

    def test_what_options_and_a_file_contradict_in_is_the_options_fault(self) -> None:
        """Else it is the file's."""
        path = self.file('framing = "fixed:2000"\nfaults = ["late"]\ndelay = 1')
        assert refusal("--scenario", path, "--max-message-size=1999") == (
            f"twist echo: --scenario: {path}: framing: "
            "fixed:2000: the longest message allowed has 1999 bytes"
        )
        for arguments, place in (
            (("--delay=0",), f"--scenario: {path}: faults"),
            (("--delay=0", "--fault=late"), "--fault"),
        ):
            said = refusal("--scenario", path, *arguments)
            assert said.startswith(f"twist echo: {place}: late: needs a delay of each reply"), said

    def test_files(self) -> None:
        """The line of what is no TOML or JSON, the key of what is no scenario."""
        for name, text, problem in (
            ("a.txt", "", "the name must end with .toml or .json"),
            ("a.toml", "delay = ", "Invalid value (at "),
            ("a.toml", "a = 1\n\nb = x", "Invalid value (at line 3, column 5)"),
            ("a.toml", b"\xff", "not UTF-8 text"),
            ("a.toml", "a = " + "[" * 100_000, "nested too deep"),
            ("a.toml", "delay = nan", "delay: nan is not a number of seconds"),
            ("a.toml", "delay = 2020-01-01", "delay: not a delay: date"),
            ("a.toml", '[[on]]\nmatch = "("', "on[0].match: not a pattern"),
            ("a.toml", "#" * LARGEST + "\u00e9", f"more than {LARGEST} bytes"),
            ("a.json", '{\n"delay" 1}', "not JSON: Expecting ':' delimiter: line 2"),
            ("a.json", "[]", "not an object"),
            ("a.json", '{"delay": NaN}', "not JSON: NaN is not a finite number"),
            ("a.json", '{"delay": 1, "delay": 2}', "not JSON: 'delay' is"),
            ("a.json", '{"delay": 1' + "0" * 5000 + "}", "not JSON: Exceeds the limit"),
            ("a.json", "[" * 100_000, "not JSON: nested too deep"),
        ):
            path = self.file(text, name)
            with self.subTest(problem):
                assert self.refused(path).startswith(f"{path}: {problem}"), self.refused(path)
        folder = self.folder / "b.json"
        folder.mkdir()
        assert self.refused(str(folder)) == f"{folder}: Is a directory"

    def refused(self, path: str) -> str:
        """Give what is said of a file that holds no scenario."""
        with pytest.raises(ValueError, match=r".") as refused:
            scenario_from(path)
        return str(refused.value)
