"""Forking: a process a client, by `socketserver.ForkingTCPServer`.

socketserver has at most 40 children at work (``max_children``): the 41st client waits until one of
them is done. That is kept, for it is what this design does.
"""

import os
import signal
from contextlib import suppress
from socketserver import ForkingTCPServer
from typing import Any

from twistecho.base.processes import end_with

from .blocking import BlockingServer
from .settings import Settings


class ForkingServer(ForkingTCPServer, BlockingServer):
    """Serves every client in a process of its own. Raises ListenError where it cannot listen."""

    # Children are ended, not waited for: a client may never hang up.
    block_on_close = False

    def __init__(self, settings: Settings) -> None:
        self._parent = os.getpid()
        super().__init__(settings)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve a client, in the child."""
        end_with(self._parent)
        super().finish_request(request, client_address)

    def close(self) -> None:
        """Listen no more and end the children."""
        for child in self.active_children or ():
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        super().close()
