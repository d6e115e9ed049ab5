"""The supervisor: workers started, heard, logged, started again with back-off, ended in time.

No process is started here: a stand-in for the reactor keeps what was asked for.
"""

import os
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.interfaces import IReactorProcess
from twisted.internet.task import Clock
from twisted.logger import LogEvent, LogLevel, eventAsJSON, formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from twistecho.service.workers.assignment import ANSWERS, ASKED, BOARD, FIRST_SOCKET, LIFE, ORDERS
from twistecho.service.workers.supervisor import (
    AT_ONCE,
    KILL_MARGIN,
    SILENCE,
    STARTING,
    TICKS,
    Heartbeats,
    Supervisor,
    WorkerProcess,
)


class FakeProcess:
    """One process that was asked for; the test ends it."""

    def __init__(self, protocol: WorkerProcess, pid: int) -> None:
        self.pid: int | None = pid
        self.signals: list[str] = []
        self.told = b""
        self.ordered = b""
        self.protocol = protocol
        self.gone = False
        protocol.makeConnection(self)

    def write(self, data: bytes) -> None:
        """Take what is written to standard input."""
        self.told += data

    def ask(self) -> None:
        """Ask what to do."""
        self.protocol.childDataReceived(LIFE, ASKED)

    def writeToChild(self, descriptor: int, data: bytes) -> None:
        """Take what is written to another descriptor."""
        if self.gone:
            raise KeyError(descriptor)
        self.ordered += data

    def signalProcess(self, name: str) -> None:
        """Note a signal."""
        if self.gone:
            raise ProcessExitedAlready
        self.signals.append(name)

    def end(self, reason: Exception) -> None:
        """End it."""
        self.pid, self.gone = None, True
        self.protocol.processEnded(Failure(reason))


@implementer(IReactorProcess)
class FakeReactor(Clock):
    """A clock that starts `FakeProcess`es."""

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[FakeProcess] = []
        self.asked: list[tuple[Any, ...]] = []
        self.failing = False

    def spawnProcess(self, protocol: Any, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]  # keeps what it is given
        """Start one."""
        if self.failing:
            raise OSError(11, "Resource temporarily unavailable")
        self.asked.append((args, kwargs))
        self.processes.append(FakeProcess(protocol, 100 + len(self.processes)))


