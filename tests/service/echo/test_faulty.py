"""A service that goes wrong on purpose: every fault, both engines, before, in and after a reply."""

import errno
import os
import socket
from collections import Counter
from typing import Any

from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import serverFromString
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.engines.test_fleets import run_reactor, run_threads
from tests.support.peers import connect, read_exactly, read_to_end
from twistecho import EchoFactory, Limits, Outcome, Plan, ReplyFormat, Report
from twistecho.service.scenario.fault import Kind
from twistecho.service.scenario.parsing import parse_faults

reactor: Any = global_reactor

MESSAGES = (b"one", b"two", b"three")
PATIENT = Plan(clients=3, messages=MESSAGES, timeout=20, reply=ReplyFormat.RAW, ordered=True)
IMPATIENT = Plan(clients=3, messages=MESSAGES, timeout=2.5, reply=ReplyFormat.RAW, ordered=True)

# The fault; what each client's conversation comes to; how many of its messages are answered right.
# With after=1 the first reply is right and the second one is met, which every=9 makes the last.
MATRIX: dict[str, tuple[Plan, str, int]] = {
    "refuse": (PATIENT, "receive:reset", 0),
    "reset": (PATIENT, "receive:reset", 0),
    "reset,at=middle": (PATIENT, "receive:reset", 0),
    "reset,at=after": (PATIENT, "receive:reset", 1),
    "reset,after=1": (PATIENT, "receive:reset", 1),
    "reset,at=middle,after=1": (PATIENT, "receive:reset", 1),
    "reset,at=after,after=1": (PATIENT, "receive:reset", 2),
    "reset,at=after,after=2": (PATIENT, "close:reset", 3),
    "close": (PATIENT, "receive:closed", 0),
    "close,at=middle": (PATIENT, "receive:closed", 0),
    "close,at=after": (PATIENT, "receive:closed", 1),
    "close,after=1": (PATIENT, "receive:closed", 1),
    "close,at=middle,after=1": (PATIENT, "receive:closed", 1),
    "close,at=after,after=1": (PATIENT, "receive:closed", 2),
    "close,at=after,after=2": (PATIENT, "answered", 3),
    "silent": (IMPATIENT, "receive:timeout", 0),
    "silent,after=1": (IMPATIENT, "receive:timeout", 1),
    "truncate": (IMPATIENT, "receive:timeout", 0),
    "truncate,bytes=1,after=1": (IMPATIENT, "receive:timeout", 1),
    "corrupt": (PATIENT, "receive:mismatch", 0),
    "corrupt,after=1": (PATIENT, "receive:mismatch", 1),
    "extra": (PATIENT, "receive:extra", 1),
    "extra,bytes=3,after=1": (PATIENT, "receive:extra", 2),
    "extra,after=2": (PATIENT, "receive:extra", 3),
    "drip,bytes=1,pause=1ms": (PATIENT, "answered", 3),
    "drip,bytes=1,pause=30,after=1": (IMPATIENT, "receive:timeout", 1),
    "stall,for=50ms": (PATIENT, "answered", 3),
    "stall,for=30,after=1": (IMPATIENT, "receive:timeout", 2),
    "late,times=2": (PATIENT, "answered", 3),
    "late,times=30000,after=1": (IMPATIENT, "receive:timeout", 1),
}


