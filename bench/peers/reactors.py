"""The reactors on which a server can run: installed by name, and run until killed."""

from collections.abc import Callable
from typing import Any

from twisted.internet import asyncioreactor, epollreactor

from twistecho import eagerreactor


def _uvloop() -> None:
    import uvloop  # noqa: PLC0415 - it may not be installed

    asyncioreactor.install(uvloop.new_event_loop())


REACTORS: dict[str, Callable[[], object]] = {
    "epoll": epollreactor.install,
    "eager": eagerreactor.install,
    "uvloop": _uvloop,
}
"""Functions that install them: Twisted's, this project's, and Twisted's for asyncio on uvloop."""


def serve(name: str, make_factory: Callable[[], Any], context: Any = None) -> None:
    """Serve on a reactor, with TLS if there is a context for it; print the port.

    The factory is made once the reactor is installed.
    """
    REACTORS[name]()
    from twisted.internet import reactor as installed  # noqa: PLC0415 - it is installed now

    reactor: Any = installed
    factory, bound = make_factory(), {"backlog": 4096, "interface": "127.0.0.1"}
    if context is None:
        port = reactor.listenTCP(0, factory, **bound)
    else:
        port = reactor.listenSSL(0, factory, context, **bound)
    print(port.getHost().port, flush=True)
    reactor.run()
