"""Log lines about peers: how peers are named, and how repeated lines are limited."""

from collections.abc import Callable

from twisted.logger import Logger

from .notation import escaped

INTERVAL = 10.0
"""Seconds between two lines of one kind."""


class RateLimitedLog:
    """Warns about events of several kinds, each at most once in `INTERVAL` seconds.

    Each line counts the events of its kind that were left out since the last line.
    """

    def __init__(self, log: Logger, now: Callable[[], float]) -> None:
        self._log = log
        self._now = now
        self._said: dict[str, float] = {}
        self._unsaid: dict[str, int] = {}

    def warn(self, kind: str, peer: str) -> None:
        """Log an event of this kind with its peer, or count it for the next line."""
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
    """Return an address as text: ``host:port``, ``[host]:port`` for IPv6, or a socket's path.

    The peer of a Unix socket chooses its own name, so the name is `escaped`.
    """
    host, port = getattr(address, "host", None), getattr(address, "port", None)
    if host is None:
        name = getattr(address, "name", None)
        if isinstance(name, bytes):
            return escaped(name.decode(errors="backslashreplace"))
        return escaped(str(address))
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
