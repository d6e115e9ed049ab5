"""Several workers steered as one, in memory: factories behind links that can stop."""

import io
import tempfile
import unittest
from collections.abc import Callable
from typing import Any, ClassVar

from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from tests.support.pipes import Pipe
from twistecho import EchoFactory
from twistecho.base.notation import FieldError
from twistecho.service.control.steering import Health, Received, UnconfirmedError, eventually
from twistecho.service.echo.limits import Limits
from twistecho.service.workers import orders_protocol
from twistecho.service.workers.gathering import BATCH, TimedReceived
from twistecho.service.workers.links import CONFIRM, MOST_OPEN, Links, Shared
from twistecho.service.workers.orders import (
    LARGEST,
    Abort,
    Collect,
    Count,
    Counted,
    Done,
    Frames,
    Order,
    frame_of,
)
from twistecho.service.workers.orders_protocol import Numbering, OrdersProtocol
from twistecho.service.workers.shared_counts import SharedAllowances, SharedCounts, Slots
from twistecho.service.workers.steering import WorkersSteering

PEER = IPv4Address("TCP", "192.0.2.1", 5000)


class Accepted(Pipe):
    """A client's connection, with its number on the board; a reset ends it."""

    raw = -1
    protocol: Any

    def abortConnection(self) -> None:
        """End it."""
        super().abortConnection()
        self.protocol.connectionLost()


class Wire:
    """A way for bytes, which arrive in small pieces unless it is stopped; then they wait."""

    def __init__(self, arrive: Callable[[bytes], None]) -> None:
        self.stopped = False
        self.waiting = b""
        self._arrive = arrive

    def write(self, data: bytes) -> None:
        """Send."""
        self.waiting += data
        self.flow()

    def flow(self) -> None:
        """Have what waits arrive, unless it is stopped."""
        while self.waiting and not self.stopped:
            piece, self.waiting = self.waiting[:1000], self.waiting[1000:]
            self._arrive(piece)


class FakeWorker:
    """A worker in this process."""

    def __init__(self, case: "SteeringCase", name: str) -> None:
        scenario, slots, first = case.steering.in_force
        self.case = case
        self.factory = EchoFactory(case.clock, scenario=scenario, limits=case.limits)
        counts = SharedCounts(case.shared.fileno(), 0)
        allowances = SharedAllowances(counts, self.factory.scenario, slots)
        connections: Any = self.factory.connections
        connections.allowances = allowances
        connections.number_of = Numbering(lambda transport: transport.raw, first)
        self.backlog: list[Accepted] = []
        self.protocol: Any = OrdersProtocol(
            case.clock,
            self.factory,
            allowances,
            numbering=connections.number_of,
            accept_waiting=self.accept,
            monotonic=case.monotonic,
        )
        self.answers = Wire(lambda data: case.links.heard(name, data))
        self.protocol.transport = self.answers
        self.orders = Wire(self.protocol.dataReceived)
        case.links.open(name, self.orders.write)

    def knock(self) -> Accepted:
        """Connect to it, without being accepted."""
        pipe = Accepted()
        self.backlog.append(pipe)
        return pipe

    def accept(self) -> None:
        """Accept all who wait."""
        waiting, self.backlog = self.backlog, []
        for pipe in waiting:
            pipe.raw = self.case.next_number
            self.case.next_number += 1
            pipe.protocol = self.factory.buildProtocol(PEER)
            pipe.protocol.makeConnection(pipe)

    def connect(self) -> "Client":
        """Connect, and be accepted."""
        pipe = self.knock()
        self.accept()
        return Client(pipe)


class Client:
    """A client of a worker."""

    def __init__(self, pipe: Accepted) -> None:
        self.pipe = pipe

    def ask(self, message: bytes) -> bytes:
        """Say something; give what came back at once."""
        self.pipe.clear()
        self.pipe.protocol.dataReceived(message)
        answer: bytes = self.pipe.value()
        return answer

    @property
    def number(self) -> int:
        """The connection's number."""
        number: int = self.pipe.protocol.number
        return number


