"""What a worker is told: all options, as values, through a pipe."""

import io
import unittest
from pathlib import Path
from tempfile import TemporaryDirectory

from twistecho.service.echo.limits import Limits, shares_of
from twistecho.service.process.options import Options
from twistecho.service.scenario.scenario import Scenario
from twistecho.service.workers.assignment import Assignment, read_assignment


class AssignmentTests(unittest.TestCase):
    """From the command line of the one process to the other."""

    def pass_on(self, *arguments: str) -> Assignment:
        """Parse a command line, and read what a worker is told."""
        options = Options()
        options.parseOptions(list(arguments))
        told = Assignment(
            options=dict(options),
            endpoints=tuple(options["endpoints"].values()),
            shares=tuple(shares_of(options["limits"], 2)),
            reactor="default",
            log_level="info",
            number=1,
        )
        read = read_assignment(io.BytesIO(told.to_bytes()))
        assert read == told
        return read

    def test_every_kind_of_delay_arrives(self) -> None:
        """Also one from a file, which may be another when the worker is started again."""
        with TemporaryDirectory() as folder:
            trace = Path(folder, "trace")
            trace.write_text("0.1\n0.2\n")
            for text in (
                "2",
                "uniform:1,3",
                "exponential:0.2",
                "lognormal:median=0.05,sigma=0.8",
                "choice:0.01@0.9,1@0.1",
                f"trace:{trace}",
            ):
                with self.subTest(text=text):
                    read = self.pass_on("--delay", text, "--seed", "7")
                    options = Options()
                    options.parseOptions(["--delay", text, "--seed", "7"])
                    for message in range(20):
                        delays = [
                            each["scenario"].delay.seconds(3, message)
                            for each in (read.options, options)
                        ]
                        assert delays[0] == delays[1]

    def test_a_seed_that_was_drawn_arrives(self) -> None:
        """It is not drawn anew."""
        read = self.pass_on("--fault", "reset:0.1", "--fault", "extra:0.2,bytes=3")
        others = self.pass_on("--fault", "reset:0.1", "--fault", "extra:0.2,bytes=3")
        assert _seed(read) != _seed(others)

    def test_a_worker_has_its_own_share(self) -> None:
        """By its number."""
        read = self.pass_on("--max-connections", "11", "--proxy-from", "127.0.0.1", "-p", "unix:x")
        assert read.limits == Limits(
            connections=5, total_waiting_bytes=Limits().total_waiting_bytes // 2
        )


def _seed(told: Assignment) -> int:
    scenario: Scenario = told.options["scenario"]
    return scenario.faults.seed
