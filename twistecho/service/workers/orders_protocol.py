"""A worker's end of the link over which it is given orders: it carries them out, and answers."""

import pickle
import time
from collections.abc import Callable
from os import getpid
from typing import Any

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
    """Numbers connections from the ``first`` that counts, by their numbers on the board."""

    def __init__(self, number_of: Callable[[Any], int], first: int) -> None:
        self._number_of = number_of
        self.first = first

    def __call__(self, transport: object) -> int:
        """Give the number of a connection."""
        return self._number_of(transport) - self.first


class OrdersProtocol(Protocol):
    """Carries out what comes, on a factory whose messages are recorded from now on.

    ``accept_waiting`` accepts whoever has connected, whichever worker's turn it is; ``monotonic``
    is the time of all processes.
    """

    transport: Any  # ITransport says no more than this needs
    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        factory: EchoFactory,
        allowances: SharedAllowances,
        *,
        numbering: Numbering,
        accept_waiting: Callable[[], None],
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
        self._tells = False

    def dataReceived(self, data: bytes) -> None:
        """Carry out what is whole."""
        for order in self._frames.feed(data):
            try:
                answer = self._carry_out(order)
            except Exception:  # noqa: BLE001 - whatever it is, who ordered it is told
                self._log.failure("cannot do as ordered")
                answer = Failed()
            self.transport.write(frame_of(answer))

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
        """Reset a connection; say whether there is one."""
        if number is None:
            self._steering.reset_connections()
            return True
        try:
            self._steering.reset_connection(number)
        except LookupError:
            return False
        return True

    def _restart(self, order: Restart) -> None:
        """Begin anew. What has come since `Clear` may have a number of before, and ends too."""
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
        """Tell of messages that were not there, once."""
        self._tells = False
        self.transport.write(frame_of(More()))


def take_orders(reactor: Any, protocol: OrdersProtocol) -> None:
    """Have a worker take the orders that it is sent."""
    pipes: Any = StandardIO  # whose types are those of Windows
    pipes(protocol, stdin=ORDERS, stdout=ANSWERS, reactor=reactor)