class FaultyCase(TestCase):
    """Serves factories that go wrong."""

    timeout = 120

    async def serve(self, *faults: str, seed: int = 0, **options: Any) -> tuple[EchoFactory, str]:
        """Serve on a free port; give the factory and the target."""
        options = {"reply": "raw", **options}
        factory = EchoFactory(reactor, faults=parse_faults(faults, seed=seed), **options)
        endpoint = serverFromString(reactor, "tcp:0:interface=127.0.0.1")
        port = await endpoint.listen(factory)

        async def stop() -> None:
            await port.stopListening()
            gone = factory.drain()
            factory.abort()
            await gone

        self.addCleanup(lambda: Deferred.fromCoroutine(stop()))
        return factory, f"127.0.0.1:{port.getHost().port}"

    async def each(self, plan: Plan, *faults: str, **options: Any) -> list[Report]:
        """Run both engines, each against a fresh service."""
        reports = []
        for run in (run_reactor, run_threads):
            _, target = await self.serve(*faults, **options)
            reports.append(await run(plan, target))
        return reports

    async def both(self, plan: Plan, *faults: str, **options: Any) -> list[Report]:
        """Run both engines, each against a fresh service; they must agree."""
        reports = await self.each(plan, *faults, **options)
        assert reports[0].disagreements(reports[1]) == [], faults
        return reports

    async def talk(self, target: str, *messages: bytes) -> tuple[bytes, str]:
        """Send messages with a plain socket; give what came back, and FIN or the error's name."""

        def run() -> tuple[bytes, str]:
            came = b""
            try:  # a reset can come before connect has returned
                with connect(int(target.rpartition(":")[2])) as connection:
                    for message in messages:
                        connection.sendall(message)
                    while data := connection.recv(65536):
                        came += data
            except OSError as error:
                return came, type(error).__name__
            return came, "FIN"

        found: tuple[bytes, str] = await deferToThread(run)
        return found


class MatrixTests(FaultyCase):
    """Faults, engines, moments."""

    async def test_both_engines_name_every_fault_alike(self) -> None:
        """The cause that the documentation says, for every client, at every moment."""
        for fault, (plan, _, _) in MATRIX.items():
            if plan is PATIENT:
                await self.check(fault)
        # Those who wait for a timeout wait together: it is long, for a busy machine.
        waiting = [fault for fault, (plan, _, _) in MATRIX.items() if plan is IMPATIENT]
        await gatherResults([Deferred.fromCoroutine(self.check(fault)) for fault in waiting])

    async def check(self, fault: str) -> None:
        """Hold what both engines say of a fault against the matrix."""
        plan, cause, messages = MATRIX[fault]
        delay = 0.001 if fault.startswith("late") else 0
        for report in await self.both(plan, fault, delay=delay):
            found = {str(outcome) for outcome in report.outcomes}
            assert found == {cause}, (fault, report.engine, found)
            assert report.messages == 3 * messages, (fault, report.engine)

    async def test_both_engines_know_the_errno(self) -> None:
        """ECONNRESET is 104 on Linux; whatever it is, both tell it."""
        for report in await self.both(PATIENT, "reset,at=middle"):
            numbers = {o.cause.errno for o in report.outcomes if o.cause}
            assert numbers == {errno.ECONNRESET}, report.engine

    async def test_every_format_is_met_alike(self) -> None:
        """Stamped and prefixed replies go wrong as raw ones do."""
        for reply in ReplyFormat:
            plan = Plan(clients=3, messages=MESSAGES, reply=reply, timeout=20, ordered=True)
            for fault, cause in {
                "corrupt": "receive:mismatch",
                "reset,at=middle": "receive:reset",
                "close,at=middle": "receive:closed",
            }.items():
                for report in await self.both(plan, fault, reply=reply):
                    assert report.failures == {cause: 3}, (reply, fault)

    async def test_a_message_that_is_never_taken_whole_is_of_the_phase_send(self) -> None:
        """Larger than all buffers: reset, closed and stalled while it is being sent.

        How much of it comes back before a stall depends on what the service's first read brought.
        """
        for fault, cause, timeout in (
            ("reset", "send:reset", 20.0),
            ("close", "send:broken-pipe", 20.0),
            ("stall,for=30", "send:timeout", 2.0),
        ):
            plan = Plan(1, (b"x" * 16_000_000,), timeout=timeout, reply=ReplyFormat.RAW)
            for report in await self.each(plan, fault):
                assert report.failures == {cause: 1}, (fault, report.engine)


