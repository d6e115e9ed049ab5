"""Connections kept open between two runs of a fleet, each for the client with the same number."""

from collections.abc import Callable
from typing import cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime

from twistecho.base.timers import Timers
from twistecho.fleet.conversation.conversation import Conversation
from twistecho.fleet.reports.outcome import Cause, Phase

from .client import Client

_CLOSING = 2.0
"""How long to wait for the peers to close too, in seconds."""


class Kept:
    """The connections between two runs on a reactor; during a run they belong to the clients.

    ``lost`` counts the connections that peers have ended in between: their clients connect again.
    ``extra`` has the clients that received unexpected bytes in between.
    """

    deadlines: Timers
    due: Timers
    began = 0.0
    monotonic: Callable[[], float]

    def __init__(self, reactor: object) -> None:
        self._reactor = cast(IReactorTime, reactor)
        self.monotonic = self._reactor.seconds
        self.deadlines = self.due = Timers(self._reactor)
        self._open: dict[int, Client] = {}
        self._closing: Deferred[None] | None = None
        self.lost = 0
        self.extra: set[int] = set()

    def __len__(self) -> int:
        """Return the number of connections."""
        return len(self._open)

    def add(self, client: Client) -> None:
        """Keep the connection of a client whose conversation is over."""
        number = client.conversation.client
        self._open[number] = client
        client.take_up(self, cast(Conversation, _NoConversation(number)))

    def take(self, number: int) -> Client | None:
        """Return the client with this number and its connection, if it is still open."""
        return self._open.pop(number, None)

    def take_extra(self, number: int) -> bool:
        """Return whether the client received unexpected bytes; if so, remove it."""
        client = self._open.get(number)
        if client is not None and cast(_NoConversation, client.conversation).extra:
            self._open.pop(number)  # its connection is being reset
            return True
        extra = number in self.extra
        self.extra.discard(number)
        return extra

    def close(self) -> "Deferred[None]":
        """Close all connections; fire when they are gone, after two seconds at most."""
        if not self._open:
            return succeed(None)
        closing: Deferred[None] = Deferred()
        self._closing = closing
        limit = self._reactor.callLater(_CLOSING, self._abort)
        closing.addCallback(lambda _: limit.cancel() if limit.active() else None)
        for client in list(self._open.values()):
            client.close()
        return closing

    def _abort(self) -> None:
        for client in list(self._open.values()):
            client.abort()

    def ended(self, client: Client) -> None:
        """Note that a connection is gone. See `client.Clients`."""
        number = client.conversation.client
        if self._open.get(number) is not client:
            return
        del self._open[number]
        if self._closing is None:
            self.lost += 1
            if cast(_NoConversation, client.conversation).extra:
                self.extra.add(number)
        elif not self._open:
            self._closing.callback(None)

    def settle(self, number: int) -> None:
        """Do nothing: no client connects here. See `client.Clients`."""

    def keep(self, client: Client) -> bool:  # noqa: ARG002 - see `client.Clients`
        """Return False: the connection is kept already."""
        return False


class _NoConversation:
    """Replaces a client's conversation between runs; ``extra`` is whether bytes came."""

    outcome = Cause(Phase.RECEIVE, "extra")

    def __init__(self, number: int) -> None:
        self.client = number
        self.extra = False

    def received(self, _data: bytes, _now: float) -> bytes:
        """Note unexpected bytes; the connection is then reset."""
        self.extra = True
        return b""

    def is_cut(self, _unsent: int) -> bool:
        """Return False: nothing is being sent."""
        return False

    def closed(self, _now: float, **_more: object) -> None:
        """Ignore the end."""

    def failed(self, _reason: str, _now: float, **_more: object) -> None:
        """Ignore the failure."""

    def lost(self, _number: int | None, _now: float, **_more: object) -> None:
        """Ignore the loss."""