class SupervisorTests(SynchronousTestCase):
    """Two workers, 0 and 1."""

    def setUp(self) -> None:
        """Start them, and listen to the log."""
        self.reactor = FakeReactor()
        self.assignments = {"0": b"zero", "1": b"one"}
        self.gone: list[str] = []
        self.heard: list[tuple[str, bytes]] = []
        self.events: list[LogEvent] = []
        observer: Any = self.events.append
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.supervisor = Supervisor(
            self.reactor,
            drain=10.0,
            names=("0", "1"),
            assignment=lambda name: self.assignments[name],
            descriptors={BOARD: 7, FIRST_SOCKET: 9},
            environ=lambda name: {"WORKER": name},
            heard=lambda *told: self.heard.append(told),
            gone=self.gone.append,
        )
        self.supervisor.startService()

    def log(self) -> list[str]:
        """Give what was logged."""
        return [str(formatEvent(event)) for event in self.events]

    def kill(self, at: int = -1) -> None:
        """Kill a process."""
        self.reactor.processes[at].end(ProcessTerminated(signal=9))

    def test_each_is_told_what_to_do(self) -> None:
        """When it asks, by its standard input; its descriptors, its environment, its command."""
        assert [process.told for process in self.reactor.processes] == [b"", b""]
        for process in self.reactor.processes:
            process.ask()
        assert [process.told for process in self.reactor.processes] == [b"zero", b"one"]
        (_, args), kwargs = self.reactor.asked[1]
        assert args[-2:] == ["twistecho.service.workers.worker", "1 of 2"]
        assert kwargs["env"] == {"WORKER": "1"}
        assert kwargs["childFDs"] == {0: "w", 1: "r", 2: "r", 3: 7, 4: "r", FIRST_SOCKET: 9}

    def test_it_is_told_what_is_true_when_it_asks(self) -> None:
        """Not what was when it was started."""
        self.assignments["0"] = b"another"
        self.reactor.processes[0].ask()
        assert self.reactor.processes[0].told == b"another"
        assert self.heard == []

    def test_signs_of_life_are_no_output(self) -> None:
        """They come by a pipe of their own."""
        self.reactor.processes[1].protocol.childDataReceived(LIFE, b"READY=1\n")
        self.reactor.processes[1].protocol.childDataReceived(1, b"said\n")
        assert self.heard == [("1", b"READY=1\n")]
        assert self.log() == ["[1] said"]

    def test_one_that_worked_is_replaced_at_once(self) -> None:
        """And the log says what happened."""
        self.reactor.advance(60)
        self.kill(0)
        self.reactor.advance(0)
        self.reactor.processes[2].ask()
        assert self.reactor.processes[2].told == b"zero"
        assert self.gone == ["0"]
        assert self.supervisor.restarts == 1
        expected = "Worker 0, process 100, has ended (killed by SIGKILL); restarting it in 0 s"
        assert expected in self.log()

    def test_one_that_dies_again_and_again_is_started_less_and_less(self) -> None:
        """Up to half a minute; the other one is left alone."""
        waits = []
        for _ in range(12):
            self.kill()
            began, count = self.reactor.seconds(), len(self.reactor.processes)
            while len(self.reactor.processes) == count:
                self.reactor.advance(0.1)
            waits.append(self.reactor.seconds() - began)
            self.reactor.advance(9)
        for shorter, longer in pairwise(waits):
            assert longer >= shorter - 0.2
        assert waits[0] < 0.3
        assert 29 < waits[-1] < 31
        assert self.reactor.processes[0].signals == []

    def test_one_that_cannot_be_started_is_tried_again(self) -> None:
        """When the system has processes again."""
        self.reactor.failing = True
        self.reactor.advance(60)
        self.kill(0)
        self.reactor.advance(0)
        self.reactor.failing = False
        self.reactor.advance(1)
        assert len(self.reactor.processes) == 3
        assert "Worker 0 cannot be started" in self.log()
        assert len(self.flushLoggedErrors(OSError)) == 1

    def test_stopping_waits_for_all(self) -> None:
        """Each is told; it is over when the last has ended; none is started again."""
        over: list[Any] = []
        self.supervisor.stopService().addBoth(over.append)
        assert [process.signals for process in self.reactor.processes] == [["TERM"], ["TERM"]]
        self.reactor.processes[0].end(ProcessDone(0))
        assert over == []
        self.reactor.processes[1].end(ProcessDone(0))
        assert over == [None]
        assert self.reactor.getDelayedCalls() == []
        assert len(self.reactor.processes) == 2

    def test_one_that_does_not_end_is_killed(self) -> None:
        """A little after the time to drain."""
        self.supervisor.stopService()
        self.reactor.advance(10.0 + KILL_MARGIN - 0.1)
        assert self.reactor.processes[0].signals == ["TERM"]
        self.reactor.advance(0.2)
        assert self.reactor.processes[0].signals == ["TERM", "KILL"]
        self.kill(0)
        self.kill(1)
        assert self.reactor.getDelayedCalls() == []

    def test_at_once(self) -> None:
        """They are asked, and killed where that does not help."""
        over: list[Any] = []
        self.supervisor.stopService().addBoth(over.append)
        self.supervisor.abort()
        assert self.reactor.processes[0].signals == ["TERM", "INT"]
        self.reactor.processes[0].end(ProcessDone(0))
        self.reactor.advance(AT_ONCE)
        assert self.reactor.processes[1].signals == ["TERM", "INT", "KILL"]
        self.kill(1)
        assert over == [None]
        assert self.reactor.getDelayedCalls() == []

    def test_stopping_while_one_waits_to_be_started(self) -> None:
        """It is not started any more."""
        self.kill(0)
        over: list[Any] = []
        self.supervisor.stopService().addBoth(over.append)
        self.reactor.processes[1].end(ProcessDone(0))
        self.reactor.advance(60)
        assert over == [None]
        assert len(self.reactor.processes) == 2

    def test_what_a_worker_logs_is_logged(self) -> None:
        """As the event that it was, however it is cut; what is none as it is."""
        event: LogEvent = {
            "log_format": "{a} and {b!r}",
            "log_level": LogLevel.info,
            "log_time": 1.0,
            "a": 1,
            "b": "\x1b",
        }
        failure = '{"__class_uuid__": "E76887E2-20ED-49BF-A8F8-BA25CC586F2D"}'
        level = '{"log_level": "loud"}'
        text = f"\x1e{eventAsJSON(event)}\nno event\n\n7\n{failure}\n{level}\n".encode()
        worker = self.reactor.processes[0].protocol
        for at in range(len(text)):
            worker.outReceived(text[at : at + 1])
        worker.errReceived(b"twist echo: --port: cannot listen\n")
        logged = self.log()
        assert "1 and '\\x1b'" in logged
        assert "[0] no event" in logged
        assert "[0] 7" in logged
        assert {f"[0] {failure}", f"[0] {level}"} <= set(logged)
        assert "[0] twist echo: --port: cannot listen" in logged
        (mine,) = (event for event in self.events if event.get("a") == 1)
        assert mine["log_system"] == "worker 0"

    def test_a_line_without_end_is_dropped(self) -> None:
        """And the next is read."""
        worker = self.reactor.processes[0].protocol
        worker.outReceived(b"x" * (2**20 + 1))
        worker.outReceived(b"y\nthis\n")
        assert self.log() == ["[0] y", "[0] this"]


