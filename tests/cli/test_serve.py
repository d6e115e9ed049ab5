"""``twistecho serve`` as people meet it: what it says, and what it refuses."""

import io
import re
import signal
import socket
import subprocess
import sys
from contextlib import redirect_stderr
from subprocess import PIPE
from unittest import TestCase, mock

import pytest

from tests.support.commands import twistecho
from tests.support.designs_at_work import serving
from twistecho.cli.main import main
from twistecho.designs.blocking import ThreadedServer


def said(*arguments: str) -> tuple[object, str]:
    """Run a command that is to fail; give its exit code and what it says on standard error."""
    errors = io.StringIO()
    with redirect_stderr(errors), pytest.raises(SystemExit) as ended:
        main(arguments)
    return ended.value.code, errors.getvalue()


class ServeTests(TestCase):
    """The command."""

    def test_it_says_where_it_listens_and_how_it_answers(self) -> None:
        """One line a port, with the port that the system gave."""
        served = serving("threaded", "--delay=5", "--delay-per=connection", "--backlog=7")
        self.addCleanup(served.stop)
        assert served.lines[0] == (
            f"Listening on 127.0.0.1:{served.port}: "
            "stamped replies, 5 s per connection, a backlog of 7"
        )

    def test_the_sequential_server_is_the_notebooks(self) -> None:
        """Told nothing, it answers with a prefix, at once, with a backlog of five."""
        served = serving("sequential")
        self.addCleanup(served.stop)
        assert re.search("prefixed replies, no delay, a backlog of 5$", served.lines[0])

    def test_what_makes_no_sense_is_one_line_that_names_the_option_and_exit_code_2(self) -> None:
        """No traceback, whatever was mistyped."""
        for option, *arguments in (
            ("--port", "serve", "threaded", "--port=70000"),
            ("--port", "serve", "forking", "--port=0", "--port=0"),
            ("--delay", "serve", "select", "--delay=-1"),
            ("--delay", "serve", "select", "--delay=soon"),
            ("--delay", "serve", "select", "--delay=uniform:1,2"),
            ("--backlog", "serve", "sequential", "--backlog=-1"),
            ("--designs", "compare", "--designs=threaded,magic"),
            ("--clients", "compare", "--clients=20,0"),
            ("--timeout", "compare", "--timeout=nan"),
            ("--kill-after", "compare", "--kill-after=nan"),
            ("--kill-after", "compare", "--kill-after=uniform:1,2"),
            ("--plot", "compare", "--plot=picture.gif"),
            ("--engine", "compare", "--engine=steam"),
        ):
            code, text = said(*arguments)
            assert code == 2, (arguments, text)
            assert option in text, (arguments, text)
            assert text.count("\n") == 1, (arguments, text)

    def test_ctrl_c_ends_it_without_error(self) -> None:
        """That is how people end a server: one line, exit code 130; and SIGTERM is as it was."""
        before = signal.getsignal(signal.SIGTERM)
        with mock.patch.object(ThreadedServer, "serve", side_effect=KeyboardInterrupt):
            ended = twistecho("serve", "threaded", "--port=0")
        assert (ended.code, ended.err) == (130, "Interrupted\n")
        assert signal.getsignal(signal.SIGTERM) is before

    def test_it_ends_where_its_log_cannot_be_written(self) -> None:
        """Whoever of it notices: the process, a thread of it, or a child."""
        for design in ("sequential", "threaded", "forking"):
            command = [sys.executable, "-m", "twistecho", "serve", design, "--port=0"]
            with subprocess.Popen(command, stdout=PIPE, stderr=PIPE, text=True) as served:
                self.addCleanup(served.kill)
                assert served.stdout is not None
                port = re.search(r":(\d+): ", served.stdout.readline())
                served.stdout.close()  # as `| head -1` does
                assert port is not None
                with socket.create_connection(("127.0.0.1", int(port[1])), timeout=20):
                    ended = served.wait(20), served.communicate()[1]
            assert ended == (1, ""), design

    def test_an_unknown_host_is_the_worlds_fault(self) -> None:
        """The line names the option; the exit code is 1."""
        code, text = said("serve", "threaded", "--host=no.such.host.invalid")
        assert code == 1
        assert text.startswith("Error: --host no.such.host.invalid: ")
        assert text.count("\n") == 1
