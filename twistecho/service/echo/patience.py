"""How long a peer may be idle, or refuse to read, before its connection is dropped."""

from .connection import Connection, ends_connection
from .transports import outgoing


class PatientConnection(Connection):
    """A connection that is looked at by a `Sweep`."""

    __slots__ = ()

    @ends_connection
    def sweep(self, now: float) -> None:
        """Drop a peer that has been idle, or has refused to read, for too long. See `sweep`."""
        if self._aborted:
            return
        if self._progressed():
            self._quiet = now
        limits, quiet = self.factory.limits, now - self._quiet
        if self._unread_by_peer or self._full or self._closing:
            if limits.stall and quiet >= limits.stall:
                self.factory.drop(self, "stalled")
        elif limits.idle and quiet >= limits.idle:
            self.factory.drop(self, "idle")

    def _progressed(self) -> bool:
        """Say whether anything happened since the last sweep, or a reply is on its way."""
        if self._messages != self._swept:
            self._swept = self._messages
            self._unread_by_peer = 1  # as long as nobody has looked
            return True
        if (self._waiting or self._held) and not self._full:
            return True
        if not (self._unread_by_peer or self._full):
            return False  # all was taken by the peer, and nothing was written since
        before, self._unread_by_peer = self._unread_by_peer, outgoing(self.transport)
        return self._unread_by_peer != before