class OrdersTests(SynchronousTestCase):
    """A worker that is given orders."""

    def setUp(self) -> None:
        """Start one."""
        self.opened: dict[str, Callable[[bytes], None]] = {}
        self.answers: list[tuple[str, bytes]] = []
        self.reactor = FakeReactor()
        Supervisor(
            self.reactor,
            drain=10.0,
            names=("0",),
            assignment=lambda _name: b"zero",
            descriptors={},
            environ=lambda _name: {},
            heard=lambda *_told: None,
            gone=lambda _name: None,
            orders=self,
        ).startService()
        (self.process,) = self.reactor.processes

    def open(self, name: str, send: Callable[[bytes], None]) -> None:
        """Begin with it."""
        assert self.process.told == b"zero"
        self.opened[name] = send

    def heard(self, name: str, data: bytes) -> None:
        """Take what it answers."""
        self.answers.append((name, data))

    def test_orders_and_answers_have_pipes_of_their_own(self) -> None:
        """From when it has been told what to do."""
        _, kwargs = self.reactor.asked[0]
        assert kwargs["childFDs"][ORDERS] == "w"
        assert kwargs["childFDs"][ANSWERS] == "r"
        assert self.opened == {}
        self.process.ask()
        self.opened["0"](b"do")
        assert self.process.ordered == b"do"
        self.process.protocol.childDataReceived(ANSWERS, b"done")
        assert self.answers == [("0", b"done")]

    def test_one_that_has_just_ended_is_told_nothing(self) -> None:
        """Its pipe has gone already."""
        self.process.ask()
        self.process.gone = True
        self.opened["0"](b"do")
        assert self.process.ordered == b""


