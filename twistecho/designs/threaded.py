"""Threaded: a thread a client, by `socketserver.ThreadingTCPServer` as in the notebook."""

from socketserver import ThreadingTCPServer

from .blocking import BlockingServer


class ThreadedServer(ThreadingTCPServer, BlockingServer):
    """Serves every client in a thread of its own. Raises ListenError where it cannot listen."""

    # A stopped server does not wait for clients that may never hang up.
    daemon_threads = True
    block_on_close = False