class SteeringCase(SynchronousTestCase):
    """Two workers, 0 and 1, of a service that answers what it is sent."""

    limits = Limits()
    initial: ClassVar[dict[str, Any]] = {}

    def setUp(self) -> None:
        """Start them."""
        self.clock = Clock()
        self.time = 0.0
        self.next_number = 0
        self.broken: list[str] = []
        shared = tempfile.TemporaryFile()  # noqa: SIM115 - closed at the end of the test
        self.addCleanup(shared.close)
        self.shared = shared
        self.shared.truncate(8)
        self.links = Links(self.clock, self.broken.append)
        self.own = EchoFactory(self.clock, reply="raw", seed=7, limits=self.limits, **self.initial)
        self.steering = WorkersSteering(
            self.clock,
            self.own,
            self.links,
            Slots(SharedCounts(shared.fileno(), 0), self.own.scenario),
            next_number=lambda: self.next_number,
            monotonic=self.monotonic,
        )
        self.workers = [FakeWorker(self, name) for name in "01"]

    def monotonic(self) -> float:
        """Give a time that is later each time that anybody asks for it."""
        self.time += 0.001
        return self.time

    def do(self, ask: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Ask for something that is there at once."""
        return self.successResultOf(eventually(ask, *arguments, **named))

    def unconfirmed(self, ask: Callable[..., Any], *arguments: Any) -> tuple[str, ...]:
        """Ask for what workers do not confirm; give who does not."""
        asked = eventually(ask, *arguments)
        self.clock.advance(CONFIRM - 0.01)
        self.assertNoResult(asked)
        self.clock.advance(0.01)
        failure = self.failureResultOf(asked, UnconfirmedError)
        missing: tuple[str, ...] = failure.value.workers
        return missing

    def stop(self, worker: int, *, stopped: bool = True) -> None:
        """Stop a worker, or have it go on."""
        orders = self.workers[worker].orders
        orders.stopped = stopped
        orders.flow()

    def end(self, worker: int) -> None:
        """Kill a worker."""
        self.workers[worker].orders.stopped = True
        self.workers[worker].factory.abort()
        self.links.close(str(worker))

    def start(self, worker: int) -> None:
        """Start a worker in the place of one that has ended."""
        self.workers[worker] = FakeWorker(self, str(worker))

    def tearDown(self) -> None:
        """Nothing is left of what was asked."""
        for worker in self.workers:
            worker.factory.abort()
        assert self.clock.getDelayedCalls() == []


class ChangeTests(SteeringCase):
    """Changes of the scenario."""

    def test_all_have_it_when_it_is_answered(self) -> None:
        """On open connections too; restored, it is the initial one."""
        clients = [worker.connect() for worker in self.workers]
        document = self.do(self.steering.put, {"on": [{"match": "x", "reply": "y"}]})
        assert document["on"][0]["reply"] == "y"
        assert document["seed"] == 7
        assert [client.ask(b"x") for client in clients] == [b"y", b"y"]
        self.do(self.steering.patch, {"on": None, "reply": "raw"})
        assert [client.ask(b"x") for client in clients] == [b"x", b"x"]
        self.do(self.steering.put, {"on": [{"match": "x", "reply": "z"}]})
        assert self.do(self.steering.restore) == self.do(self.steering.scenario)
        assert [client.ask(b"x") for client in clients] == [b"x", b"x"]

    def test_a_wrong_field_changes_nothing_anywhere(self) -> None:
        """And no worker is asked."""
        for worker in range(2):
            self.stop(worker)
        with self.assertRaises(FieldError) as refused:
            self.steering.put({"delay": "never"})
        assert refused.exception.field == "delay"
        assert [worker.orders.waiting for worker in self.workers] == [b"", b""]

    def test_one_that_does_not_confirm_is_named(self) -> None:
        """The others have it, and it has it when it goes on; it holds up nothing else."""
        clients = [worker.connect() for worker in self.workers]
        self.stop(1)
        put = self.steering.put({"on": [{"match": "x", "reply": "y"}]})
        assert clients[0].ask(b"x") == b"y"
        self.clock.advance(CONFIRM)
        error = self.failureResultOf(put, UnconfirmedError).value
        assert str(error) == "not confirmed in time by worker 1"
        assert self.steering.scenario()["on"][0]["reply"] == "y"
        self.stop(1, stopped=False)
        assert clients[1].ask(b"x") == b"y"
        assert self.do(self.steering.put, {})["on"] == []

    def test_one_that_dies_in_the_middle_is_not_waited_for(self) -> None:
        """The one in its place has the scenario in force."""
        self.stop(1)
        put = self.steering.put({"on": [{"match": "x", "reply": "y"}]})
        self.assertNoResult(put)
        self.end(1)
        self.successResultOf(put)
        self.start(1)
        assert self.workers[1].connect().ask(b"x") == b"y"

    def test_one_that_fails_is_named_at_once(self) -> None:
        """Its log says why."""
        failing: Any = self.workers[0].factory.connections
        self.patch(failing, "steer", lambda _scenario: 1 / 0)
        put = self.steering.put({})
        assert self.failureResultOf(put, UnconfirmedError).value.workers == ("0",)
        assert len(self.flushLoggedErrors(ZeroDivisionError)) == 1

    def test_without_any_worker(self) -> None:
        """A change is for those that come."""
        self.end(0)
        self.end(1)
        self.do(self.steering.put, {"on": [{"match": "x", "reply": "y"}]})
        assert self.do(self.steering.health) == Health(False, 0, 0, 0)
        self.start(0)
        assert self.workers[0].connect().ask(b"x") == b"y"


class LimitTests(SteeringCase):
    """What has a limit is counted over all of them."""

    def answers(self, clients: list[Client], count: int) -> list[bytes]:
        """Ask all in turn, so often."""
        return [client.ask(b"x") for _ in range(count) for client in clients]

    def test_it_counts_over_all(self) -> None:
        """Also those of the worker that was killed, and those of the one in its place."""
        clients = [worker.connect() for worker in self.workers]
        self.do(self.steering.put, {
            "on": [{"match": "x", "reply": "y", "limit": 5}], "reply": "raw",
        })  # fmt: skip
        assert self.answers(clients, 2) == [b"y"] * 4
        self.end(1)
        self.start(1)
        clients[1] = self.workers[1].connect()
        assert sorted(self.answers(clients[::-1], 2)) == [b"x", b"x", b"x", b"y"]

    def test_what_stays_keeps_its_count(self) -> None:
        """What is new begins; so does all after a reset."""
        clients = [worker.connect() for worker in self.workers]
        one = {"match": "x", "reply": "y", "limit": 3}
        self.do(self.steering.put, {"on": [one]})
        assert self.answers(clients, 1) == [b"y", b"y"]
        other = {"match": "x", "reply": "z", "limit": 2}
        self.do(self.steering.put, {"on": [other, one], "reply": "raw"})
        assert self.answers(clients, 2) == [b"z", b"z", b"y", b"x"]
        self.do(self.steering.put, {"on": [other], "reply": "raw"})
        assert self.answers(clients, 1) == [b"x", b"x"]
        self.do(self.steering.put, {"on": [one], "reply": "raw"})
        assert self.answers(clients, 2) == [b"y", b"y", b"y", b"x"]

    def test_a_count_is_not_used_again_while_a_worker_takes_from_it(self) -> None:
        """One that has not heard of the change takes from what was there before."""
        clients = [worker.connect() for worker in self.workers]
        self.do(self.steering.put, {"on": [{"match": "x", "reply": "y", "limit": 5}]})
        self.stop(1)
        for reply in ("z", "w"):
            changed = {"on": [{"match": "x", "reply": reply, "limit": 2}], "reply": "raw"}
            assert self.unconfirmed(self.steering.put, changed) == ("1",)
        assert clients[1].ask(b"x") == b"y"
        assert [clients[0].ask(b"x") for _ in range(3)] == [b"w", b"w", b"x"]
        self.stop(1, stopped=False)
        assert clients[1].ask(b"x") == b"x"

    def test_many_changes_take_no_more_room(self) -> None:
        """What nobody counts any more is used again."""
        for number in range(100):
            self.do(self.steering.put, {"on": [{"match": str(number), "limit": 1}]})
        slots = self.steering.in_force.slots
        assert max(slots) < 3

    def test_a_reset_begins_to_count_anew(self) -> None:
        """Whatever was taken."""
        clients = [worker.connect() for worker in self.workers]
        assert self.answers(clients, 1) == [b"x", b"x"]
        self.do(self.steering.put, {"faults": ["silent:limit=1"], "reply": "raw"})
        assert self.answers(clients, 1) == [b"", b"x"]
        self.do(self.steering.restore)
        self.do(self.steering.put, {"faults": ["silent:limit=1"], "reply": "raw"})
        assert self.answers(clients, 1) == [b"", b"x"]


class InitialLimitTests(SteeringCase):
    """What has a limit from the beginning."""

    initial: ClassVar = {"faults": ["silent:limit=3"]}

    def test_a_reset_begins_to_count_anew(self) -> None:
        """Once: each worker is told of the same counts."""
        for _ in range(2):
            clients = [worker.connect() for worker in self.workers]
            answers = [client.ask(b"x") for _ in range(3) for client in clients]
            assert sorted(answers) == [b"", b"", b"", b"x", b"x", b"x"]
            self.do(self.steering.reset)


class ResetTests(SteeringCase):
    """Numbers, connections and messages begin anew."""

    def test_numbers_begin_with_0(self) -> None:
        """Of all workers together; who waited to be accepted belongs to what was before."""
        clients = [worker.connect() for worker in self.workers for _ in range(2)]
        assert [client.number for client in clients] == [0, 1, 2, 3]
        clients[0].ask(b"x")
        late = [worker.knock() for worker in self.workers]
        self.do(self.steering.put, {"delay": 1})
        self.do(self.steering.reset)
        assert all(client.pipe.aborted for client in clients)
        assert all(pipe.aborted for pipe in late)
        assert self.do(self.steering.connections) == []
        assert self.do(self.steering.received) == Received(0, 0, [])
        assert self.steering.scenario()["delay"] == "0"
        others = [worker.connect() for worker in self.workers]
        assert [client.number for client in others] == [0, 1]
        assert others[1].ask(b"x") == b"x"
        assert [each.number for each in self.do(self.steering.connections)] == [0, 1]
        assert self.do(self.steering.received).messages[0].index == 0

    def test_one_that_is_started_later_counts_from_there_too(self) -> None:
        """And one that did not confirm, when it goes on: it leaves alone who has come since."""
        self.workers[0].connect()
        stale = self.workers[1].connect()
        self.stop(1)
        reset = self.steering.reset()
        self.clock.advance(CONFIRM)
        assert self.failureResultOf(reset, UnconfirmedError).value.workers == ("1",)
        assert self.workers[0].connect().number == 0
        since = self.workers[1].knock()
        self.time += CONFIRM
        self.stop(1, stopped=False)
        assert stale.pipe.aborted
        assert not since.aborted
        self.workers[1].accept()
        assert Client(since).number == 1
        self.end(0)
        self.start(0)
        assert self.workers[0].connect().number == 2

    def test_one_that_dies_in_the_middle(self) -> None:
        """Is not waited for."""
        self.stop(1)
        reset = self.steering.reset()
        self.end(1)
        self.successResultOf(reset)


class ConnectionTests(SteeringCase):
    """The connections of all."""

    def test_they_are_merged(self) -> None:
        """In the order of their numbers; one is found, whoever has it."""
        clients = [self.workers[at].connect() for at in (1, 0, 1)]
        clients[1].ask(b"x")
        found = self.do(self.steering.connections)
        assert [(each.number, each.messages) for each in found] == [(0, 0), (1, 1), (2, 0)]
        assert found[0].peer == "192.0.2.1:5000"
        self.do(self.steering.reset_connection, 1)
        assert [client.pipe.aborted for client in clients] == [False, True, False]
        unknown = self.steering.reset_connection(1)
        error = self.failureResultOf(unknown, LookupError).value
        assert str(error) == "no connection 1 is open"
        self.do(self.steering.reset_connections)
        assert all(client.pipe.aborted for client in clients)

    def test_a_worker_that_does_not_say(self) -> None:
        """Nobody knows whether it has the connection, unless another has."""
        client = self.workers[0].connect()
        self.stop(1)
        assert self.unconfirmed(self.steering.connections) == ("1",)
        assert self.unconfirmed(self.steering.reset_connection, 5) == ("1",)
        reset = self.steering.reset_connection(0)
        assert client.pipe.aborted
        self.clock.advance(CONFIRM)
        self.successResultOf(reset)
        assert self.unconfirmed(self.steering.health) == ("1",)

    def test_health(self) -> None:
        """Those of all together; messages of one that has died count on."""
        pids = iter((10, 20, 10, 10, 21))
        self.patch(orders_protocol, "getpid", lambda: next(pids))
        for worker in self.workers:
            worker.connect().ask(b"x")
        assert self.do(self.steering.health) == Health(True, 2, 2, 2)
        self.end(1)
        assert self.do(self.steering.health) == Health(True, 1, 2, 1)
        self.start(1)
        self.workers[1].connect().ask(b"x")
        assert self.do(self.steering.health) == Health(True, 2, 3, 2)


class ReceivedTests(SteeringCase):
    """What all have received, as one record."""

    limits = Limits(received_messages=10, received_bytes=2 * BATCH)

    def setUp(self) -> None:
        """Connect to each."""
        super().setUp()
        self.clients = [worker.connect() for worker in self.workers]

    def ask(self, *asked: Any, **named: Any) -> list[tuple[int, bytes]]:
        """Ask for messages; give their indexes and what they say."""
        found: Received = self.do(self.steering.received, *asked, **named)
        return [(message.index, message.data) for message in found.messages]

    def test_they_are_in_the_order_of_arrival(self) -> None:
        """An index means one message, however often it is asked for."""
        for at in (1, 0, 0, 1):
            self.clients[at].ask(b"%d" % at)
        first = [(0, b"1"), (1, b"0"), (2, b"0"), (3, b"1")]
        assert self.ask() == first
        for at in (0, 1):
            self.clients[at].ask(b"%d" % at)
        assert self.ask() == [*first, (4, b"0"), (5, b"1")]
        assert self.ask(since=3, limit=2) == [(3, b"1"), (4, b"0")]
        assert self.ask(connection=1, since=1) == [(3, b"1"), (5, b"1")]

    def test_those_without_room_are_counted(self) -> None:
        """Those that a worker dropped, and those that this process did."""
        for at in range(25):
            self.clients[0].ask(b"%d" % at)
        found = self.do(self.steering.received)
        assert (found.total, [each.index for each in found.messages]) == (25, [*range(15, 25)])
        self.clients[1].ask(b"another")
        found = self.do(self.steering.received)
        assert (found.total, found.messages[0].index, found.messages[-1].index) == (26, 16, 25)

    def test_many_bytes_come_in_parts(self) -> None:
        """In their order nevertheless."""
        self.do(self.steering.put, {"framing": "fixed:60000", "reply": "raw"})
        clients = [worker.connect() for worker in self.workers]
        said = [bytes([number]) * 60000 for number in range(8)]
        for number, each in enumerate(said):
            clients[number // 2 % 2].ask(each)
        assert self.ask() == list(enumerate(said))

    def test_waiting(self) -> None:
        """For a message of whichever worker, of this connection; or until time is over."""
        first = self.steering.received(wait=5)
        other = self.steering.received(connection=1, wait=5)
        self.clients[0].ask(b"x")
        assert self.successResultOf(first).next == 1
        self.assertNoResult(other)
        self.clock.advance(4.9)
        self.clients[1].ask(b"y")
        assert [each.data for each in self.successResultOf(other).messages] == [b"y"]
        none = self.steering.received(since=2, wait=5)
        self.clock.advance(5)
        assert self.successResultOf(none) == Received(2, 2, [])

    def test_nothing_is_fetched_that_nobody_waits_for(self) -> None:
        """Once whoever waited has gone."""
        waiting = self.steering.received(wait=5)
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        for _ in range(3):
            self.clients[0].ask(b"x")
        assert self.own.received.total == 0
        assert self.do(self.steering.received).total == 3

    def test_a_worker_that_does_not_say(self) -> None:
        """What it has received is there, once, when it goes on."""
        self.clients[1].ask(b"x")
        self.stop(1)
        assert self.unconfirmed(self.steering.received) == ("1",)
        self.clients[0].ask(b"y")
        self.stop(1, stopped=False)
        assert self.ask() == [(0, b"x"), (1, b"y")]
        assert self.ask() == [(0, b"x"), (1, b"y")]

    def test_forgotten(self) -> None:
        """Here and there, also what was on its way; they count from 0 again."""
        self.clients[0].ask(b"x")
        assert self.ask() == [(0, b"x")]
        self.clients[0].ask(b"y")
        self.clients[1].ask(b"z")
        self.workers[1].answers.stopped = True
        assert self.unconfirmed(self.steering.received) == ("1",)
        assert self.unconfirmed(self.steering.clear_received) == ("1",)
        self.workers[1].answers.stopped = False
        self.workers[1].answers.flow()
        assert self.do(self.steering.received) == Received(0, 0, [])
        self.clients[1].ask(b"w")
        assert self.ask() == [(0, b"w")]

    def test_who_waits_is_told_when_all_is_forgotten(self) -> None:
        """And waits on."""
        waiting = self.steering.received(wait=5)
        self.do(self.steering.clear_received)
        self.assertNoResult(waiting)
        self.clients[0].ask(b"x")
        assert self.successResultOf(waiting).total == 1


class LinkTests(SynchronousTestCase):
    """Links to workers that are none."""

    def setUp(self) -> None:
        """Begin with one."""
        self.clock = Clock()
        self.broken: list[str] = []
        self.links = Links(self.clock, self.broken.append)
        self.sent = io.BytesIO()
        self.links.open("0", self.sent.write)  # type: ignore[arg-type]  # gives a number

    def test_one_that_leaves_too_much_unanswered_is_given_up(self) -> None:
        """So what waits to be sent stays bounded; nobody waits for it any more."""
        with capturedLogs() as events:
            asked = [self.links.ask(Count()) for _ in range(MOST_OPEN)]
            size = self.sent.tell()
            assert self.broken == []
            asked.append(self.links.ask(Count()))
        assert self.broken == ["0"]
        assert self.sent.tell() == size
        assert all(self.successResultOf(each) == ({}, ()) for each in asked)
        assert formatEvent(events[0]) == ("Killing worker 0: it left 64 orders unanswered")
        assert self.clock.getDelayedCalls() == []

    def test_one_that_talks_nonsense_is_given_up(self) -> None:
        """An answer to nothing, what is none, and what would be too long."""
        for data in (frame_of(Done()), b"\0\0\0\1x", (LARGEST + 1).to_bytes(4, "big")):
            self.links.open("0", lambda _data: None)
            with capturedLogs() as events:
                self.links.heard("0", data)
            assert formatEvent(events[0]) == ("Killing worker 0: it sent an invalid answer")
        assert self.broken == ["0"] * 3
        self.links.heard("0", frame_of(Done()))
        assert len(self.links) == 0

    def test_answers_belong_to_orders_in_their_order(self) -> None:
        """Late ones too."""
        late: list[Any] = []
        first = self.links.ask(Count(), each=late.append)
        self.clock.advance(CONFIRM)
        assert self.successResultOf(first).missing == ("0",)
        second = self.links.ask(Abort())
        self.links.heard("0", frame_of(Counted(1, 2, 3)))
        self.assertNoResult(second)
        assert late == [Counted(1, 2, 3)]
        self.links.heard("0", frame_of(Done()))
        assert self.successResultOf(second).answers == {"0": Done()}
        self.links.close("0")
        self.links.close("0")

    def test_a_question_is_under_way_once(self) -> None:
        """Whoever asks meanwhile is answered by the next; one of them may go."""
        asked: list[Deferred[int]] = []

        def ask() -> Deferred[int]:
            asked.append(Deferred())
            return asked[-1]

        shared = Shared(ask)
        first = shared()
        others = [shared() for _ in range(3)]
        others[1].addErrback(lambda failure: failure.trap(CancelledError) and None)
        others[1].cancel()
        asked[0].callback(1)
        assert self.successResultOf(first) == 1
        self.assertNoResult(others[0])
        asked[1].errback(ZeroDivisionError())
        for each in (others[0], others[2]):
            self.failureResultOf(each, ZeroDivisionError)
        assert len(asked) == 2


class FrameTests(unittest.TestCase):
    """What is said, as bytes."""

    def test_frames_are_read_however_they_are_cut(self) -> None:
        """One after the other."""
        said: list[Order] = [Collect(1.5, True), Abort(3), Abort(), Count()]
        data = b"".join(map(frame_of, said))
        for size in (1, 7, len(data)):
            frames = Frames(Order)
            pieces = [data[at : at + size] for at in range(0, len(data), size)]
            assert [each for piece in pieces for each in frames.feed(piece)] == said


class TimedReceivedTests(unittest.TestCase):
    """A worker's record."""

    def test_what_came_until_a_time_is_handed_over(self) -> None:
        """The rest stays; what was dropped before is counted once."""
        times = iter(range(10))
        record = TimedReceived(3, 100, lambda: float(next(times)))
        for number in range(5):
            record.add(0, number, b"%d" % number)
        handed_over = record.hand_over(3.0)
        assert [message[2] for message in handed_over.messages] == [2, 3]
        assert (handed_over.dropped, handed_over.more) == (2, False)
        record.add(0, 5, b"x" * 99)
        handed_over = record.hand_over(9.0, most=1)
        assert [message[0] for message in handed_over.messages] == [4.0]
        assert (handed_over.dropped, handed_over.more) == (0, True)
        record.add(0, 6, b"xx")
        handed_over = record.hand_over(9.0)
        assert ([message[2] for message in handed_over.messages], handed_over.dropped) == ([6], 1)
        assert (len(record), record.total) == (0, 7)
