"""Processes: tied to their parent, and how many cores they have."""

import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from unittest import TestCase, mock, skipUnless

from twistecho.base.processes import _end_after, command, cores, ending

WAITS = """
import signal
while True:
    print("there", flush=True)
    if not input():
        signal.pause()
"""

PARENT = """
import os, subprocess, sys, threading
from twistecho.base.processes import command

def start():
    global child
    pipe = subprocess.PIPE
    child = subprocess.Popen(command("waits"), stdin=pipe, stdout=pipe, stderr=1)
    child.stdout.readline()

starter = threading.Thread(target=start)
starter.run() if sys.argv[1] == "main" else starter.start()
if sys.argv[1] != "main":
    starter.join()
child.stdin.write(b"again\\n\\n")
child.stdin.flush()
print(child.stdout.readline().decode().strip(), flush=True)
if os.fork():
    sys.stdin.readline()  # until killed
os.closerange(0, 3)  # what is left keeps the pipes of the child, not those of the test
threading.Event().wait(60)
"""


class LifelineTests(TestCase):
    """The command line that ties a process to this one."""

    def test_a_child_ends_with_its_parent_not_with_the_thread_that_started_it(self) -> None:
        """The parent is killed, and a fork of it keeps all its files open."""
        for how in ("main", "thread"):
            with self.subTest(how), tempfile.TemporaryDirectory() as folder:
                Path(folder, "waits.py").write_text(WAITS, encoding="utf-8")
                with subprocess.Popen(
                    [sys.executable, "-c", PARENT, how],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    env={**os.environ, "PYTHONPATH": folder},
                ) as parent:
                    assert parent.stdout is not None
                    assert parent.stdout.readline() == b"there\n"
                    parent.kill()
                    # The end of the file: nobody is left who could write.
                    assert parent.communicate(timeout=20)[0] == b""

    def test_where_the_system_does_not_tell_of_the_end_it_is_asked(self) -> None:
        """As on macOS: it is checked until another process is the parent."""
        with (
            mock.patch("os.pidfd_open", side_effect=PermissionError, create=True),
            mock.patch("os.getppid", side_effect=[7, 7, 1]),
            mock.patch("time.sleep") as slept,
            mock.patch("os._exit") as ended,
        ):
            _end_after(7)
        assert slept.call_count == 2
        ended.assert_called_once_with(1)

    def test_the_parent_is_named_on_the_command_line(self) -> None:
        """So a parent that ended before the child's first check is noticed."""
        assert command("twisted", "echo")[2:4] == ["-m", "twistecho.base.processes"]
        assert command("twisted", "echo")[4:] == [
            str(os.getpid()),
            str(threading.get_native_id()),
            "twisted",
            "echo",
        ]

    def test_the_current_directory_is_not_imported_from(self) -> None:
        """A ``json.py`` that lies there would run with our rights."""
        assert command("twisted")[1] == "-P"


class EndingTests(TestCase):
    """How a process ended, in words."""

    def test_a_code_is_an_exit_code_or_a_signal(self) -> None:
        """As `subprocess` has it."""
        assert [ending(code) for code in (0, 3, -9)] == [
            "exit code 0",
            "exit code 3",
            "killed by SIGKILL",
        ]

    def test_a_signal_without_a_name_has_its_number(self) -> None:
        """Any program may be killed by one; the comparison of servers reports it."""
        assert ending(-99) == "killed by signal 99"


class CoresTests(TestCase):
    """How many processes are worth starting."""

    @skipUnless(hasattr(os, "sched_getaffinity"), "the system cannot tell")
    def test_those_that_this_process_may_run_on(self) -> None:
        """Not all that the machine has."""
        with mock.patch("os.sched_getaffinity", return_value={1, 3, 7}):
            assert cores() == 3

    def test_all_of_them_where_the_system_cannot_tell(self) -> None:
        """And one if even that is unknown."""
        for known, expected in ((12, 12), (None, 1)):
            with (
                mock.patch.object(os, "sched_getaffinity", None, create=True),
                mock.patch("os.cpu_count", return_value=known),
            ):
                assert cores() == expected
