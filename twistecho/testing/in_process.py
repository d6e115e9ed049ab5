"""An echo service inside a test of Twisted code: on a port of the reactor that runs anyway."""

from typing import Any

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred

from twistecho.base.files import lines_of
from twistecho.service.echo.factory import EchoFactory
from twistecho.service.scenario.parsing import parse_delays, parse_faults


class EchoListener:
    """An `EchoFactory` that listens on a free port of 127.0.0.1.

    ``delay`` and ``fault`` are texts as of ``twist echo`` (``fault`` one or a list), drawn from
    ``seed``; all other keywords are the factory's own. Raises ValueError for what they refuse.
    """

    host = "127.0.0.1"

    def __init__(
        self,
        reactor: Any,
        *,
        delay: str | float = 0.0,
        fault: str | list[str] | tuple[str, ...] = (),
        seed: int = 0,
        **options: Any,
    ) -> None:
        faults = [fault] if isinstance(fault, str) else list(fault)
        self.factory = EchoFactory(
            reactor,
            delay=parse_delays(str(delay), seed=seed, lines_of=lines_of),
            faults=parse_faults(faults, seed=seed),
            **{"reply": "raw", **options},
        )
        self._listening = reactor.listenTCP(0, self.factory, interface=self.host)
        self.port = int(self._listening.getHost().port)

    @property
    def connections(self) -> int:
        """How many connections it has accepted."""
        return self.factory.counts.accepted

    def stop(self) -> "Deferred[Any]":
        """End it and its connections at once; fire when nothing of it is left in the reactor."""
        gone = self.factory.drain()
        self.factory.abort()
        return gatherResults([maybeDeferred(self._listening.stopListening), gone])


def listen(**options: Any) -> EchoListener:
    """Listen on the global reactor; see `EchoListener`."""
    from twisted.internet import reactor  # noqa: PLC0415 - importing it installs it

    return EchoListener(reactor, **options)
