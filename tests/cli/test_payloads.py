"""The options that say what clients send: files, escapes, sizes, payloads, weights."""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import echoing, refused, twistecho
from tests.support.peers import unused_port
from twistecho import Plan, Report
from twistecho.base.files import bytes_of
from twistecho.fleet.plans.plan_json import SCHEMA
from twistecho.fleet.plans.sizes import MOST_SIZE

THREADS = ("--engine", "threads")


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the command in a process of its own, where the reactor runs once; give its end."""
    command = [sys.executable, "-m", "twistecho", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


class _FolderCase(unittest.TestCase):
    def setUp(self) -> None:
        """Have a folder of its own."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def file(self, name: str, content: bytes) -> str:
        """Write a file; give its path."""
        (self.folder / name).write_bytes(content)
        return str(self.folder / name)

    def plan_of(self, *arguments: str) -> Plan:
        """Return the plan that these options make."""
        saved = str(self.folder / "saved")
        ended = twistecho("fleet", str(unused_port()), "-q", *THREADS, "--save-plan", saved,
                          *arguments)  # fmt: skip
        assert ended.code == 1, ended
        return Plan.from_json(Path(saved).read_text())


def asked(**fields: Any) -> Plan:
    """Return a plan as the command makes it: clients find the format of replies."""
    return Plan(**{"reply": "auto", **fields})


class PlanTests(_FolderCase):
    """What plan the options make."""

    def test_sizes_payloads_and_weights(self) -> None:
        """As they are written."""
        assert self.plan_of("--size", "1k") == asked(size="1k")
        found = self.plan_of("--size", "uniform:64,4k", "--payload", "text", "-m", "a", "-m", "b",
                             "--weights", "9,1", "--seed", "7")  # fmt: skip
        assert found == asked(messages=(b"a", b"b"), weights=(9, 1), size="uniform:64,4k",
                             payload="text", seed=7)  # fmt: skip
        found = self.plan_of("--size", "9", "--payload", "zeros", "-m", "")
        assert found == asked(messages=(b"",), size="9", payload="zeros")

    def test_files_are_read_into_the_plan(self) -> None:
        """So that what was sent is known when they have gone."""
        one, two = self.file("one", b"\r\n\0{client}"), self.file("two", b"\xff")
        assert self.plan_of("--message-file", one, "--message-file", two) == asked(
            messages=(b"\r\n\0{client}", b"\xff")
        )
        assert self.plan_of("--size", "9", "--payload", f"file:{two}") == asked(
            size="9", payload=b"\xff"
        )

    def test_escapes_are_read_where_that_is_asked_for(self) -> None:
        """Else they are sent as they are."""
        assert self.plan_of("-m", r"PING\r\n\x00\\").messages == (rb"PING\r\n\x00\\",)
        assert self.plan_of("-m", r"PING\r\n\x00\\", "--escapes").messages == (b"PING\r\n\0\\",)

    def test_options_come_before_a_plan_file(self) -> None:
        """Also those that make no plan alone; and it may name a file."""
        own = self.file("own", b"own")
        data = {"schema": SCHEMA, "size": "1k", "payload": f"file:{own}", "messages": ["a", "b"]}
        plan = self.file("plan", json.dumps(data).encode())
        base = Plan(size="1k", payload=b"own", messages=(b"a", b"b"))
        assert self.plan_of("--plan", plan) == base
        assert self.plan_of("--plan", plan, "--payload", "text", "--weights", "1,2") == Plan(
            size="1k", payload="text", messages=(b"a", b"b"), weights=(1, 2)
        )
        assert self.plan_of("--plan", plan, "--message-file", own).messages == (b"own",)

    def test_what_makes_no_sense_is_one_line_and_exit_2(self) -> None:
        """It names the option."""
        own, none = self.file("own", b"own"), self.file("none", b"")
        gone = str(self.folder / "gone")
        for arguments, told in (
            (("--size", "1k", "-m", "x"), "--size: it contradicts --message, unless"),
            (("--payload", "text"), "--payload: it needs --size"),
            (("--payload", "cat", "--size", "1"), "'cat' is not random, text, zeros or file:PATH"),
            (("--payload", f"file:{gone}", "--size", "1"), f"'--payload': {gone}: No such file"),
            (("--payload", f"file:{none}", "--size", "1"), f"'--payload': {none}: it is empty"),
            (("--message-file", gone), f"'--message-file': {gone}: No such file"),
            (("--message-file", str(self.folder)), "Is a directory"),
            (("--message-file", own, "-m", "x"), "--message-file: it contradicts --message"),
            (("--message-file", own, "--escapes"), "--escapes: there is no --message"),
            (("--escapes",), "--escapes: there is no --message"),
            (("-m", r"\q", "--escapes"), r"--message: '\q' is none of"),
            (("-m", ""), "--message: an empty message has no reply"),
            (("--weights", "9,1"), "--weights: there are 2 for 1 --message"),
            (("-m", "a", "-m", "b", "--weights", "9"), "--weights: there are 1 for 2 --message"),
            (("-m", "a", "--weights", "0"), "--weights: one is not a number above 0"),
            (("-m", "a", "--weights", ""), "'--weights': '' is not a number"),
            (("--size", "much"), "'--size': 'much' is not 1k, uniform"),
            (("--plan", self.file("p", b'{"schema": 4, "size": 5, "payload": "file:/"}')),
             "'--plan'"),
        ):  # fmt: skip
            for command in (("fleet", "5000"), ("check",)):
                if command == ("check",) and "--plan" in arguments:
                    continue
                with self.subTest(command=command, arguments=arguments):
                    assert told in refused(*command, *arguments)

    def test_a_file_is_not_read_without_end(self) -> None:
        """No more than may be sent."""
        with pytest.raises(ValueError, match=r"/dev/zero: it has more than 16,777,216 bytes"):
            bytes_of("/dev/zero", MOST_SIZE)
        with pytest.raises(ValueError, match="null"):
            bytes_of("a\0b", 9)


