"""The operations on a running service, used over HTTP and by tests through a pipe.

A scenario is a document here: JSON data with the names of its fields as keys. Methods return their
result, or a Deferred of it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar, cast

from twisted.internet.defer import Deferred, maybeDeferred

from .merge_patch import merged

Document: TypeAlias = dict[str, Any]
"""A scenario, or a part of one, as JSON data."""

_Result = TypeVar("_Result")
Eventually: TypeAlias = _Result | Deferred[_Result]
"""A result, now or later."""


def eventually(
    ask: Callable[..., Eventually[_Result]], *arguments: Any, **named: Any
) -> Deferred[_Result]:
    """Call a method; return a Deferred of its result or exception."""
    return maybeDeferred(cast("Callable[..., _Result]", ask), *arguments, **named)


class UnconfirmedError(Exception):
    """These workers have not confirmed a change, or answered a request, in time."""

    def __init__(self, workers: Sequence[str]) -> None:
        super().__init__(tuple(workers))
        self.workers = tuple(workers)

    def __str__(self) -> str:
        """Name the workers."""
        kind = "worker" if len(self.workers) == 1 else "workers"
        return f"not confirmed in time by {kind} {', '.join(self.workers)}"


@dataclass(frozen=True)
class ReceivedMessage:
    """A message that the service has received.

    ``index`` is its number among all messages received, ``number`` that among the messages of its
    ``connection``, all from 0.
    """

    index: int
    connection: int
    number: int
    data: bytes


@dataclass(frozen=True)
class Received:
    """Messages in the order of arrival.

    ``total`` is how many have arrived since the record was cleared, on all connections, including
    those no longer kept; ``next`` is the index from which to continue.
    """

    total: int
    next: int
    messages: Sequence[ReceivedMessage]


@dataclass(frozen=True)
class OpenConnection:
    """An open connection: its number, its peer, messages received, and replies pending."""

    number: int
    peer: str
    messages: int
    waiting: int


@dataclass(frozen=True)
class Health:
    """Whether a service works: its open connections, messages received, and workers.

    ``workers`` is how many worker processes run; None where there is only one process.
    """

    healthy: bool
    connections: int
    messages: int
    workers: int | None = None


class Steering(ABC):
    """The operations on a running service.

    Once the result of a change is available, the change applies to every message that arrives.
    Methods raise UnconfirmedError, or their Deferreds fail with it, where workers do not answer.
    Deferreds of changes must not be cancelled.
    """

    @abstractmethod
    def scenario(self) -> Eventually[Document]:
        """Return the whole scenario in force."""

    @abstractmethod
    def put(self, document: Document) -> Eventually[Document]:
        """Put a scenario in force, with defaults for missing fields; return the whole scenario.

        Fails with FieldError where a field is wrong, and then changes nothing.
        """

    def patch(self, changes: Document) -> Eventually[Document]:
        """Apply a merge patch (RFC 7396); return the whole scenario. Fails as `put`."""
        return Deferred.fromCoroutine(self._patch(changes))

    async def _patch(self, changes: Document) -> Document:
        before = await eventually(self.scenario)
        return await eventually(self.put, merged(before, changes))

    @abstractmethod
    def restore(self) -> Eventually[Document]:
        """Put the initial scenario in force again; return it."""

    @abstractmethod
    def received(
        self,
        connection: int | None = None,
        since: int = 0,
        limit: int | None = None,
        wait: float = 0,
    ) -> Eventually[Received]:
        """Return recorded messages, the first ``limit`` from index ``since`` on.

        Only those of one ``connection``, if it is given. If there is none yet, wait for one, for
        ``wait`` seconds at most; if the record is cleared meanwhile, for the first one after that.
        The Deferred may be cancelled.
        """

    @abstractmethod
    def clear_received(self) -> Eventually[None]:
        """Forget the messages received; count them from 0 again."""

    @abstractmethod
    def connections(self) -> Eventually[Sequence[OpenConnection]]:
        """Return the open connections in the order of their numbers."""

    @abstractmethod
    def reset_connection(self, number: int) -> Eventually[None]:
        """Reset a connection. Fails with LookupError if no connection with this number is open."""

    @abstractmethod
    def reset_connections(self) -> Eventually[None]:
        """Reset all connections."""

    @abstractmethod
    def reset(self) -> Eventually[None]:
        """Return to the initial state.

        The initial scenario is in force, all connections are reset, their numbers begin with 0, and
        the record of messages is empty.
        """

    @abstractmethod
    def health(self) -> Eventually[Health]:
        """Return the health of the service."""
