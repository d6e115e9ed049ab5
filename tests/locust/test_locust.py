"""The fleet on Locust: a real master, three real workers, a real service; all counts are equal."""

import csv
import json
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self
from unittest.mock import Mock

import psutil

from tests.service.process.test_tap import twist_echo
from tests.support import DOCS
from tests.support.peers import unused_port
from tests.support.programs import missing, program
from twistecho import Plan, ReplyFormat, Report
from twistecho.fleet.reports.merge import put_later
from twistecho.fleet.reports.verdict import invalid
from twistecho.fleet.thread_engine.fleet import run_threads
from twistecho.locust.gathering import LOST, Gathering, Kind, own_plan

LONGEST_WAIT = 40.0
LOCUSTFILE = DOCS / "locustfile.py"

QUICK = """
import locust.runners
import locust.stats
locust.runners.WORKER_REPORT_INTERVAL = 0.2
locust.stats.CSV_STATS_INTERVAL_SEC = 0.2
"""
"""What has Locust's workers report, and its files written, sooner than every few seconds."""


STAGED = """
from twistecho import Plan
from twistecho.locust import EchoUser

class One(EchoUser):
    plan = Plan(clients=1, rate="5:1s")
"""


def until(condition: Callable[[], Any]) -> Any:
    """Wait until a condition gives something true; give that."""
    deadline = time.monotonic() + LONGEST_WAIT
    while True:
        if found := condition():
            return found
        assert time.monotonic() < deadline
        time.sleep(0.05)


def locust_command(folder: Path) -> list[str]:
    """Give the command that runs Locust with the documented locustfile, quickly."""
    quick = folder / "quick.py"
    quick.write_text(QUICK)
    return [sys.executable, "-m", "locust", "-f", f"{LOCUSTFILE},{quick}"]


class WithoutExtraTests(unittest.TestCase):
    """The package where Locust is not installed."""

    def test_the_extra_is_named(self) -> None:
        """In the error's one line."""
        program = "import sys; sys.modules['locust'] = None; from twistecho.locust import EchoUser"
        ended = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=False
        )
        assert ended.stderr.splitlines()[-1] == (
            "ImportError: twistecho.locust needs Locust: pip install 'twistecho[locust]'"
        )


RECONNECTING = """
from twistecho import Plan, ReplyFormat
from twistecho.locust import EchoUser, FleetUser

class Fleets(FleetUser):
    plan = Plan(clients=2, repeat=4, reply=ReplyFormat.RAW, reconnect=3)

class Clients(EchoUser):
    plan = Plan(clients=1, repeat=4, reply=ReplyFormat.RAW, reconnect=3)
"""
"""Users of both kinds, each of whose clients has two connections: of three messages and of one."""


class Swarm:
    """A master and its workers, as a context manager; none of them is left at its end."""

    def __init__(self, folder: Path, users: str, *options: str, workers: int = 3) -> None:
        self.prefix = folder / "found"
        bind, self.web = unused_port(), unused_port()
        command = [*locust_command(folder), *users.split()]
        self._worker = [*command, "--worker", "--master-port", str(bind)]
        self._master = [
            *command, "--master", "--master-bind-host", "127.0.0.1", "--master-bind-port",
            str(bind), "--expect-workers", str(workers), "--csv", str(self.prefix), *options,
        ]  # fmt: skip
        self._folder, self._count = folder, workers
        self.workers: list[subprocess.Popen[str]] = []

    def _start(self, name: str, command: list[str]) -> "subprocess.Popen[str]":
        with (self._folder / f"{name}.log").open("w") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, text=True)

    def __enter__(self) -> Self:
        """Start all."""
        self.master = self._start("master", self._master)
        self.workers = [self._start(f"worker{n}", self._worker) for n in range(self._count)]
        return self

    def __exit__(self, *_error: object) -> None:
        """End all."""
        for process in (self.master, *self.workers):
            process.kill()
            process.wait()

    def end(self) -> int:
        """Wait for the end of all; give the master's exit code."""
        code = self.master.wait(LONGEST_WAIT)
        for worker in self.workers:
            worker.wait(LONGEST_WAIT)
        return code

    def said(self) -> str:
        """Give what the master has said."""
        return (self._folder / "master.log").read_text()

    def counts(self) -> dict[tuple[str, str], tuple[int, int]]:
        """Give requests and failures, by type and name, from Locust's own CSV file."""
        with Path(f"{self.prefix}_stats.csv").open() as file:
            return {
                (row["Type"], row["Name"]): (int(row["Request Count"]), int(row["Failure Count"]))
                for row in csv.DictReader(file)
            }

    def report(self) -> Report:
        """Give the merged report of the fleets."""
        return Report.from_json(Path(f"{self.prefix}_Fleets.json").read_text())