class RunTests(_FolderCase):
    """What is run, and what is told of it."""

    def test_the_report_and_the_headline_say_what_was_sent(self) -> None:
        """And that replies are not told apart where a message cannot hold its name."""
        for size, apart in (("uniform:64,4k", True), ("uniform:8,4k", False)):
            saved = str(self.folder / "report")
            with echoing() as target:
                ended = twistecho("fleet", target, "-c3", "-n9", *THREADS, "--size", size,
                                  "--json", saved)  # fmt: skip
            assert ended.code == 0, ended
            assert f" · 9 messages each · {size} bytes (random) · " in ended.out
            assert ("replies told apart" in ended.out) is not apart
            found = Report.from_json(Path(saved).read_text())
            assert found.plan == Plan(clients=3, repeat=9, size=size, reply="auto")
            assert found.to_dict()["summary"]["told_apart"] is apart
            plan = found.plan
            for one in found.outcomes:
                make = plan.messages_of(one.client)
                assert one.bytes_sent == sum(len(make(number)) for number in range(9))

    def test_both_engines_agree_on_what_several_processes_send_too(self) -> None:
        """`check` in one, `fleet` in two."""
        sizes = ("--size", "lognormal:median=2k,sigma=1", "-c3", "-n5", "--seed", "3")
        ended = run("check", "-r", "prefixed", *sizes)
        assert (ended.returncode, ended.stderr) == (0, ""), ended
        assert "both engines agree: 15 of 15 messages answered right" in ended.stdout
        saved = [str(self.folder / name) for name in ("one", "two")]
        with echoing() as target:
            for count, file in enumerate(saved, 1):
                ended = run("fleet", target, *sizes, "-P", str(count), "--json", file)
                assert ended.returncode == 0, ended
        one, two = (Report.from_json(Path(file).read_text()) for file in saved)
        assert one.plan == two.plan
        assert [each.bytes_sent for each in one.outcomes] == [
            each.bytes_sent for each in two.outcomes
        ]
