"""Log lines about peers: who they are, and no more lines than a log can hold."""

from collections.abc import Callable

from twisted.logger import Logger

from .notation import escaped

INTERVAL = 10.0
"""Seconds between two lines of one kind."""


class RateLimitedLog:
    """Warns about events of several kinds, each at most once in `INTERVAL` seconds.

    A line says how many of its kind went unsaid since the last one.
    """

    def __init__(self, log: Logger, now: Callable[[], float]) -> None:
        self._log = log
        self._now = now
        self._said: dict[str, float] = {}
        self._unsaid: dict[str, int] = {}

    def warn(self, kind: str, peer: str) -> None:
        """Say that something of this kind happened to a peer, or count it for the next line."""
        now = self._now()
        if now - self._said.get(kind, -INTERVAL) < INTERVAL:
            self._unsaid[kind] = self._unsaid.get(kind, 0) + 1
            return
        self._said[kind] = now
        unsaid = self._unsaid.pop(kind, 0)
        self._log.warn(
            "{kind}: {peer}, and {unsaid} more since the last such line",
            kind=kind,
            peer=peer,
            unsaid=unsaid,
        )


def where(address: object) -> str:
    """Say where an address is: ``host:port``, ``[host]:port`` for IPv6, or a Unix socket's path.

    A peer of a Unix socket names itself, as it likes: that is `escaped`.
    """
    host, port = getattr(address, "host", None), getattr(address, "port", None)
    if host is None:
        name = getattr(address, "name", None)
        if isinstance(name, bytes):
            return escaped(name.decode(errors="backslashreplace"))
        return escaped(str(address))
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
