"""What a user may hand over as a reactor, for type checkers; and whether it is one for tests.

Twisted's classes implement interfaces of zope, which mypy without its plugin and pyright do not
see, and ``from twisted.internet import reactor`` is a module to them under older Twisted. So each
alias takes the interface, what is used of it, and for a reactor a module too.
"""

from collections.abc import Awaitable, Callable, Sequence
from types import ModuleType
from typing import Protocol, TypeAlias, cast

from twisted.internet.interfaces import (
    IDelayedCall,
    IProtocolFactory,
    IReactorTCP,
    IReactorTime,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
)
from twisted.internet.protocol import ClientFactory
from twisted.internet.task import Clock


class CountsTime(Protocol):
    """What is used of `IReactorTime`; a `twisted.internet.task.Clock` has it."""

    def seconds(self) -> float:
        """Give the time, in seconds."""

    def callLater(
        self,
        delay: float,
        callable: Callable[..., object],  # noqa: A002 - Twisted's name
        *args: object,
        **kw: object,
    ) -> IDelayedCall:
        """Call something after so many seconds."""

    def getDelayedCalls(self) -> Sequence[IDelayedCall]:
        """Give the calls that are to come."""


AnyClock: TypeAlias = "IReactorTime | CountsTime | ModuleType"
"""A reactor that counts time, or a clock for tests."""


class ConnectsTCP(CountsTime, Protocol):
    """What is used of a reactor that clients connect with; a `MemoryReactorClock` has it."""

    def connectTCP(
        self,
        host: str,
        port: int,
        factory: ClientFactory,
        timeout: int,
        bindAddress: tuple[str, int] | None,
        /,
    ) -> object:
        """Connect to a TCP port."""


AnyReactor: TypeAlias = "IReactorTCP | ConnectsTCP | ModuleType"
"""A reactor that connects."""


class Listens(Protocol):
    """What is used of `IStreamServerEndpoint`."""

    def listen(self, factory: IProtocolFactory, /) -> Awaitable[object]:
        """Listen; the Deferred fires with the port."""


AnyServerEndpoint: TypeAlias = "IStreamServerEndpoint | Listens"
"""An endpoint to listen on."""


class Connects(Protocol):
    """What is used of `IStreamClientEndpoint`."""

    def connect(self, factory: IProtocolFactory, /) -> Awaitable[object]:
        """Connect; the Deferred fires with the protocol."""


AnyClientEndpoint: TypeAlias = "IStreamClientEndpoint | Connects"
"""An endpoint to connect to."""


def as_clock(reactor: AnyClock) -> IReactorTime:
    """Give a reactor as what it is at run time."""
    return cast(IReactorTime, reactor)


def is_for_tests(reactor: object) -> bool:
    """Say whether a reactor's time goes on only when a test says so, as that of a `Clock`."""
    return isinstance(reactor, Clock)
