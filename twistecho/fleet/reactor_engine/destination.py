"""The destination of a fleet's clients: a target or a user's endpoint, and how to connect to it."""

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
    """A target or a user's endpoint, and the clients that connect to it.

    Raises ValueError, in one line, for a text that is not a target, for unusable TLS options, and
    for ``sources`` where an endpoint chooses the local address; TypeError for an object that is
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
        """The endpoint that connects, where the target has no address."""
        if not isinstance(given, Target | str):
            self.endpoint = typing.cast(IStreamClientEndpoint, given)
        elif self.target.host is None and self.target.path is None:
            self.endpoint = endpoint_of(reactor, self.target)
        if self.endpoint is not None and sources:
            raise ValueError(f"sources: {self.target} chooses the local address itself")
        self._peer: str | None = None
        self._has_text = isinstance(given, Target | str)

    def __str__(self) -> str:
        """Return the target's text; for an endpoint also the peer that it connected to."""
        return f"{self.target} to {self._peer}" if self._peer else str(self.target)

    def prepare(self) -> "Deferred[Dial]":
        """Return how to connect. Fails with OSError for an unknown host.

        A host name is resolved in a thread. A reactor without a thread pool, such as one in memory,
        gets the name unresolved.
        """
        if self.endpoint is not None:
            return succeed(dial_endpoint(self.endpoint))
        if not hasattr(self._reactor, "getThreadPool"):
            return succeed(dial_addresses(self._reactor, [address_as_named(self.target)]))
        pool = self._reactor.getThreadPool()
        resolving = deferToThreadPool(self._reactor, pool, resolve, self.target)
        return resolving.addCallback(lambda found: dial_addresses(self._reactor, found))

    def client(self, fleet: Clients, conversation: Conversation) -> Client:
        """Return a new client."""
        if self._secured is not None:
            return self._secured.client(fleet, conversation)
        return (Client if self.endpoint is None else EndpointClient)(fleet, conversation)

    def wire(self, client: Client) -> "Protocol":
        """Return the protocol that connects for a client."""
        return client if self._secured is None else self._secured.wire(client)

    def connected(self, client: Client) -> None:
        """Note the peer of the first client, for an endpoint, which has no text."""
        if self._has_text or self._peer is not None:
            return
        with suppress(Exception):  # a user's transport may not know its peer
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
    """Return the text that names an endpoint: its own `repr`, or else its class."""
    kind = type(endpoint)
    text = kind.__name__ if kind.__repr__ is object.__repr__ else repr(endpoint)
    return " ".join(text.split())[:_LONGEST_TEXT]


def _secured(target: Target) -> "Secured":
    """Return the maker of TLS clients. Raises ValueError, in one line, also without the extra."""
    try:
        from .tls_client import Secured  # noqa: PLC0415 - needs the extra
    except ImportError:
        raise ValueError("TLS needs an extra: pip install 'twistecho[tls]'") from None
    return Secured(target)
