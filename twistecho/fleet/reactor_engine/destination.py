"""Where a fleet's clients connect to: what its user has handed over, and what dials that."""

import typing
from collections.abc import Sequence
from contextlib import suppress

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.threads import deferToThreadPool

from twistecho.base.log_lines import where
from twistecho.base.reactor_types import AnyClientEndpoint
from twistecho.fleet.conversation.conversation import Conversation
from twistecho.fleet.plans.addresses import address_as_named, resolve
from twistecho.fleet.plans.target import Target, parse_target

from .client import Client, Clients
from .dial import Dial, dial_addresses, dial_endpoint, endpoint_of
from .endpoint_client import EndpointClient

if typing.TYPE_CHECKING:
    from twisted.internet.protocol import Protocol

    from .tls_client import Secured

_LONGEST_TEXT = 200


class Destination:
    """A target, or somebody's endpoint, and the clients that go there.

    Raises ValueError, in one line, for a text that describes nothing, for TLS that cannot be
    spoken, and for ``sources`` where an endpoint chooses the local address; TypeError for what is
    neither a target nor an endpoint.
    """

    def __init__(
        self,
        reactor: typing.Any,
        given: "Target | str | AnyClientEndpoint",
        sources: Sequence[str] = (),
    ) -> None:
        self._reactor = reactor
        self.target = _target_of(given)
        self._secured = _secured(self.target) if self.target.tls else None
        self.endpoint: IStreamClientEndpoint | None = None
        """What connects, where the target has no address of its own."""
        if not isinstance(given, Target | str):
            self.endpoint = typing.cast(IStreamClientEndpoint, given)
        elif self.target.host is None and self.target.path is None:
            self.endpoint = endpoint_of(reactor, self.target)
        if self.endpoint is not None and sources:
            raise ValueError(f"sources: {self.target} chooses the local address itself")
        self._peer: str | None = None
        self._has_text = isinstance(given, Target | str)

    def __str__(self) -> str:
        """Give the target as it was asked for; of an endpoint also whom it has connected to."""
        return f"{self.target} to {self._peer}" if self._peer else str(self.target)

    def prepare(self) -> "Deferred[Dial]":
        """Find out what connects. Fails with OSError for a name that nobody knows.

        A name is asked for in a thread. A reactor without a thread pool, as one in memory is, is
        given the target as it is.
        """
        if self.endpoint is not None:
            return succeed(dial_endpoint(self.endpoint))
        if not hasattr(self._reactor, "getThreadPool"):
            return succeed(dial_addresses(self._reactor, [address_as_named(self.target)]))
        pool = self._reactor.getThreadPool()
        resolving = deferToThreadPool(self._reactor, pool, resolve, self.target)
        return resolving.addCallback(lambda found: dial_addresses(self._reactor, found))

    def client(self, fleet: Clients, conversation: Conversation) -> Client:
        """Make a client."""
        if self._secured is not None:
            return self._secured.client(fleet, conversation)
        return (Client if self.endpoint is None else EndpointClient)(fleet, conversation)

    def wire(self, client: Client) -> "Protocol":
        """Give the protocol that connects for a client."""
        return client if self._secured is None else self._secured.wire(client)

    def connected(self, client: Client) -> None:
        """Note whom the first client has connected to, where no text says so."""
        if self._has_text or self._peer is not None:
            return
        with suppress(Exception):  # a transport of somebody's own need not know
            self._peer = where(client.transport.getPeer())


def _target_of(given: object) -> Target:
    if isinstance(given, Target):
        return given
    if isinstance(given, str):
        return parse_target(given)
    if isinstance(given, type) or not callable(getattr(given, "connect", None)):
        raise TypeError(
            f"target: {given!r:.80} is neither text nor an endpoint that connects "
            "(IStreamClientEndpoint)"
        )
    return Target(_text_of(given))


def _text_of(endpoint: object) -> str:
    """Name an endpoint: as it names itself, or else by its class."""
    kind = type(endpoint)
    text = kind.__name__ if kind.__repr__ is object.__repr__ else repr(endpoint)
    return " ".join(text.split())[:_LONGEST_TEXT]


def _secured(target: Target) -> "Secured":
    """Give what makes TLS clients. Raises ValueError, in one line, also where the extra lacks."""
    try:
        from .tls_client import Secured  # noqa: PLC0415 - needs the extra
    except ImportError:
        raise ValueError("TLS needs an extra: pip install 'twistecho[tls]'") from None
    return Secured(target)
