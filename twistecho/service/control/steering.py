"""What can be asked of a service while it runs, whoever asks: HTTP, or a test through a pipe.

A scenario is a document here: what JSON makes of it, with the names of its fields as keys. Methods
give their result, or a Deferred of it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar, cast

from twisted.internet.defer import Deferred, maybeDeferred

from .merge_patch import merged

Document: TypeAlias = dict[str, Any]
"""A scenario, or a part of one, as JSON has it."""

_Result = TypeVar("_Result")
Eventually: TypeAlias = _Result | Deferred[_Result]
"""A result, now or later."""


def eventually(
    ask: Callable[..., Eventually[_Result]], *arguments: Any, **named: Any
) -> Deferred[_Result]:
    """Ask for a result; give a Deferred of it, or of what was raised."""
    return maybeDeferred(cast("Callable[..., _Result]", ask), *arguments, **named)


class UnconfirmedError(Exception):
    """A change is in force, but these workers have not confirmed it in time."""

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
    """Messages in the order in which they came.

    ``total`` is how many have come since the record was cleared, on all connections, with those
    that it could not keep; ``next`` is the index from which to ask on.
    """

    total: int
    next: int
    messages: Sequence[ReceivedMessage]


@dataclass(frozen=True)
class OpenConnection:
    """A connection that is open: its number, its peer, its messages, how many wait for a reply."""

    number: int
    peer: str
    messages: int
    waiting: int


@dataclass(frozen=True)
class Health:
    """Whether a service answers as it should: its connections, its messages, its workers.

    ``workers`` is None where there is one process only; else how many of them run.
    """

    healthy: bool
    connections: int
    messages: int
    workers: int | None = None


class Steering(ABC):
    """What can be asked of a service while it runs.

    A change is in force for every message that arrives once its result is there. Methods raise, or
    their Deferreds fail with, UnconfirmedError where workers do not answer. No result of a change
    is cancelled.
    """

    @abstractmethod
    def scenario(self) -> Eventually[Document]:
        """Give the whole scenario in force."""

    @abstractmethod
    def put(self, document: Document) -> Eventually[Document]:
        """Put a scenario in force; what it does not name is as by default. Give it, whole.

        Fails with FieldError where a field is wrong, and then changes nothing.
        """

    def patch(self, changes: Document) -> Eventually[Document]:
        """Change the scenario as a merge patch (RFC 7396) says; give it, whole. Fails as `put`."""
        return Deferred.fromCoroutine(self._patch(changes))

    async def _patch(self, changes: Document) -> Document:
        before = await eventually(self.scenario)
        return await eventually(self.put, merged(before, changes))

    @abstractmethod
    def restore(self) -> Eventually[Document]:
        """Put the initial scenario in force again; give it."""

    @abstractmethod
    def received(
        self,
        connection: int | None = None,
        since: int = 0,
        limit: int | None = None,
        wait: float = 0,
    ) -> Eventually[Received]:
        """Give messages that are kept, the first ``limit`` from index ``since`` on.

        Only those of one ``connection``, if it is given. If there is none yet, wait for one, for
        ``wait`` seconds at most; where they are forgotten meanwhile, for the first that comes then.
        The Deferred may be cancelled.
        """

    @abstractmethod
    def clear_received(self) -> Eventually[None]:
        """Forget what was received; count it from 0 again."""

    @abstractmethod
    def connections(self) -> Eventually[Sequence[OpenConnection]]:
        """Give the open connections in the order of their numbers."""

    @abstractmethod
    def reset_connection(self, number: int) -> Eventually[None]:
        """Reset a connection. Fails with LookupError where none with this number is open."""

    @abstractmethod
    def reset_connections(self) -> Eventually[None]:
        """Reset all connections."""

    @abstractmethod
    def reset(self) -> Eventually[None]:
        """Begin anew.

        The initial scenario is in force, all connections are reset, numbers begin with 0, and
        nothing has been received.
        """

    @abstractmethod
    def health(self) -> Eventually[Health]:
        """Say how the service is."""
