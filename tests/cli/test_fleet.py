"""``twistecho fleet``: plans and results in files, what is refused before a run, what has room."""

import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

from tests.support.commands import echoing, refused, twistecho
from tests.support.peers import unused_port
from tests.support.programs import missing, program
from twistecho import Report
from twistecho.base.reply_formats import ReplyFormat
from twistecho.cli import local_ports
from twistecho.cli.room import lack, problem_with_sources
from twistecho.fleet.plans.arrivals import Arrivals
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.plan_json import SCHEMA
from twistecho.fleet.plans.target import parse_target

THREADS = ("--engine", "threads")
RAW = ReplyFormat.RAW


class _FolderCase(unittest.TestCase):
    def setUp(self) -> None:
        """Have a folder of its own."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def path(self, name: str) -> str:
        """Return the path of a file in the folder."""
        return str(self.folder / name)


class ResultTests(_FolderCase):
    """What a run leaves."""

    def test_requirements_and_files(self) -> None:
        """Everything that can be asked for, of one run; the plan that was run is saved."""
        with echoing() as target:
            ended = twistecho(
                "fleet", target, "-c3", "-n2", *THREADS, "--require", "failed == 0",
                "--require", "p99 < 1us", "--json", self.path("json"), "--hdr", self.path("hdr"),
                "--junit", self.path("xml"), "--save-plan", self.path("plan"),
            )  # fmt: skip
        assert ended.code == 1
        assert "FAILED   1 of 2 requirements missed" in ended.out.splitlines()[0]
        assert "  ✓ failed == 0   0\n  ✗ p99 < 1us     " in ended.out
        found = Report.from_json(Path(self.path("json")).read_text())
        assert found.complete
        assert found.began > 1.7e9
        assert found.plan == Plan(clients=3, repeat=2, reply="auto")
        assert found.replies_found == {ReplyFormat.STAMPED: 3}
        assert " · stamped replies\n" in ended.out
        names = (self.path(name) for name in ("json", "plan", "xml", "hdr"))
        assert set(ended.out.splitlines()[-1].split()) == {"Written", *names}
        assert Plan.from_json(Path(self.path("plan")).read_text()) == found.plan
        assert 'failures="1"' in Path(self.path("xml")).read_text()
        log = HistogramLogReader(self.path("hdr"), HdrHistogram(1, 3_600_000_000, 3))
        self.addCleanup(log.close)
        counted = [h.get_total_count() for h in iter(log.get_next_interval_histogram, None)]
        assert sum(counted) == 6

    def test_quiet_shows_only_what_is_wrong(self) -> None:
        """Nothing at all where nothing is."""
        with echoing() as target:
            assert twistecho("fleet", target, "-qc2", *THREADS) == (0, "", "")
        ended = twistecho("fleet", str(unused_port()), "-qc2", *THREADS)
        assert (ended.code, ended.err) == (1, "")
        answer, advice, failures, cause = ended.out.splitlines()
        assert answer.startswith("✗ FAILED   2 of 2 clients failed  ")
        assert advice.startswith("  No client connected to 127.0.0.1:")
        assert failures == "Failures   2 of 2 clients"
        # Which of them failed first is up to the moment.
        assert re.fullmatch(
            r"   2  connect:refused  e\.g\. client [01]   nothing listens there", cause
        )

    def test_replies_are_of_whichever_format_the_service_has(self) -> None:
        """Without a word of it, over several processes too, and from the file afterwards."""
        for reply in ReplyFormat:
            with echoing(reply=str(reply)) as target:
                ended = twistecho(
                    "fleet", target, "-c4", "-P2", *THREADS, "--json", self.path("json")
                )
            assert ended.code == 0
            assert f" · {reply} replies\n" in ended.out
            assert f" · {reply} replies\n" in twistecho("report", self.path("json")).out

    def test_a_format_that_was_named_is_the_only_right_one(self) -> None:
        """What to try is said."""
        with echoing(reply="prefixed") as target:
            ended = twistecho("fleet", target, "-qc2", "-rraw", *THREADS)
        assert ended.code == 1
        assert ended.out.splitlines()[1].endswith("--reply prefixed, or --reply auto")

    def test_failures_may_be_allowed(self) -> None:
        """By a requirement that speaks of them."""
        port = str(unused_port())
        assert twistecho("fleet", port, *THREADS, "--require", "connect:refused == 20").code == 0
        assert twistecho("fleet", port, *THREADS, "--require", "error_rate < 5%").code == 1

    def test_any_result_can_go_to_standard_output(self) -> None:
        """Alone: what people read goes to standard error."""
        with echoing() as target:
            ended = twistecho("fleet", target, "-c2", *THREADS, "--junit", "-")
        assert ended.out.startswith("<?xml")
        assert "✓ OK   all 2 messages answered right" in ended.err
        assert "Written" not in ended.err

    def test_a_file_that_cannot_be_written_after_all_costs_nothing_else(self) -> None:
        """What else was asked for is written and shown; the option is named, exit code 1."""
        with echoing() as target:
            ended = twistecho(
                "fleet", target, "-c2", *THREADS, "--hdr", "/dev/full",
                "--json", self.path("json"),
            )  # fmt: skip
        assert ended.code == 1
        assert ended.err == "Error: --hdr /dev/full: No space left on device\n"
        assert "✓ OK   all 2 messages answered right" in ended.out
        assert ended.out.endswith(f"\nWritten    {self.path('json')}\n")
        assert Report.from_json(Path(self.path("json")).read_text()).complete


class PlanFileTests(_FolderCase):
    """``--plan FILE``."""

    def saved(self, text: str, *arguments: str) -> Plan:
        """Return the plan that is run under a plan file and these options."""
        Path(self.path("plan")).write_text(text)
        out = self.path("saved")
        port = str(unused_port())
        twistecho("fleet", port, *THREADS, "--plan", self.path("plan"), "--save-plan", out,
                  *arguments)  # fmt: skip
        return Plan.from_json(Path(out).read_text())

    def test_the_file_says_what_is_run(self) -> None:
        """What it leaves out is the default."""
        text = '{"schema": 3, "clients": 3, "reply": "raw"}'
        assert self.saved(text) == Plan(clients=3, reply=ReplyFormat.RAW)

    def test_options_that_are_given_come_before_the_file(self) -> None:
        """Also those that say what is the default anyway."""
        text = '{"schema": 3, "clients": 3, "repeat": 7, "ordered": true}'
        assert self.saved(text, "-n1", "-c2") == Plan(clients=2, ordered=True)

    def test_the_messages_that_are_given_have_their_tokens(self) -> None:
        """Those of an old file are sent as they are."""
        text = '{"schema": 2, "messages": ["a{client}"]}'
        assert self.saved(text) == Plan(messages=(b"a{client}",), literal=True)
        assert self.saved(text, "-m", "b{client}") == Plan(messages=(b"b{client}",))

    def test_what_is_no_plan_is_refused_in_one_line(self) -> None:
        """A newer schema, a bad field, no file."""
        for text, told in (
            (f'{{"schema": {SCHEMA + 1}}}', f"schema {SCHEMA + 1} is not {SCHEMA}"),
            ('{"schema": 2, "rate": 0}', "rate: 0 is not"),
            ("hello", "Expecting value"),
        ):
            Path(self.path("plan")).write_text(text)
            line = refused("fleet", "5000", "--plan", self.path("plan"))
            assert "--plan" in line
            assert told in line
        # Also where it reads as if it were about a field: no option of that name is meant.
        Path(self.path("plan")).write_text('{"schema": 2, "protocol": "it contradicts rate:X"}')
        line = refused("fleet", "5000", "--plan", self.path("plan"))
        assert line == "Error: --protocol: there is no module it contradicts rate"
        Path(self.path("plan")).write_bytes(b"\xff\xfe")
        assert "--plan" in refused("fleet", "5000", "--plan", self.path("plan"))
        assert "No such file" in refused("fleet", "5000", "--plan", self.path("none"))


class RefusedTests(_FolderCase):
    """One line, exit code 2, before anybody connects."""

    def test_requirements_that_cannot_be_read(self) -> None:
        """The option and what is wrong."""
        line = refused("fleet", "5000", "--require", "p99 < 5")
        assert "--require" in line
        assert "its unit is missing: us, ms, s, min" in line
        assert "failed?" in refused("fleet", "5000", "--require", "faild == 0")

    def test_outputs_that_cannot_be_written(self) -> None:
        """Of every kind; an old result is still there."""
        for option in ("--json", "--junit", "--hdr", "--html", "--save-plan"):
            line = refused("fleet", "5000", option, "/nonexistent/file")
            assert option in line
            assert "No such file or directory" in line
        assert "--plot" in refused("fleet", "5000", "--plot", "/nonexistent/file.png")
        assert "--plot" in refused("fleet", "5000", "--plot", self.path("file.txt"))

    def test_the_same_file_for_two_results(self) -> None:
        """One would be lost."""
        path = self.path("file")
        line = refused("fleet", "5000", "--json", path, "--hdr", path)
        assert "--hdr" in line or "--json" in line
        assert self.folder.joinpath("file").exists() is False


class LoadOptionTests(_FolderCase):
    """The options that say when messages are sent."""

    def test_they_make_the_plan(self) -> None:
        """Times and rates with their units, each in its field."""
        with echoing() as target:
            twistecho(
                "fleet", target, "-qc2", *THREADS, "--rate=0.2k", "--arrivals=poisson",
                "--seed=9", "--pipeline=3", "--reconnect=5", "--duration=50ms", "--warmup=20ms",
                "--ramp=100/s", "--barrier", "--save-plan", self.path("plan"),
            )  # fmt: skip
        assert Plan.from_json(Path(self.path("plan")).read_text()) == Plan(
            clients=2, rate=200, arrivals=Arrivals.POISSON, seed=9, pipeline=3, reconnect=5,
            duration=0.05, warmup=0.02, ramp=100, barrier=True, reply="auto",
        )  # fmt: skip

    def test_they_come_before_those_of_a_plan_file(self) -> None:
        """And what is not given is the file's."""
        Path(self.path("plan")).write_text(Plan(clients=2, think=0.25, repeat=2).to_json())
        with echoing() as target:
            ended = twistecho(
                "fleet",
                target,
                "--plan",
                self.path("plan"),
                *THREADS,
                "--think=10ms",
                "--timeout=1min",
            )
        assert ended.code == 0, ended
        assert " · 2 clients · 2 messages each · 10.0 ms between them · " in ended.out

    def test_what_makes_no_sense_is_refused_by_the_option(self) -> None:
        """Contradictions, nothing at all, and what is no number: one line."""
        for arguments, words in {
            ("--rate=10", "--think=1"): "--think: it contradicts --rate,",
            ("--pipeline=2", "--think=1ms"): "--think: it contradicts --pipeline,",
            (
                "--pipeline=3",
                "--reconnect=2",
            ): "--pipeline: 3 contradicts --reconnect, under",
            ("--reconnect=0",): "'--reconnect': 0 is not",
            ("--reconnect=each",): "'--reconnect': 'each' is not a whole number",
            ("--duration=1", "--repeat=2"): "--repeat: it contradicts --duration",
            ("--ramp=5", "--in-order"): "--ramp: it contradicts connecting in order",
            ("--rate=0",): "--rate: 0 is not a number above 0",
            ("--ramp=2", "--duration=1"): "--ramp: at 2/s the last of 20 clients begins",
            ("--rate-tolerance=101%",): "'--rate-tolerance': 101% is not a share",
            ("--allow-lag=soon",): "'--allow-lag': 'soon' is not a number of seconds",
            ("--ramp=0",): "--ramp: 0 is not a number above 0",
            ("--duration=0ms",): "--duration: 0 is not a number above 0",
            ("--rate=many",): "'--rate': 'many' is not a number per second",
            ("--rate=-1k",): "'--rate': -1k is not a number per second, 0 or more",
            ("--rate=nan",): "'--rate': nan is not",
            ("--think=a bit",): "'--think': 'a bit' is not a number of seconds",
            ("--warmup=-1",): "'--warmup': -1 is not a number of seconds, 0 or more",
            ("--timeout=2m",): "'--timeout' / '-t': '2m' is not a number of seconds",
            ("--timeout=0s",): "--timeout: 0 is not a number above 0",
            ("--duration=1e9s",): "'--duration': 1000000000 s is longer than 1,000,000 s",
            ("--clients=1_0",): "'--clients' / '-c': '1_0' is not a whole number",
            ("--repeat=\u0663",): "'--repeat' / '-n': '\u0663' is not a whole number",
            ("--processes=\u0661",): "--processes: \u0661 is neither auto nor a number",
            ("--pipeline=0",): "'--pipeline': 0 is not",
            ("--arrivals=never",): "'--arrivals': 'never' is not",
            ("--rate=5:1s", "--duration=1"): "--duration: it contradicts stages of --rate",
            ("--rate=5:1s", "--repeat=2"): "--repeat: it contradicts stages of --rate",
            ("--rate=5:1s", "--ramp=2"): "--ramp: it contradicts stages of --rate",
            ("--rate=5:1s", "--in-order"): "--in-order: it contradicts stages of --rate",
            ("--rate=5:1s", "--think=1"): "--think: it contradicts --rate,",
            ("--clients=5:1s", "--in-order"): "--in-order: it contradicts stages of --clients",
            ("--clients=5:1s", "--barrier"): "--barrier: it contradicts stages of --clients",
            ("--clients=5:1s", "--rate=5:1s"): "--clients: stages contradict those of --rate",
            ("--clients=5:1s", "--rate=5"): "--clients: stages contradict --rate: they need",
            ("--rate=5..9",): "'--rate': stage 1: '5..9' is not like 100:30s",
            ("--clients=5:1s,6",): "'--clients' / '-c': stage 2: '6' is not like 100:30s",
            ("--rate=5:1s", "--require=stage 2: p99 < 1s"): "there is no stage 2, the last one is",
            ("--require=stage 1: p99 < 1s",): "there is no stage 1, the load has none",
            ("--hdr-stages=hdr",): "--hdr-stages: the load has no stages",
        }.items():
            with self.subTest(arguments=arguments):
                assert words in refused("fleet", "5000", *arguments)
        assert "--think: it contradicts --rate," in refused("check", "--rate=10", "--think=1")
        line = refused("check", "--reconnect=2", "--fault=reset:0.1")
        assert "--reconnect: with --fault it needs --clients 1: faults" in line
        assert "'5:1s' is not a whole number" in refused("check", "--clients=5:1s")
        assert "'5:1s' is not a number per second" in refused("check", "--rate=5:1s")