class WireTests(FaultyCase):
    """What a plain socket sees."""

    async def test_resets_are_resets(self) -> None:
        """RST, after exactly the bytes that were to come before it."""
        for moment, came in {"before": b"", "middle": b"he", "after": b"hello"}.items():
            _, target = await self.serve(f"reset,at={moment}")
            assert await self.talk(target, b"hello") == (came, "ConnectionResetError")

    async def test_replies_before_a_reset_come_first(self) -> None:
        """What was owed before reaches the peer, whole and in order."""
        _, target = await self.serve("reset,after=3")
        assert await self.talk(target, b"x" * 5000) == (b"x" * 3072, "ConnectionResetError")

    async def test_a_refused_connection_is_reset(self) -> None:
        """It is accepted first, so connecting works."""
        factory, target = await self.serve("refuse")
        assert await self.talk(target) == (b"", "ConnectionResetError")
        assert factory.faults_met == {"refuse": 1}

    async def test_the_bytes_of_each_kind(self) -> None:
        """Then FIN, once the peer has said it."""
        for fault, expected in {
            "silent": b"",
            "truncate": b"he",
            "truncate,bytes=9": b"",
            "extra,bytes=2": b"hello!!",
            "drip,bytes=2,pause=1ms": b"hello",
            "stall,for=1ms": b"hello",
        }.items():
            _, target = await self.serve(fault)

            def finish(target: str = target) -> bytes:
                with connect(int(target.rpartition(":")[2])) as connection:
                    connection.sendall(b"hello")
                    connection.shutdown(socket.SHUT_WR)
                    return read_to_end(connection)

            assert await deferToThread(finish) == expected, fault

    async def test_corrupt_flips_one_byte(self) -> None:
        """Exactly one, and by its highest bit."""
        _, target = await self.serve("corrupt")

        def run() -> bytes:
            with connect(int(target.rpartition(":")[2])) as connection:
                connection.sendall(b"hello")
                return read_exactly(connection, 5)

        came = await deferToThread(run)
        assert sorted(a ^ b for a, b in zip(came, b"hello", strict=True)) == [0, 0, 0, 0, 0x80]

    async def test_a_fault_touches_only_its_own_connection(self) -> None:
        """The others are answered, and the fault is counted once."""
        for report_of in (run_reactor, run_threads):
            factory, target = await self.serve("reset,connection=1")
            report = await report_of(PATIENT, target)
            assert [str(o) for o in report.outcomes] == ["answered", "receive:reset", "answered"]
            assert factory.faults_met == {"reset": 1}

    async def test_a_drain_gives_a_drip_its_time(self) -> None:
        """What drips when the service stops is delivered whole."""
        factory, target = await self.serve("drip,bytes=1,pause=20ms")

        def run() -> bytes:
            with connect(int(target.rpartition(":")[2])) as connection:
                connection.sendall(b"hello")
                first = read_exactly(connection, 1)
                reactor.callFromThread(factory.drain)
                return first + read_to_end(connection)

        assert await deferToThread(run) == b"hello"
        assert factory.scenario.longest > 20

    async def test_bounds_hold_while_a_reply_drips(self) -> None:
        """A peer that sends on is held back: its bytes wait in the system."""
        factory, target = await self.serve(
            "drip,bytes=1,pause=30", limits=Limits(waiting_bytes=20_000)
        )

        def flood() -> int:
            written = 0
            with connect(int(target.rpartition(":")[2])) as connection:
                connection.settimeout(0.3)
                try:
                    while written < 64 * 2**20:
                        written += connection.send(b"x" * 65536)
                except TimeoutError:
                    (served,) = factory.connections
                    assert served.waiting_bytes <= 20_000 + 3 * 65536
                    return written
            return written

        assert await deferToThread(flood) < 30 * 2**20

    async def test_own_answers_go_wrong_too(self) -> None:
        """A factory with a callable for its replies meets the same faults."""
        for fault, came in {
            "truncate": b"HE",
            "extra": b"HELLO!",
            "drip,pause=1ms": b"HELLO",
        }.items():
            _, target = await self.serve(fault, answer=bytes.upper)

            def run(target: str = target) -> bytes:
                with connect(int(target.rpartition(":")[2])) as connection:
                    connection.sendall(b"hello")
                    connection.shutdown(socket.SHUT_WR)
                    return read_to_end(connection)

            assert await deferToThread(run) == came, fault

    async def test_a_stall_ends_even_while_no_answer_comes(self) -> None:
        """The second message is read after the stall, the first one still unanswered."""
        asked: list[bytes] = []

        def never(message: bytes) -> "Deferred[bytes]":
            asked.append(message)
            return Deferred()

        factory, target = await self.serve("stall:1,for=20ms", answer=never)
        connection = await deferToThread(connect, int(target.rpartition(":")[2]))
        with connection:
            while len(asked) < 2:
                await deferToThread(connection.sendall, b"x")
        assert factory.faults_met["stall"] >= 2


