"""The options of ``twist echo``: what texts become, and which ones are refused."""

import io
import os
import shutil
import socket
import subprocess
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from importlib.metadata import version
from pathlib import Path
from unittest import SkipTest, TestCase

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistecho.service.echo.limits import Limits
from twistecho.service.listening.endpoint import describe_port
from twistecho.service.process.options import Options
from twistecho.service.scenario.scenario import Scenario

from .test_tap import TWIST, fails, refused

BOUNDS = [row[0] for row in Options.optParameters if row[0].startswith(("max", "idle", "stall"))]


def refusal(*arguments: str) -> str:
    """Parse a command line that makes no sense; give the one line that it ends with."""
    said = io.StringIO()
    with pytest.raises(SystemExit) as end, redirect_stderr(said):
        Options().parseOptions(arguments)
    assert end.value.code == 2
    [line] = said.getvalue().splitlines()
    return line


class BoundOptionsTests(SynchronousTestCase):
    """The options that set the limits."""

    def test_the_defaults_are_those_of_the_limits(self) -> None:
        """What --help shows is what holds."""
        options = Options()
        assert len(BOUNDS) == len(Limits.__dataclass_fields__)
        options.parseOptions([f"--{name}={options[name]}" for name in BOUNDS])
        assert options["limits"] == Limits()

    def test_contradictions_are_refused_in_the_words_of_the_options(self) -> None:
        """Nobody has to know the fields."""
        for arguments, words in {
            ("--max-waiting-total=1000",): (
                "--max-waiting-total: 1000 is less than --max-waiting per connection, 262144"
            ),
            ("--workers=4", "--max-connections=3"): (
                "--max-connections: 3 cannot be divided among 4 workers"
            ),
            ("--idle=1e7",): "--idle: 10000000 s is longer than 1,000,000 s",
            ("--stall=\u0661",): (
                "--stall: '\u0661' is not a number of seconds, or a time: 20ms, 2s, 1min, 1h"
            ),
            ("--drain=2m",): (
                "--drain: '2m' is not a number of seconds, or a time: 20ms, 2s, 1min, 1h"
            ),
            ("--max-waiting=\u0662",): "--max-waiting: '\u0662' is not a whole number",
            ("--port=\u0665",): ("--port: '\u0665' is neither a port nor an endpoint description"),
            ("--delay=1h", "--fault=late,times=1000"): (
                "--fault: 3600000 s is longer than 1,000,000 s"
            ),
            ("--port=unix:/nowhere/a", "--fault=unaccepted"): (
                "--fault: unaccepted: needs TCP ports, and --port unix:/nowhere/a is not one"
            ),
            ("--fault=refuse,match=x",): (
                "--fault: refuse has no option 'match': it applies to connections, not messages"
            ),
            ("--workers=4", "--max-per-peer=2"): (
                "--max-per-peer: 2 cannot be divided among 4 workers"
            ),
            ("--workers=4", "--max-waiting-total=1000000"): (
                "--max-waiting-total: divided among 4 workers that is 250000 each, less than "
                "--max-waiting per connection, 262144"
            ),
        }.items():
            assert refusal(*arguments) == f"twist echo: {words}"

    @settings(deadline=None, max_examples=300)
    @given(
        st.sampled_from(
            [
                *BOUNDS,
                "port",
                "host",
                "reply",
                "delay",
                "delay-per",
                "drain",
                "metrics",
                "workers",
            ]
        ),
        st.one_of(
            st.text(max_size=12),
            st.integers().map(str),
            st.floats().map(str),
            st.text("0123456789:.-+e_", max_size=8),
        ),
    )
    def test_any_text_for_any_option_is_accepted_or_one_clear_line(
        self, name: str, text: str
    ) -> None:
        """Never a traceback: exit code 2 and the option's name."""
        said = io.StringIO()
        try:
            with redirect_stderr(said):
                Options().parseOptions([f"--{name}={text}"])
        except SystemExit as end:
            line = said.getvalue()
            assert end.code == 2
            assert line.startswith("twist echo: --"), line
            assert name in line