class StagesTests(_FolderCase):
    """Loads in stages."""

    def test_each_stage_is_shown_judged_and_written(self) -> None:
        """What was required of one of them decides; the report can be shown again."""
        with echoing() as target:
            ended = twistecho(
                "fleet", target, "-c2", *THREADS, "--rate", "40:0.1s,40..80:0.1s", "--warmup=50ms",
                "--require", "stage 2: max < 1us", "--require", "stage 1: failed == 0",
                "--allow-lag=1h", "--rate-tolerance=0", "--json", self.path("json"),
                "--html", self.path("html"), "--hdr-stages", self.path("hdr"),
                "--junit", self.path("junit"),
            )  # fmt: skip
        assert ended.code == 1, ended
        assert Path(self.path("hdr")).read_text().count("\nTag=stage-") == 2
        assert 'name="stage 2 (40..80:0.1s)"' in Path(self.path("junit")).read_text()
        assert "/s of 50/s asked, 40:0.1s,40..80:0.1s   " in ended.out
        assert "2  40..80:0.1s" in ended.out
        assert "  ✗ stage 2: max < 1us     " in ended.out
        assert "  ✓ stage 1: failed == 0   0\n" in ended.out
        found = Report.from_json(Path(self.path("json")).read_text())
        assert [stage.due for stage in found.by_stage] == [4, 6]
        assert "<h2>Stages</h2>" in Path(self.path("html")).read_text()
        again = twistecho("report", self.path("json"), self.path("json"), "--rate-tolerance=0")
        assert "2  80..160:0.1s" in again.out
        assert "no stage 3" in refused("report", self.path("json"), "--require=stage 3: max < 1s")

    def test_clients_come_and_go(self) -> None:
        """The options that are given come before the stages of a plan file."""
        Path(self.path("plan")).write_text(Plan(clients="1..3:0.1s", reply=RAW).to_json())
        # A busy machine may be slow to start a thread: that is not what is tried here.
        staged = ("fleet", "--plan", self.path("plan"), *THREADS, "--timeout=20s",
                  "--allow-lag=1h", "--rate-tolerance=0")  # fmt: skip
        with echoing(reply="raw") as target:
            ended = twistecho(*staged, target)
            assert ended.code == 0, ended
            assert " · 1..3:0.1s clients (3 in all) · raw replies\n" in ended.out
            ended = twistecho(*staged, target, "-c2")
        assert " · 2 clients · 1 message each · " in ended.out
        assert "--clients: stages contradict --rate:" in refused(*staged, "5000", "--rate=5")