class HeartbeatsTests(SynchronousTestCase):
    """What workers tell, and what is made of silence, by a clock of the test's own."""

    def heartbeats(self, **environ: str) -> Heartbeats:
        """Make what hears two workers, which are ready."""
        self.clock = Clock()
        self.ready: list[str] = []
        self.silent: list[str] = []
        heartbeats = Heartbeats(self.clock, environ, self.ready.append, self.silent.append)
        heartbeats.start()
        self.addCleanup(heartbeats.stop)
        heartbeats.heard("1", b"READY=1\nWATCHDOG=1\n")
        heartbeats.heard("0", b"READY=1\n")
        return heartbeats

    def wait(self, seconds: float) -> None:
        """Let time pass, during which this process runs."""
        self.clock.pump([0.25] * round(4 * seconds))

    def test_ready(self) -> None:
        """Nothing else is taken for it; one that has told nothing yet is not missed."""
        heartbeats = self.heartbeats()
        heartbeats.heard("2", b"STOPPING=1\n")
        assert self.ready == ["1", "0"]

    def test_silence_is_reported_once(self) -> None:
        """It begins anew with each sign; one that has ended is not missed; a watchdog's time."""
        heartbeats = self.heartbeats(WATCHDOG_USEC="4000000")
        self.wait(2)
        heartbeats.heard("0", b"WATCHDOG=1\n")
        heartbeats.forget("1")
        self.wait(4)
        assert self.silent == []
        self.wait(1)
        assert self.silent == ["0"]
        self.wait(60)
        assert self.silent == ["0"]

    def test_one_that_never_tells_anything_is_silent_too(self) -> None:
        """It has longer to start in, whatever the watchdog's time; then the usual time."""
        heartbeats = self.heartbeats(WATCHDOG_USEC="4000000")
        for name in "01":
            heartbeats.forget(name)
        heartbeats.expect("2")
        heartbeats.expect("3")
        self.wait(STARTING - 1)
        self.clock.advance(3)
        assert self.silent == []
        heartbeats.heard("3", b"READY=1\n")
        self.wait(3)
        assert self.silent == []
        self.wait(3)
        assert self.silent == ["2", "3"]

    def test_without_a_watchdog(self) -> None:
        """Some seconds."""
        self.heartbeats()
        self.wait(SILENCE)
        assert self.silent == []
        self.wait(SILENCE / TICKS)
        assert self.silent == ["1", "0"]

    def test_a_time_that_this_process_slept_is_nobodys_silence(self) -> None:
        """However much of it was used up before, or after: all have the whole time again."""
        for before in (0, 1, 2, 3, 4):
            for slept in (2.5, 4, 60):
                with self.subTest(before=before, slept=slept):
                    self.heartbeats(WATCHDOG_USEC="4000000")
                    self.wait(before)
                    self.clock.advance(slept)
                    self.wait(3)
                    assert self.silent == []
                    self.wait(2)
                    assert self.silent == ["1", "0"]

    def test_one_tick_before_what_waits_is_read_harms_nobody(self) -> None:
        """A worker tells something twice in the time; a shorter sleep is not noticed."""
        heartbeats = self.heartbeats(WATCHDOG_USEC="4000000")
        self.wait(2.75)
        self.clock.advance(0.9)
        self.clock.advance(0.5)
        heartbeats.heard("0", b"WATCHDOG=1\n")
        heartbeats.heard("1", b"WATCHDOG=1\n")
        self.wait(4)
        assert self.silent == []

    def test_a_worker_is_told_its_own_time_only(self) -> None:
        """What systemd told this process is not for it."""
        heartbeats = self.heartbeats(
            NOTIFY_SOCKET="/systemd",
            WATCHDOG_USEC="3000000",
            WATCHDOG_PID=str(os.getpid()),
            LISTEN_FDS="1",
            LISTEN_PID=str(os.getpid()),
            LANG="C",
        )
        assert heartbeats.expect("0") == {"LANG": "C", "WATCHDOG_USEC": "3000000"}

    def test_another_process_is_watched(self) -> None:
        """Then its time is not the workers'."""
        heartbeats = self.heartbeats(WATCHDOG_USEC="3000000", WATCHDOG_PID="1")
        assert heartbeats.expect("0") == {"WATCHDOG_USEC": str(round(SILENCE * 1e6))}
