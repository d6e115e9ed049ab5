"""A worker's end of the link to the main process: it carries out orders, and answers them."""

import pickle
import time
from collections import deque
from collections.abc import Callable
from os import getpid
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol
from twisted.internet.stdio import StandardIO
from twisted.logger import Logger

from twistecho.service.control.factory_steering import FactorySteering
from twistecho.service.echo.factory import EchoFactory

from .assignment import ANSWERS, ORDERS
from .gathering import TimedReceived
from .orders import (
    Abort,
    Answer,
    Clear,
    Collect,
    Collected,
    Count,
    Counted,
    Done,
    Failed,
    Forget,
    Frames,
    List,
    Listed,
    More,
    Order,
    Restart,
    Steer,
    frame_of,
)
from .shared_counts import SharedAllowances


class Numbering:
    """Numbers connections: the one with number ``first`` on the board gets number 0."""

    def __init__(self, number_of: Callable[[Any], int], first: int) -> None:
        self._number_of = number_of
        self.first = first

    def __call__(self, transport: object) -> int:
        """Return the number of a connection."""
        return self._number_of(transport) - self.first


class OrdersProtocol(Protocol):
    """Carries out orders on a factory, whose messages are recorded from now on.

    ``accept_waiting`` accepts all waiting connections, whichever worker's turn it is; ``follow``
    fires once the ports have applied the scenario; ``monotonic`` is the clock of all processes.
    """

    transport: Any  # the types of ITransport do not fit StandardIO
    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        factory: EchoFactory,
        allowances: SharedAllowances,
        *,
        numbering: Numbering,
        accept_waiting: Callable[[], None],
        follow: Callable[[], Deferred[Any]] = lambda: succeed(None),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        limits = factory.limits
        self._monotonic = monotonic
        self._received = TimedReceived(limits.received_messages, limits.received_bytes, monotonic)
        factory.connections.received = self._received
        self._factory = factory
        self._steering = FactorySteering(clock, factory)
        self._allowances = allowances
        self._numbering = numbering
        self._accept_waiting = accept_waiting
        self._frames = Frames(Order)
        self._follow = follow
        self._following = False
        self._orders: deque[Order] = deque()
        self._tells = False

    def dataReceived(self, data: bytes) -> None:
        """Carry out the complete orders, one after the other."""
        self._orders += self._frames.feed(data)
        self._go_on()

    def _go_on(self) -> None:
        """Carry out orders, until one needs to wait for the ports."""
        while self._orders and not self._following:
            order = self._orders.popleft()
            try:
                answer = self._carry_out(order)
            except Exception:  # noqa: BLE001 - any error is answered with `Failed`
                self._log.failure("cannot carry out an order")
                answer = Failed()
            if isinstance(order, (Steer, Restart)):
                self._following = True
                self._follow().addErrback(lambda _: None).addCallback(self._followed, answer)
            else:
                self.transport.write(frame_of(answer))

    def _followed(self, _result: object, answer: Answer) -> None:
        """Answer once the ports have applied the scenario; the service has logged any failure."""
        self._following = False
        self.transport.write(frame_of(answer))
        self._go_on()

    def _carry_out(self, order: Order) -> Answer:
        match order:
            case Collect():
                return self._collect(order)
            case List():
                return Listed(list(self._steering.connections()))
            case Count():
                counts = self._factory.counts
                return Counted(getpid(), self._factory.count_open(), counts.messages)
            case Abort():
                return Done(self._abort(order.number))
            case Steer():
                self._allowances.slots = order.slots
                self._factory.scenario = pickle.loads(order.scenario)  # noqa: S301 - our parent's
            case Clear():
                if self._monotonic() <= order.until:
                    self._accept_waiting()
                self._factory.abort()
            case Restart():
                self._restart(order)
            case Forget():
                self._received.clear()
        return Done()

    def _abort(self, number: int | None) -> bool:
        """Reset a connection, or all; return whether it was open."""
        if number is None:
            self._steering.reset_connections()
            return True
        try:
            self._steering.reset_connection(number)
        except LookupError:
            return False
        return True

    def _restart(self, order: Restart) -> None:
        """Reset. Connections accepted since `Clear` may have old numbers, so they end too."""
        self._factory.abort()
        self._numbering.first = order.first
        self._allowances.slots = order.slots
        scenario = pickle.loads(order.scenario)  # noqa: S301 - our parent's
        self._factory.connections.restart(scenario)

    def _collect(self, order: Collect) -> Collected:
        handed_over = self._received.hand_over(order.until)
        if order.tell and not handed_over.more and not self._tells:
            self._tells = True
            following = self._received.total + (0 if len(self._received) else 1)
            self._received.reach(following).addCallback(self._tell)
        return handed_over

    def _tell(self, _none: None) -> None:
        """Report, once, that new messages have arrived."""
        self._tells = False
        self.transport.write(frame_of(More()))


def take_orders(reactor: Any, protocol: OrdersProtocol) -> None:
    """Connect the protocol to the pipes for orders and answers."""
    pipes: Any = StandardIO  # its type annotations are those for Windows
    pipes(protocol, stdin=ORDERS, stdout=ANSWERS, reactor=reactor)