TARGET = parse_target("127.0.0.1:5000")

_OUT_OF_PORTS = """
import socket, subprocess, sys
from pathlib import Path
subprocess.run([sys.argv[1], "link", "set", "lo", "up"], check=True)
Path("/proc/sys/net/ipv4/ip_local_port_range").write_text("40000 40001")
server = socket.create_server(("127.0.0.1", 5000))
held = [socket.create_connection(("127.0.0.1", 5000)) for _ in range(2)]
from twistecho.fleet.runs.run import run_engine
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.target import parse_target
for engine in ("threads", "reactor"):
    print(engine, *run_engine(engine, Plan(clients=1), parse_target("127.0.0.1:5000")).failures)
"""


class LackTests(unittest.TestCase):
    """What there is not enough of, in one line that says what would help."""

    def setUp(self) -> None:
        """Have the system give out a hundred local ports."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        ports = Path(folder.name) / "range"
        ports.write_text("1001\t1100\n")
        patched = mock.patch.object(local_ports, "PORT_RANGE", ports)
        patched.start()
        self.addCleanup(patched.stop)

    def test_clients_that_fit_lack_nothing(self) -> None:
        """To the last port, and from several addresses so many times more."""
        assert lack(Plan(clients=100), TARGET, 1, 1000) is None
        assert lack(Plan(clients=200, sources=("127.0.0.2", "127.0.0.3")), TARGET, 1, 1000) is None

    def test_one_client_more_than_ports(self) -> None:
        """It takes two addresses; a Unix socket takes no port."""
        said = lack(Plan(clients=101), TARGET, 1, 1000)
        assert said is not None
        assert "101 clients, but only 100 local ports" in said
        assert "use 2 addresses with --source" in said
        assert lack(Plan(clients=101), parse_target("unix:/run/echo"), 1, 1000) is None

    def test_more_clients_than_open_files(self) -> None:
        """More processes help."""
        said = lack(Plan(clients=5000), TARGET, 1, 1000)
        assert said is not None
        assert "which may open only 1,000 files" in said
        assert "6 --processes" in said
        assert "open" not in (lack(Plan(clients=5000), TARGET, 6, 1000) or "")

    def test_a_source_that_is_not_this_machine_s(self) -> None:
        """It is named; one that is, is not."""
        assert (problem_with_sources(Plan(sources=("192.0.2.1",)), TARGET) or "").startswith(
            "192.0.2.1: "
        )
        assert problem_with_sources(Plan(sources=("127.0.0.1",)), TARGET) is None


class ExhaustionTests(unittest.TestCase):
    """A machine, in a network namespace, that has two local ports, both taken."""

    def test_both_engines_name_it(self) -> None:
        """It is the cause of the client's failure."""
        inside = [program("unshare", "util-linux"), "-rn"]
        ip = program("ip", "iproute2")
        if subprocess.run([*inside, "true"], capture_output=True, check=False).returncode:
            missing("network namespaces")
        done = subprocess.run(
            [*inside, sys.executable, "-c", _OUT_OF_PORTS, ip],
            capture_output=True, text=True, check=False, timeout=30,
        )  # fmt: skip
        assert done.stdout.splitlines() == [
            "threads connect:no-local-port",
            "reactor connect:no-local-port",
        ], done.stderr
