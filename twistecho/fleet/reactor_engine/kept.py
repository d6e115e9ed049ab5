"""Connections that stay open between two runs of a fleet, each for the client with its number."""

from collections.abc import Callable
from typing import cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime

from twistecho.base.timers import Timers
from twistecho.fleet.conversation.conversation import Conversation
from twistecho.fleet.reports.outcome import Cause, Phase

from .client import Client

_CLOSING = 2.0
"""Seconds that the other side has to close, too."""


class Kept:
    """The connections between two runs on a reactor; in a run, a client has its own.

    ``lost`` counts those that the other side has ended meanwhile: their clients connect anew.
    ``extra`` has the clients who were sent something that they had not asked for.
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
        """Count the connections."""
        return len(self._open)

    def add(self, client: Client) -> None:
        """Keep the connection of a client whose conversation is over."""
        number = client.conversation.client
        self._open[number] = client
        client.take_up(self, cast(Conversation, _NoConversation(number)))

    def take(self, number: int) -> Client | None:
        """Give the client with this number and its connection, if that is open still."""
        return self._open.pop(number, None)

    def take_extra(self, number: int) -> bool:
        """Say whether the client was sent something it had not asked for; forget it then."""
        client = self._open.get(number)
        if client is not None and cast(_NoConversation, client.conversation).extra:
            self._open.pop(number)  # it is being reset
            return True
        extra = number in self.extra
        self.extra.discard(number)
        return extra

    def close(self) -> "Deferred[None]":
        """Close all connections; fire when they have gone, after two seconds at most."""
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
        """Note that a connection has gone. See `client.Clients`."""
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
        """Do nothing: nobody connects here. See `client.Clients`."""

    def keep(self, client: Client) -> bool:  # noqa: ARG002 - see `client.Clients`
        """Say that there is nothing to keep a connection from."""
        return False


class _NoConversation:
    """Stands in a conversation's place while a client has none; ``extra`` came all the same."""

    outcome = Cause(Phase.RECEIVE, "extra")

    def __init__(self, number: int) -> None:
        self.client = number
        self.extra = False

    def received(self, _data: bytes, _now: float) -> bytes:
        """Note that something came; the connection is reset then."""
        self.extra = True
        return b""

    def is_cut(self, _unsent: int) -> bool:
        """Say that nothing was being sent."""
        return False

    def closed(self, _now: float, **_more: object) -> None:
        """Say nothing of the end."""

    def failed(self, _reason: str, _now: float, **_more: object) -> None:
        """Say nothing of the end."""

    def lost(self, _number: int | None, _now: float, **_more: object) -> None:
        """Say nothing of the end."""