@contextmanager
def service(*options: str) -> Iterator[tuple[int, Callable[[str], int]]]:
    """Run a service; give its port, and what reads one of its counters."""
    metrics = unused_port()

    def read(name: str) -> int:
        with urllib.request.urlopen(f"http://127.0.0.1:{metrics}/metrics") as answer:
            text = answer.read().decode()
        [value] = re.findall(rf"(?m)^twistecho_{name}_total (\S+)$", text)
        return int(float(value))

    arguments = ("-p0", "--reply=raw", f"--metrics={metrics}", *options)
    with twist_echo(*arguments) as (_, started):
        yield int(started[0]["port"]), read


class LocustCase(unittest.TestCase):
    """Needs Locust, and a folder."""

    def setUp(self) -> None:
        """Find Locust."""
        if find_spec("locust") is None:
            missing("locust (the extra of this name)")
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))


class SwarmTests(LocustCase):
    """Whole tests, as users run them."""

    def test_locust_the_report_and_the_service_count_the_same(self) -> None:
        """Clients, messages and bytes, of both kinds of users, all the workers together."""
        port, read = self.enterContext(service())
        options = ["--headless", "-u", "6", "-r", "6", "-t", "1s", "--stop-timeout", "20"]
        with Swarm(self.folder, "Fleets Clients", *options, f"--host=127.0.0.1:{port}") as swarm:
            code = swarm.end()
        assert code == 0, swarm.said()
        found, report = swarm.counts(), swarm.report()
        assert invalid(report) == ()
        assert report.complete
        assert found["FLEET", "conversation"] == (report.plan.clients, 0)
        assert found["FLEET", "message"] == (report.messages, 0)
        talks, messages = found["ECHO", "conversation"][0], found["ECHO", "message"][0]
        assert report.messages > messages > talks > 0
        assert messages == 10 * talks
        assert read("connections_accepted") == report.plan.clients + talks
        assert read("messages") == report.messages + messages
        # Each user's clients have numbers of their own, and each message its own.
        echoed = read("received_bytes") - report.bytes_sent
        assert len(b"Ola mundo da internet! (0, 0)") * messages <= echoed
        assert echoed <= len(b"Ola mundo da internet! (2000000000, 9)") * messages
        assert len(report.parts) == 3
        assert "Fleets: exact" in swarm.said()

    def test_clients_make_new_connections(self) -> None:
        """Of both kinds of users, as their plan has it, in one process."""
        port, read = self.enterContext(service())
        (self.folder / "users.py").write_text(RECONNECTING)
        command = [*locust_command(self.folder), "--headless", "-u2", "-r2", "-t1s"]
        command[command.index("-f") + 1] = f"{self.folder}/users.py,{self.folder}/quick.py"
        command += ["--stop-timeout", "20", f"--host=127.0.0.1:{port}", "--csv"]
        ended = subprocess.run(
            [*command, f"{self.folder}/found"], capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
        report = Report.from_json((self.folder / "found_Fleets.json").read_text())
        assert (report.complete, invalid(report)) == (True, ())
        assert report.connects == 2 * report.plan.clients
        with (self.folder / "found_stats.csv").open() as file:
            [talks] = [
                int(row["Request Count"])
                for row in csv.DictReader(file)
                if (row["Type"], row["Name"]) == ("ECHO", "conversation")
            ]
        assert talks > 0
        assert read("connections_accepted") == report.connects + 2 * talks
        assert read("messages") == 4 * (report.plan.clients + talks)

    def test_a_worker_that_is_killed_is_named_and_what_it_had_reported_is_kept(self) -> None:
        """Its fleet dies with it; the page shows the test that goes on; nothing else is lost."""
        chromium = program("chromium", "chromium")
        port, _ = self.enterContext(service())
        web = unused_port()
        options = ["--autostart", "-u", "2", "-r", "2", f"--host=127.0.0.1:{port}"]
        options += ["--web-host=127.0.0.1", f"--web-port={web}"]
        with Swarm(self.folder, "Fleets", *options, workers=2) as swarm:
            # A fleet of each worker.
            until(lambda: self.counted(web, "conversation") >= 100)
            killed = swarm.workers[0]
            [fleet] = until(lambda: psutil.Process(killed.pid).children())
            killed.send_signal(signal.SIGKILL)
            assert psutil.wait_procs([fleet], timeout=LONGEST_WAIT)[1] == []
            page = self.dump(chromium, f"http://127.0.0.1:{web}/")
            swarm.master.send_signal(signal.SIGTERM)
            code = swarm.end()
        assert re.search(r">conversation</td><td[^>]*>\d{3,}<", page), page
        assert code == 3, swarm.said()
        report, found = swarm.report(), swarm.counts()
        problems = {part.name: part.problem for part in report.parts if part.problem}
        assert list(problems.values()) == [LOST], problems
        [lost] = [part for part in report.parts if part.problem]
        assert lost.messages > 0
        assert len(report.parts) == 2
        assert f"part {lost.name}: {LOST}" in invalid(report)
        assert found["FLEET", "message"] == (report.messages, 0)
        assert found["FLEET", "conversation"] == (len(report.outcomes), 0)

    def counted(self, web: int, name: str) -> int:
        """Ask the page's own source how many requests of a name there were."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{web}/stats/requests") as answer:
                entries = json.load(answer)["stats"]
        except OSError:
            return 0
        return sum(int(entry["num_requests"]) for entry in entries if entry["name"] == name)

    def dump(self, chromium: str, url: str) -> str:
        """Give what a browser makes of a page."""
        command = [
            chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
            f"--user-data-dir={self.folder / 'browser'}", "--virtual-time-budget=3000",
            "--dump-dom", url,
        ]  # fmt: skip
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=LONGEST_WAIT, check=True
        )
        return done.stdout

    def test_a_failure_is_named_by_its_cause_alone(self) -> None:
        """No address, no port: all that failed alike are one line of Locust's."""
        port = unused_port()
        arguments = ["--headless", "-u", "2", "-r", "2", "-t", "1s", f"--host=127.0.0.1:{port}"]
        arguments += ["--stop-timeout", "20"]
        prefix = self.folder / "failed"
        done = subprocess.run(
            [*locust_command(self.folder), *arguments, "--csv", prefix],
            capture_output=True, text=True, timeout=LONGEST_WAIT, check=False,
        )  # fmt: skip
        assert done.returncode == 1
        with Path(f"{prefix}_failures.csv").open() as file:
            names = {(row["Method"], row["Error"]) for row in csv.DictReader(file)}
        assert names == {("ECHO", "connect:refused"), ("FLEET", "connect:refused")}
        report = Report.from_json(Path(f"{prefix}_Fleets.json").read_text())
        assert set(report.failures) == {"connect:refused"}

    def test_a_host_that_is_no_target_is_one_line_and_exit_code_2(self) -> None:
        """Nothing is run."""
        done = subprocess.run(
            [*locust_command(self.folder), "--headless", "--host=nowhere"],
            capture_output=True, text=True, timeout=LONGEST_WAIT, check=False,
        )  # fmt: skip
        assert done.returncode == 2
        assert "--host: 'nowhere' is not a port" in done.stderr
        assert "Traceback" not in done.stderr

    def test_stages_of_a_single_client_are_refused_likewise(self) -> None:
        """They are a fleet's."""
        (self.folder / "staged.py").write_text(STAGED)
        done = subprocess.run(
            [sys.executable, "-m", "locust", "-f", "staged.py", "--headless", "--host=127.0.0.1:1"],
            capture_output=True, text=True, timeout=LONGEST_WAIT, check=False, cwd=self.folder,
        )  # fmt: skip
        assert done.returncode == 2, done
        assert "One.plan: stages are for a FleetUser: this is one client" in done.stderr
        assert "Traceback" not in done.stderr


def found_by(clients: int) -> Report:
    """Run a few clients against nobody: a real report, at once."""
    return run_threads(Plan(clients=clients, reply=ReplyFormat.RAW), "127.0.0.1:1")


class GatheringTests(unittest.TestCase):
    """What workers have told, put together."""

    def setUp(self) -> None:
        """Begin a test with two workers."""
        plan = Plan(clients=2, reply=ReplyFormat.RAW)
        self.kinds = {"Fleets": Kind("threads", "127.0.0.1:1", plan)}
        self.gathering = Gathering()
        self.gathering.begin(["one", "two"])

    def tell(self, worker: str, *reports: Report, testing: bool = True) -> None:
        """Have a worker tell."""
        told = {"Fleets": [report.to_dict() for report in reports]}
        self.gathering.take(worker, {"testing": testing, "reports": told})

    def test_who_never_came_to_the_end_is_lost_with_what_was_told_kept(self) -> None:
        """The other one's fleets are all there."""
        self.tell("one", found_by(2))
        self.tell("one", found_by(2), testing=False)
        self.tell("two", found_by(2))
        report = self.gathering.reports(self.kinds)["Fleets"]
        assert [(part.name, part.problem) for part in report.parts] == [
            ("worker one", None),
            ("worker two", LOST),
        ]
        assert len(report.outcomes) == 6
        assert invalid(report)[0] == f"part worker two: {LOST}"

    def test_another_test_begins_from_nothing(self) -> None:
        """Nothing of the one before is left."""
        self.tell("one", found_by(2))
        self.gathering.begin(["one"])
        self.tell("one", testing=False)
        assert self.gathering.reports(self.kinds) == {}


class NumberTests(unittest.TestCase):
    """The numbers of the users' clients, by which their replies are told apart."""

    def test_no_two_users_share_a_client_whatever_their_worker(self) -> None:
        """Neither in one process nor in several, and also where nobody is a worker."""
        numbers: list[int] = []
        for worker in (None, 0, 1):
            environment: Any = Mock(runner=worker if worker is None else Mock(worker_index=worker))
            plans = [own_plan(environment, Plan(clients=5)) for _ in range(3)]
            numbers += [number for plan in plans for number in plan.numbers]
            if worker is None:
                assert numbers == list(range(15))
                numbers.clear()
        assert len(set(numbers)) == len(numbers) == 30


class SequelTests(unittest.TestCase):
    """A fleet that began later than the test."""

    def test_everything_is_later_by_as_much_and_nothing_else_changes(self) -> None:
        """Times of clients exactly, intervals by whole ones, which leave no gap."""
        report = found_by(3)
        later = put_later(report, 2.5)
        assert later.failures == report.failures
        assert later.began == report.began - 2.5
        for one, other in zip(report.outcomes, later.outcomes, strict=True):
            assert abs(other.ended - one.ended - 2.5) < 1e-9
            assert other.connected is one.connected is None
        starts = [interval.start for interval in later.measured.intervals]
        assert starts == [float(number) for number in range(len(starts))]
        assert len(starts) == 2 + len(report.measured.intervals)
        assert invalid(later) == invalid(report)
