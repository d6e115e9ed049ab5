"""The ``twistecho`` command as a user runs it: output, JSON, errors, exit codes."""

import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest import TestCase, mock

from tests.support.commands import Ended, echoing, refused, twistecho
from tests.support.peers import read_exactly, serving, unused_port
from twistecho import Report
from twistecho.fleet.reports.histograms import Latencies
from twistecho.service.scenario.fault import Kind
from twistecho.testing.servers import EchoServerError

TWISTECHO = [sys.executable, "-m", "twistecho"]


def run(*arguments: str, **options: Any) -> "subprocess.CompletedProcess[str]":
    """Run the command; give its end."""
    return subprocess.run(
        [*TWISTECHO, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,
    )


def run_by(engine: str, *arguments: str) -> Ended:
    """Run a fleet: the threads here, and only the reactor, which runs once, in a process."""
    arguments = ("fleet", *arguments, "-e", engine)
    if engine == "threads":
        return twistecho(*arguments)
    ended = run(*arguments)
    return Ended(ended.returncode, ended.stdout, ended.stderr)


class FleetCommandTests(TestCase):
    """``twistecho fleet``."""

    def test_the_command_alone_shows_its_help(self) -> None:
        """On standard output, and that is no error."""
        assert twistecho() == twistecho("--help")
        assert (twistecho()[0], twistecho()[2]) == (0, "")

    def test_without_docstrings_every_help_is_the_same(self) -> None:
        """As ``python -OO`` has it, of the service too."""
        program = """
from click import Context
from twistecho.cli.commands import twistecho
from twistecho.tap import Options
print(Options())
for command in (twistecho, *twistecho.commands.values()):
    print(command.get_help(Context(command)))
"""
        usual, optimized = (
            subprocess.run(
                [sys.executable, *flags, "-c", program], capture_output=True, text=True, check=True
            ).stdout
            for flags in ((), ("-OO",))
        )
        assert optimized == usual

    def test_both_engines_show_a_summary_and_exit_0(self) -> None:
        """Everything right: the figures, and no failure."""
        with echoing(reply="prefixed") as target:
            for engine in ("reactor", "threads"):
                ended = run_by(engine, target, "-c3", "-n2", "-rprefixed", "--in-order")
                assert ended.code == 0, ended.err
                assert ended.out.startswith("✓ OK   all 6 messages answered right")
                assert " · 3 clients · 2 messages each · prefixed replies\n" in ended.out
                assert "\nMessages   6 sent   6 right   " in ended.out

    def test_json_to_standard_output_is_nothing_but_json(self) -> None:
        """The table goes to standard error, and the report reads back."""
        with echoing() as target:
            ended = run_by("threads", target, "--clients=2", "--json", "-")
        report = Report.from_json(ended.out)
        assert (report.complete, len(report.outcomes)) == (True, 2)
        assert json.loads(ended.out)["schema"] == 3
        assert "✓ OK   all 2 messages answered right" in ended.err

    def test_an_open_run_says_what_it_offers_and_what_came_of_it(self) -> None:
        """On both engines; the JSON has the plan, times of both kinds and what was not measured."""
        with echoing(reply="raw") as target:
            for engine in ("reactor", "threads"):
                ended = run_by(
                    engine, target, "-c4", "-rraw", "--rate=0.4k",
                    "--arrivals=poisson", "--seed=7", "--duration=300ms", "--warmup=100ms",
                    "--barrier", "--json", "-",
                )  # fmt: skip
                assert f"{target} · " in ended.err
                assert (
                    " + 100 ms warm-up · 4 clients · Poisson arrivals · all connected first · "
                    "raw replies\n"
                ) in ended.err
                assert "/s of 400/s asked   " in ended.err
                found = Report.from_json(ended.out)
                assert (found.plan.rate, found.plan.seed, found.plan.barrier) == (400, 7, True)
                assert found.complete
                # A busy machine may make a fleet late, which it says, and nothing else is wrong.
                late = [line for line in ended.err.splitlines() if line.startswith("! INVALID")]
                assert ended.code == (3 if late else 0)
                assert found.sent == found.messages > found.measured.unmeasured > 0
                measured = found.messages - found.measured.unmeasured
                for times in (found.measured.latency, found.measured.service):
                    assert Latencies(times).count == measured

    def test_json_to_a_file(self) -> None:
        """The same as data, beside the table."""
        with tempfile.TemporaryDirectory() as folder, echoing() as target:
            file = Path(folder) / "report.json"
            ended = run_by("threads", target, "--clients=2", "--json", str(file))
            assert Report.from_json(file.read_text()).complete
        assert "✓ OK   all 2 messages answered right" in ended.out

    def test_verbose_prints_a_line_a_reply_with_escapes(self) -> None:
        """Control bytes reach no terminal, lines are whole."""
        with echoing(reply="raw") as target:
            for engine in ("reactor", "threads"):
                ended = run_by(engine, target, "-vc50", "-rraw", "-m", "\x1b[31m[b]red[/b]\n")
                lines = {line for line in ended.out.splitlines() if "received" in line}
                message = r"b'\x1b[31m[b]red[/b]\n'"
                assert lines == {f"Client {n} received: {message}" for n in range(50)}
                assert "\x1b" not in ended.out

    def test_failures_are_named_and_exit_1(self) -> None:
        """By cause, with words a person understands."""
        ended = run_by("threads", str(unused_port()), "--clients=4")
        assert ended.code == 1
        assert "   4  connect:refused  e.g. client " in ended.out
        assert ended.out.endswith("   nothing listens there\n")

    def test_bad_input_is_one_line_and_exit_2(self) -> None:
        """The option is named; nobody is connected to."""
        for arguments, words in {
            ("fleet",): "TARGET",
            ("fleet", "nonsense"): "TARGET",
            ("fleet", "5000", "--clients=0"): "--clients",
            ("fleet", "5000", "--timeout=0"): "--timeout",
            ("fleet", "5000", "--timeout=soon"): "--timeout",
            ("fleet", "5000", "--message="): "--message",
            ("fleet", "5000", "--reply=loud"): "--reply",
            ("fleet", "5000", "--json=/nonexistent/file"): "--json",
            ("compare", "--json=/nonexistent/file"): "--json",
            ("fleet", "tcp:host=localhost:port=5000", "--engine=threads"): "TARGET",
            ("check", "--delay=-1"): "--delay",
            ("check", "--delay=weibull:1"): "--delay",
            ("check", "--fault=reset:2"): "--fault",
            ("check", "--fault=reset", "--fault=close"): "--fault",
            ("check", "--fault=late"): "--fault",
            ("check", "--seed=-1"): "--seed",
            ("check", "--server-name=x"): "--server-name: there is no TARGET",
            ("check", "1", "--insecure"): "--insecure: 127.0.0.1:1 is not a tls: target",
            ("check", "tls:localhost:1", "--ca=/no"): "--ca: /no: No such file or directory",
            ("dance",): "dance",
        }.items():
            line = refused(*arguments)
            assert line.startswith("Error: "), line
            assert words in line, line
        ended = run("fleet", "nonsense")
        assert (ended.returncode, ended.stdout) == (2, "")
        assert ended.stderr == f"{refused('fleet', 'nonsense')}\n"

    def test_a_signal_ends_the_run_and_what_was_found_is_told(self) -> None:
        """On both engines, with Ctrl-C and SIGTERM: the table, the file, exit code 130."""
        answered: list[int] = []

        def answer_once(connection: socket.socket) -> None:
            connection.sendall(read_exactly(connection, 2))
            read_exactly(connection, 2)
            answered.append(1)
            read_exactly(connection, 1_000_000)

        with serving(answer_once) as port, tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "report.json")
            for engine, number in (("reactor", signal.SIGINT), ("threads", signal.SIGTERM)):
                answered.clear()
                process = subprocess.Popen(
                    [*TWISTECHO, "fleet", str(port), "-c2", "-n2", "-mja", "-rraw", "-e", engine,
                     "--json", str(file)],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )  # fmt: skip
                while len(answered) < 2:
                    time.sleep(0.01)
                process.send_signal(number)
                shown, wrong = process.communicate(timeout=30)
                assert (process.returncode, wrong) == (130, "")
                assert shown.startswith("! INTERRUPTED   after ")
                assert "\nEnded      2 clients still ran, without a failure" in shown
                assert "Failures" not in shown
                assert "INVALID" not in shown
                found = Report.from_json(file.read_text())
                assert found.interrupted
                assert (found.sent, found.messages, found.outstanding) == (4, 2, 2)

    def test_a_check_that_is_interrupted_has_nothing_to_tell(self) -> None:
        """Half a run agrees with nothing."""
        connected: list[int] = []

        def silent(connection: socket.socket) -> None:
            connected.append(1)
            read_exactly(connection, 1_000_000)

        with serving(silent) as port:
            process = subprocess.Popen(
                [*TWISTECHO, "check", str(port), "-c1"],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            while not connected:
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=30)
        assert (process.returncode, said.strip()) == (130, "Error: interrupted")

    def test_the_threads_engine_imports_no_twisted(self) -> None:
        """The independent witness stays independent."""
        with echoing() as target:
            code = (
                "import sys; from twistecho.cli.main import main\n"
                "try: main(['fleet', sys.argv[1], '-e', 'threads'])\n"
                "finally: print('twisted' in sys.modules)"
            )
            ended = subprocess.run(
                [sys.executable, "-c", code, target],
                capture_output=True,
                text=True,
                check=False,
            )
        assert ended.returncode == 0
        assert ended.stdout.splitlines()[-1] == "False"


