"""Signs of life: what workers tell, and what is made of silence."""

import os
import tempfile
from pathlib import Path

from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import TestCase

from tests.support.listening import reactor
from twistecho.service.process.notify import Notifications
from twistecho.service.workers.lifesigns import LifeSigns


class HeardTests(TestCase):
    """By a clock of the test's own."""

    def signs(self, **environ: str) -> LifeSigns:
        """Make what hears a worker."""
        self.clock = Clock()
        self.ready: list[str] = []
        self.silent: list[str] = []
        return LifeSigns(self.clock, Path("/run"), environ, self.ready.append, self.silent.append)

    def test_ready(self) -> None:
        """Nothing else is taken for it, and without a watchdog nothing is expected."""
        signs = self.signs()
        signs.heard("1", b"STOPPING=1")
        signs.heard("0", b"READY=1")
        assert self.ready == ["0"]
        assert self.clock.getDelayedCalls() == []

    def test_a_watchdogs_time_of_silence_is_reported_once(self) -> None:
        """It begins with the first sign and again with each; one that has ended is not missed."""
        signs = self.signs(WATCHDOG_USEC="3000000")
        signs.heard("0", b"READY=1")
        signs.heard("1", b"READY=1")
        self.clock.advance(2)
        signs.heard("0", b"WATCHDOG=1")
        signs.forget("1")
        self.clock.advance(2)
        assert self.silent == []
        self.clock.advance(2)
        assert self.silent == ["0"]
        assert self.clock.getDelayedCalls() == []

    def test_a_worker_knows_its_own_manager_only(self) -> None:
        """What systemd told this process is not for it."""
        signs = self.signs(
            NOTIFY_SOCKET="/systemd",
            WATCHDOG_USEC="3000000",
            WATCHDOG_PID=str(os.getpid()),
            LISTEN_FDS="1",
            LISTEN_PID=str(os.getpid()),
            LANG="C",
        )
        assert signs.environment("1") == {
            "LANG": "C",
            "NOTIFY_SOCKET": "/run/1",
            "WATCHDOG_USEC": "3000000",
        }

    def test_another_process_is_watched(self) -> None:
        """Then no worker is."""
        signs = self.signs(WATCHDOG_USEC="3000000", WATCHDOG_PID="1")
        assert signs.environment("1") == {"NOTIFY_SOCKET": "/run/1"}


class SocketTests(TestCase):
    """A worker's notifications on a real socket."""

    async def test_heard(self) -> None:
        """And nothing is left listening."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        ready: list[str] = []
        signs = LifeSigns(reactor, Path(folder.name), {}, ready.append, ready.append)
        signs.listen("0")
        signs.listen("1")
        Notifications(Clock(), signs.environment("1")).ready()
        while not ready:
            await deferLater(reactor, 0.01)
        await signs.stop()
        assert ready == ["1"]
