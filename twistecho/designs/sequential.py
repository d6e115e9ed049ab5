"""Sequential: one client at a time, from accept to FIN, before the next one is looked at.

The notebook's first server. While it serves one client, ``backlog`` and one more stand in the
kernel's queue, connected as far as they can tell; the connects of all others go unanswered, and
Linux repeats them a second later.
"""

import itertools

from .blocking import converse
from .listening import address, listening
from .settings import Peer, Settings


class SequentialServer:
    """Serves clients one after the other. Raises ListenError where it cannot listen."""

    def __init__(self, settings: Settings) -> None:
        [port] = settings.ports
        self._settings = settings
        self._listener = listening(settings.host, port, settings.backlog)
        self.addresses = [address(self._listener)]

    def serve(self) -> None:
        """Accept a client, serve it to its end, accept the next."""
        for number in itertools.count():
            connection, where = self._listener.accept()
            with connection:
                converse(connection, Peer(number, *where[:2]), self._settings)

    def close(self) -> None:
        """Listen no more; who still stands in the queue is reset by the kernel."""
        self._listener.close()