class CheckCommandTests(TestCase):
    """``twistecho check``."""

    def test_starts_its_own_service_and_agrees(self) -> None:
        """The README's first command, with a shorter delay."""
        ended = run("check", "--delay", "0.3", "--clients", "5")
        assert ended.returncode == 0, ended.stderr
        first, second, *_ = ended.stdout.splitlines()
        assert first == "✓ OK   both engines agree: 5 of 5 messages answered right"
        assert second.startswith("5 clients, 1 message each, to 127.0.0.1:")

    def test_agrees_under_faults(self) -> None:
        """Half of the messages meet it; agreeing is enough, since failures were asked for."""
        for kind, options in ((Kind.RESET, ""), (Kind.REFUSE, ""), (Kind.DRIP, ",pause=1ms")):
            ended = run(
                "check", f"--fault={kind}:0.5{options}", "--seed=5", "-c6", "-n2", "-t0.7", "-d1ms",
                "--json=-",
            )  # fmt: skip
            assert ended.returncode == 0, (kind, ended.stdout, ended.stderr)
            data = json.loads(ended.stdout)
            assert data["agree"]
            assert "seed 5" in ended.stderr
            failed = sum(data["reports"][0]["summary"]["failures"].values())
            assert bool(failed) == (kind is not Kind.DRIP), kind

    def test_json_holds_both_reports(self) -> None:
        """And the verdict."""
        ended = run("check", "--clients=3", "--reply=raw", "--json=-")
        data = json.loads(ended.stdout)
        assert (data["agree"], data["disagreements"]) == (True, [])
        engines = [Report.from_dict(report).engine for report in data["reports"]]
        assert engines == ["reactor", "threads"]

    def test_a_result_that_cannot_be_written_after_all_is_one_line(self) -> None:
        """The disk may have become full meanwhile; exit code 1."""
        ended = run("check", "--clients=1", "--json=/dev/full")
        assert ended.returncode == 1
        assert ended.stderr == "Error: --json /dev/full: No space left on device\n"

    def test_a_server_that_answers_the_engines_differently_is_shown(self) -> None:
        """Which client, which field, what each engine saw; exit code 1."""
        seen: list[int] = []

        def moody(connection: socket.socket) -> None:
            message = read_exactly(connection, 2)
            seen.append(1)
            # The threads engine runs first: one of its two clients is answered wrongly.
            connection.sendall(b"NO" if len(seen) == 1 else message)
            read_exactly(connection, 1)

        with serving(moody) as port:
            ended = run("check", str(port), "-c2", "-m", "ja", "-rraw")
        assert ended.returncode == 1
        first, second, *_ = ended.stdout.splitlines()
        told = "✗ FAILED   the engines disagree about 1 of 2 clients (reactor against threads)"
        assert first == told
        assert second.endswith("outcome: answered against receive:mismatch")

    def test_both_engines_find_the_format_of_somebody_else_s_replies(self) -> None:
        """And of the service's own where that is asked for; else it is stamped, and named."""

        def echo(connection: socket.socket) -> None:
            while message := connection.recv(1024):
                connection.sendall(message)

        with serving(echo) as port:
            ended = run("check", str(port), "-c2")
        assert ended.returncode == 0, ended
        assert ended.stdout.count("raw, detected") == 2
        own = run("check", "-c2", "--reply=auto")
        assert (own.returncode, own.stdout.count("stamped, detected")) == (0, 2)
        assert "(stamped replies)" in run("check", "-c2").stdout

    def test_agreement_on_failure_exits_1(self) -> None:
        """Agreeing is not enough: the messages must be answered right."""
        ended = run("check", str(unused_port()), "--clients=2")
        assert ended.returncode == 1
        told = "✗ FAILED   both engines agree: 0 of 2 messages answered right"
        assert ended.stdout.splitlines()[0] == told
        assert ended.stdout.count("2 clients failed: connect:refused") == 1
        assert ended.stdout.count("is the service running, and is this its port?") == 1

    def test_a_service_that_does_not_start_is_one_line(self) -> None:
        """What it said; exit code 1."""
        broken = EchoServerError("no room")
        with mock.patch("twistecho.cli.run_check.EchoServer", side_effect=broken):
            ended = twistecho("check")
        assert ended == (1, "", "Error: the service did not start: no room\n")
