"""Processes: tied to their parent, and how many cores they have."""

import os
import sys
from unittest import TestCase, mock, skipUnless

from twistecho.base.processes import command, cores, ending


@skipUnless(sys.platform == "linux", "the kernel's part of this is Linux's")
class LifelineTests(TestCase):
    """The command line that ties a process to this one; its effect is tested with the commands."""

    def test_the_parent_is_named_on_the_command_line(self) -> None:
        """So that a parent that has gone before the child could ask is noticed."""
        assert command("twisted", "echo")[2:4] == ["-m", "twistecho.base.processes"]
        assert command("twisted", "echo")[5:] == ["twisted", "echo"]

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


class CoresTests(TestCase):
    """How many processes are worth starting."""

    @skipUnless(hasattr(os, "sched_getaffinity"), "the system cannot tell")
    def test_those_that_this_process_may_run_on(self) -> None:
        """Not all that the machine has."""
        with mock.patch("os.sched_getaffinity", return_value={1, 3, 7}):
            assert cores() == 3

    def test_all_of_them_where_the_system_cannot_tell(self) -> None:
        """And one where nobody knows even that."""
        for known, expected in ((12, 12), (None, 1)):
            with (
                mock.patch.object(os, "sched_getaffinity", None, create=True),
                mock.patch("os.cpu_count", return_value=known),
            ):
                assert cores() == expected