class OptionsTests(TestCase):
    """The options, as values."""

    def parse(self, *arguments: str) -> Options:
        """Parse a command line."""
        options = Options()
        options.parseOptions(list(arguments))
        return options

    def test_the_version_is_twistechos(self) -> None:
        """Not that of Twisted, which runs it."""
        said = io.StringIO()
        with redirect_stdout(said), self.assertRaises(SystemExit) as ended:
            Options().parseOptions(["--version"])
        assert ended.exception.code == 0
        assert said.getvalue() == f"twistecho {version('twistecho')}\n"

    def test_defaults(self) -> None:
        """Port 5000 on the loopback, stamped, without delay."""
        options = self.parse()
        expected = "tcp:5000:interface=127.0.0.1:backlog=4096"
        assert options["endpoints"] == {"5000": expected}
        scenario = options["scenario"]
        assert scenario == Scenario(seed=scenario.seed)
        assert options["limits"] == Limits()
        assert options["drain"] is None

    def test_every_time_is_written_in_the_same_way(self) -> None:
        """With the units of a delay."""
        options = self.parse("--delay=20ms", "--idle=1h", "--stall=2s", "--drain=1min")
        assert options["scenario"].delay.longest == 0.02
        assert (options["limits"].idle, options["limits"].stall) == (3600, 2)
        assert options["drain"] == 60

    def test_ports_and_descriptions_can_be_mixed(self) -> None:
        """Every --port is listened on; descriptions are left as they are."""
        options = self.parse("-p", "5002", "--port", "unix:/run/x", "--host", "::1")
        assert options["endpoints"] == {
            "5002": "tcp6:5002:interface=\\:\\:1:backlog=4096",
            "unix:/run/x": "unix:/run/x",
        }

    @settings(deadline=None, max_examples=200)
    @given(st.text(max_size=30))
    def test_any_port_text_is_a_description_or_refused(self, text: str) -> None:
        """Never another exception than ValueError."""
        try:
            assert ":" in describe_port(text, "127.0.0.1")
        except ValueError as error:
            assert "\n" not in str(error)

    def test_bad_values_are_one_line_that_names_the_option(self) -> None:
        """Exit code 2, no traceback; the real command says the same."""
        assert fails("--delay", "x") == refused("--delay", "x")
        for option, value in {
            "--delay": "x",
            "-d": "-1",
            "--delay-per": "year",
            "--reply": "loud",
            "--max-waiting": "12",
            "--drain": "nan",
            "--port": "99999",
            "-p": "nonsense",
        }.items():
            code, said = refused(option, value)
            name = {"-d": "--delay", "-p": "--port"}.get(option, option)
            assert code == 2, (option, said)
            assert said.startswith(f"twist echo: {name}: "), said
            assert said.count("\n") == 1, said

    def test_bad_delays_and_faults_are_one_line_that_names_the_option(self) -> None:
        """The unknown, the impossible, the contradicting; a trace's bad line by its number."""
        with tempfile.TemporaryDirectory() as folder:
            trace = Path(folder) / "trace"
            trace.write_text("1\nsoon\n")
            empty = Path(folder) / "empty"
            empty.write_text("")
            for arguments, words in {
                ("--delay=weibull:1",): "--delay: unknown distribution 'weibull'",
                ("--delay=lognormal:median=1,sigma=-1",): "--delay: lognormal: sigma -1",
                (f"--delay=trace:{trace}",): f"--delay: {trace}, line 2: 'soon' is not a number",
                (f"--delay=trace:{empty}",): f"--delay: {empty} contains no delay",
                ("--delay=trace:/nonexistent",): "--delay: /nonexistent: No such file",
                ("--fault=reset:1.1",): "--fault: reset: 1.1 is not a probability",
                (
                    "--fault=reset",
                    "--fault=close",
                ): "--fault: reset, close: the probabilities add up",
                ("--fault=late",): "--fault: late: needs a delay",
                ("--seed=x",): "--seed: 'x' is not a seed",
            }.items():
                code, said = refused(*arguments)
                assert code == 2, (arguments, said)
                assert said.startswith(f"twist echo: {words}"), said
                assert said.count("\n") == 1, said

    def test_a_bad_endpoint_is_one_line(self) -> None:
        """Unknown types and missing arguments."""
        for text in ("nosuch:5000", "tcp:port", "tcp:"):
            code, said = refused("-p", text)
            assert code == 2
            assert said.startswith(f"twist echo: --port {text}: not an endpoint description"), said
            assert said.count("\n") == 1, said

    def test_a_world_at_fault_is_one_line_and_exit_code_1(self) -> None:
        """A busy port, an unknown host, a directory that is not there."""
        with socket.create_server(("127.0.0.1", 0)) as other:
            busy = str(other.getsockname()[1])
            assert fails("-p", "0", "-p", busy) == refused("-p", busy)
            for arguments, words in {
                ("-p", busy): f"--port {busy}: cannot listen: Address already in use; "
                "choose another port, or 0 for a free one\n",
                ("-p", "tcp:0:192.0.2.1"): "choose an address of this machine, or 0.0.0.0 for all",
                ("-p", "0", "--host", "no-such-host.invalid"): (
                    "--port 0: cannot listen: interface=no-such-host.invalid: "
                ),
                ("-p", "tcp:0:bar.invalid"): "cannot listen: interface=bar.invalid: ",
                ("-p", "unix:/nonexistent/x"): "No such file or directory",
            }.items():
                code, said = refused(*arguments)
                assert code == 1, said
                assert words in said, said
                assert said.count("\n") == 1, said

    def test_a_privileged_port_is_one_line(self) -> None:
        """Port 1 without the right to it."""
        lowest = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
        setpriv = shutil.which("setpriv")
        if lowest < 2 or (os.geteuid() == 0 and not setpriv):
            raise SkipTest("no way here to be without the right to a privileged port")
        unprivileged = [setpriv, "--bounding-set=-all", "--inh-caps=-all"] if setpriv else []
        command = [*unprivileged, *TWIST, "-p", "1"] if os.geteuid() == 0 else [*TWIST, "-p", "1"]
        ended = subprocess.run(
            [str(part) for part in command], capture_output=True, text=True, check=False
        )
        assert ended.returncode == 1
        assert ended.stderr == (
            "twist echo: --port 1: cannot listen: Permission denied; "
            "choose a port from 1024 on, or grant CAP_NET_BIND_SERVICE\n"
        )