class InBandTests(FaultyCase):
    """Messages that choose their own fate."""

    async def conversation(self, target: str, *pairs: tuple[bytes, bytes]) -> str:
        """Send each message and read its reply; give how it ended after that."""

        def run() -> str:
            with connect(int(target.rpartition(":")[2])) as connection:
                for message, reply in pairs:
                    connection.sendall(message)
                    assert read_exactly(connection, len(reply)) == reply
                try:
                    return "FIN" if not connection.recv(1) else "more"
                except OSError as error:
                    return type(error).__name__

        ended: str = await deferToThread(run)
        return ended

    async def test_a_message_is_steered_and_echoed_whole(self) -> None:
        """A delay, no fault, a reset; what does not parse is an ordinary message and counted."""
        factory, target = await self.serve(in_band=True)
        ended = await self.conversation(
            target,
            (b"hello", b"hello"),
            (b"!delay 10ms x", b"!delay 10ms x"),
            (b"!nonsense", b"!nonsense"),
            (b"!reset,at=middle", b"!reset,a"),
        )
        assert ended == "ConnectionResetError"
        assert factory.control_words == {"obeyed": 2, "not-understood": 1}
        assert factory.faults_met == {"reset": 1}

    async def test_a_script_overrides_the_services_faults(self) -> None:
        """``!none`` exempts a message, ``!close`` chooses another end."""
        _, target = await self.serve("reset", in_band=True)
        pairs = (b"!none x", b"!none x"), (b"!close,at=after", b"!close,at=after")
        assert await self.conversation(target, *pairs) == "FIN"

    async def test_it_is_off_by_default(self) -> None:
        """The words are bytes like any others."""
        factory, target = await self.serve("close,after=1")
        assert await self.conversation(target, (b"!reset", b"!reset"), (b"!", b"")) == "FIN"
        assert factory.control_words == Counter()

    async def test_own_answers_can_be_steered(self) -> None:
        """With a callable for the replies too."""
        _, target = await self.serve(in_band=True, answer=bytes.upper)
        pairs = (b"!none x", b"!NONE X"), (b"!close,at=after", b"!CLOSE,AT=AFTER")
        assert await self.conversation(target, *pairs) == "FIN"


SEED = 20260101
THREE = ("reset:0.01", "corrupt:0.01", "close:0.01,at=middle")
CROWD = Plan(
    clients=1200 if "TWISTECHO_SOAK" in os.environ else 300,
    messages=(b"0123456789",),
    repeat=10,
    timeout=60,
    reply=ReplyFormat.RAW,
    ordered=True,
)


def fates() -> dict[int, tuple[str, int]]:
    """Work out from the seed alone how each client ends and how many replies it gets right."""
    faults = parse_faults(THREE, seed=SEED)
    causes = {
        Kind.RESET: "receive:reset",
        Kind.CORRUPT: "receive:mismatch",
        Kind.CLOSE: "receive:closed",
    }
    found: dict[int, tuple[str, int]] = {}
    each = CROWD.messages_per_client
    assert each is not None
    for client in range(CROWD.clients):
        found[client] = ("answered", each)
        for message in range(each):
            fault = faults.of_message(client, message)
            if fault is not None:
                found[client] = (causes[fault.kind], message)
                break
    return found


class RepeatTests(FaultyCase):
    """The same seed, the same fates."""

    async def test_thousands_of_messages_meet_the_same_fate(self) -> None:
        """On both engines, with and without delays: each message meets what its number says.

        Where the environment asks for long runs by TWISTECHO_SOAK there are over ten thousand.
        """
        expected = fates()
        for run in (run_reactor, run_threads):
            for delay in (0.0, 0.003):
                factory, target = await self.serve(*THREE, seed=SEED, delay=delay)
                report = await run(CROWD, target)
                found = {o.client: (str(o), o.messages) for o in report.outcomes}
                assert found == expected, (report.engine, delay)
                sent = sum(_sent(outcome) for outcome in report.outcomes)
                assert sent > 8 * CROWD.clients
                assert factory.faults_met.total() == sum(
                    cause != "answered" for cause, _ in expected.values()
                )


def _sent(outcome: Outcome) -> int:
    return outcome.bytes_sent // len(CROWD.messages[0])
