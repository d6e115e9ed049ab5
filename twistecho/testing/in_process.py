"""An echo service inside a test of Twisted code: it listens on the running reactor."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Unpack

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import deferLater

from twistecho.service.control.factory_steering import FactorySteering
from twistecho.service.echo.factory import EchoFactory, scenario_of
from twistecho.service.echo.limits import Limits
from twistecho.service.echo.reply_queue import Answer
from twistecho.service.listening.echo_service import EchoService
from twistecho.service.scenario.scenario import Scenario

from .options import StartFields, checked
from .received import ReceivedMessage, Record
from .requests import Requests
from .verbs import Peer, Verbs


class InProcessOptions(StartFields, total=False):
    """The options of an `EchoListener`: those of an `EchoFactory`."""

    scenario: Scenario
    answer: Answer
    limits: Limits
    ctime: Callable[[], str]
    log_connections: bool
    log_payload: bool


class EchoListener(Verbs):
    """An `EchoFactory` that listens on a free port of 127.0.0.1, which a test can steer.

    The keywords are the factory's, and ``fault`` is another name for ``faults``; unless a
    ``scenario`` is given, replies are ``raw`` and the seed is 0. Received messages are recorded.
    Raises TypeError for an unknown option, FieldError for an invalid value.

    Messages that a client has sent are received in the reactor's next turns: use `wait_for`.
    """

    host = "127.0.0.1"

    def __init__(self, reactor: Any, **options: Unpack[InProcessOptions]) -> None:
        super().__init__()
        given = checked(options, InProcessOptions, "echo_in_process()")
        if "scenario" not in given:
            given = {"reply": "raw", "seed": 0, **given}
        self.factory = EchoFactory(reactor, **given)
        self._reactor = reactor
        self.port = 0
        self._listen()
        self._requests = Requests(reactor, self.factory, self._accept_waiting)

    def _listen(self) -> None:
        place = f"tcp:{self.port}:interface={self.host}"
        self._service = EchoService(self._reactor, self.factory, place)
        self._service.startService()
        address: Any = self._service.ports[0].getHost()
        self.port = int(address.port)

    def _accept_waiting(self) -> None:
        self._service.accept_waiting()  # a new service after each start

    @property
    def steering(self) -> FactorySteering:
        """The further operations on its factory."""
        return self._requests.steering

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return self.host, self.port

    @property
    def connections(self) -> int:
        """How many connections it has accepted since it started, or was reset."""
        return int(self._requests.status()["connections"])

    @property
    def open_connections(self) -> int:
        """How many connections are open."""
        return self.factory.count_open()

    @property
    def open_peers(self) -> list[Peer]:
        """The peers of open connections, in the order of accept: host and port."""
        return self._requests.peers()

    @property
    def faults_met(self) -> dict[str, int]:
        """How many faults were applied, by kind, since it started, or was reset."""
        return dict(self._requests.status()["faults"])

    @property
    def control_words(self) -> dict[str, int]:
        """How many control words were obeyed, and how many not understood."""
        return dict(self._requests.status()["control_words"])

    @property
    def how(self) -> str:
        """A short description of how it answers."""
        return self.factory.describe()

    @property
    def record(self) -> Record:
        """The messages received since the last reset that are kept."""
        return self._requests.record()

    def wait_for(self, n: int, timeout: float = 5.0) -> "Deferred[list[ReceivedMessage]]":
        """Fire with the kept messages once ``n`` have arrived since the last reset.

        Fails with TimeoutError after ``timeout`` seconds.
        """
        coming = self.factory.received.reach(n)

        def too_few(_value: object, _seconds: float) -> None:
            came = self.factory.received.total
            lines = "".join(f"\n  {line}" for line in self.record.lines())
            raise TimeoutError(f"{came} of {n} messages arrived within {timeout:g} s:{lines}")

        coming.addTimeout(timeout, self._reactor, too_few)
        # The callbacks run after the last message has been handled, not just before.
        coming.addCallback(lambda _: deferLater(self._reactor, 0))
        return coming.addCallback(lambda _: self.received)

    def change(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Change fields of the scenario; see `Verbs`."""
        scenario, default = self.factory.scenario, Scenario()
        before = {name: getattr(scenario, name) for name in fields}
        given = {
            name: getattr(default, name) if value is None else value
            for name, value in fields.items()
        }
        nothing = {"banner_fault": None} if given.get("banner_fault", 0) is None else {}
        self.factory.scenario = scenario_of(scenario, given).replace(**nothing)
        return before

    def in_force(self, field: str) -> Sequence[Any]:
        """Return faults or answers; see `Verbs`."""
        value = getattr(self.factory.scenario, field)
        found: Sequence[Any] = getattr(value, "faults", value)
        return found

    @property
    def scenario(self) -> Scenario:
        """The rules for messages. Setting it replaces the whole scenario."""
        return self.factory.scenario

    @scenario.setter
    def scenario(self, scenario: Scenario) -> None:
        self.factory.scenario = scenario

    def _reset(self) -> None:
        self._requests.reset()

    def stop(self) -> "Deferred[Any]":
        """End it and its connections at once; fire when the reactor has none of them left."""
        if not self._service.running:
            return succeed(None)
        stopped: Deferred[Any] = self._service.stopService()
        self.factory.abort()
        return stopped

    def start(self) -> None:
        """Listen again, on the same port, once `stop` has fired."""
        if not self._service.running:
            self._listen()

    def describe_received(self) -> list[str]:
        """Return lines with its address, how it answers, and the messages received."""
        return [f"{self.host}:{self.port}, {self.how}", *self.record.lines()]


def listen(**options: Unpack[InProcessOptions]) -> EchoListener:
    """Listen on the global reactor; see `EchoListener`."""
    from twisted.internet import reactor  # noqa: PLC0415 - importing it installs it

    return EchoListener(reactor, **options)
