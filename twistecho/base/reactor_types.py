"""Types for type checkers: reactors and endpoints that users may pass; a check for test clocks.

Twisted's classes implement interfaces of zope, which pyright, and mypy without its plugin, do not
see; under older Twisted ``from twisted.internet import reactor`` is a module to them. So each alias
accepts the interface, a protocol with the methods that are used, and for a reactor a module too.
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
    """The methods used of `IReactorTime`; a `twisted.internet.task.Clock` has them."""

    def seconds(self) -> float:
        """Return the time, in seconds."""

    def callLater(
        self,
        delay: float,
        callable: Callable[..., object],  # noqa: A002 - Twisted's name
        *args: object,
        **kw: object,
    ) -> IDelayedCall:
        """Call a function after ``delay`` seconds."""

    def getDelayedCalls(self) -> Sequence[IDelayedCall]:
        """Return the pending calls."""


AnyClock: TypeAlias = "IReactorTime | CountsTime | ModuleType"
"""A reactor that counts time, or a clock for tests."""


class ConnectsTCP(CountsTime, Protocol):
    """The methods used of a reactor that connects; a `MemoryReactorClock` has them."""

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
    """The method used of `IStreamServerEndpoint`."""

    def listen(self, factory: IProtocolFactory, /) -> Awaitable[object]:
        """Listen; the Deferred fires with the port."""


AnyServerEndpoint: TypeAlias = "IStreamServerEndpoint | Listens"
"""An endpoint to listen on."""


class Connects(Protocol):
    """The method used of `IStreamClientEndpoint`."""

    def connect(self, factory: IProtocolFactory, /) -> Awaitable[object]:
        """Connect; the Deferred fires with the protocol."""


AnyClientEndpoint: TypeAlias = "IStreamClientEndpoint | Connects"
"""An endpoint to connect to."""


def as_clock(reactor: AnyClock) -> IReactorTime:
    """Return the same reactor, typed as `IReactorTime`."""
    return cast(IReactorTime, reactor)


def is_for_tests(reactor: object) -> bool:
    """Return whether a reactor's time advances only when a test advances it, as a `Clock`'s."""
    return isinstance(reactor, Clock)
