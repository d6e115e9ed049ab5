"""A fleet where an asyncio loop runs already, as in a notebook."""

import asyncio
import subprocess
import sys
import unittest

import pytest
from twisted.internet.testing import MemoryReactorClock

from tests.support import DOCS
from twistecho import Fleet, Plan

NOTEBOOK = """
import asyncio
import twistecho
from twistecho import EchoFactory, EchoService, Fleet, Plan

async def cell():
    from twisted.internet import asyncioreactor
    asyncioreactor.install(asyncio.get_running_loop())
    from twisted.internet import reactor
    plan = Plan(clients=3)
    try:
        Fleet(reactor, "localhost:5000", plan).run()
    except RuntimeError as error:
        print(error)
    reactor.startRunning(installSignalHandlers=False)
    service = EchoService(reactor, EchoFactory(reactor), "tcp:0:interface=127.0.0.1")
    service.startService()
    target = f"localhost:{service.ports[0].getHost().port}"
    report = await Fleet(reactor, target, plan).run().asFuture(asyncio.get_running_loop())
    print(report.complete)
    report = await asyncio.to_thread(twistecho.run_threads, plan, target)
    print(report.complete)
    reactor.getThreadPool().stop()  # or its threads keep the program from ending

asyncio.run(cell())
"""

OTHER_REACTOR = """
import asyncio
from twisted.internet import reactor
from twistecho import Fleet, Plan

async def cell():
    Fleet(reactor, "localhost:5000", Plan()).run()

asyncio.run(cell())
"""


def run(program: str) -> "subprocess.CompletedProcess[str]":
    """Run a program; give what it said. It may not hang."""
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=DOCS.parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class AsyncioTests(unittest.TestCase):
    """A run that nobody would ever carry out is refused, and what to do is said."""

    def test_what_the_error_says_to_do_works(self) -> None:
        """Both ways, in the loop that runs."""
        done = run(NOTEBOOK)
        said = done.stdout.splitlines()
        assert (said[1:], done.returncode) == (["True", "True"], 0), done.stderr
        assert said[0].startswith("an asyncio loop runs here (as in Jupyter)")
        for line in (
            "asyncioreactor.install(asyncio.get_running_loop())",
            "reactor.startRunning(installSignalHandlers=False)",
            "run().asFuture(asyncio.get_running_loop())",
            "await asyncio.to_thread(twistecho.run_threads, plan, target)",
        ):
            assert line in NOTEBOOK.replace("Fleet(reactor, target, plan).", "")
            assert line in said[0].replace("Fleet(reactor, target, plan).", "")

    def test_another_reactor_is_refused_at_once(self) -> None:
        """One that has not begun, and cannot begin while the loop runs."""
        done = run(OTHER_REACTOR)
        assert done.returncode == 1
        assert "RuntimeError: an asyncio loop runs here" in done.stderr.splitlines()[-1]

    def test_a_reactor_in_memory_needs_nobody_to_run_it(self) -> None:
        """The test does."""

        async def cell() -> None:
            Fleet(MemoryReactorClock(), "localhost:5000", Plan()).run()

        asyncio.run(cell())

    def test_without_a_loop_the_reactor_may_begin_later(self) -> None:
        """As it does in every program."""
        with pytest.raises(RuntimeError, match="no running event loop"):
            asyncio.get_running_loop()
        done = run(OTHER_REACTOR.replace("asyncio.run(cell())", "cell().send(None)"))
        assert "StopIteration" in done.stderr
