"""An echo server that stalls: ``python -m bench.peers.stalling_server EVERY FOR``, in seconds.

It listens on a free port of the loopback, prints it, and ends with its standard input. In every
period of ``EVERY`` seconds it does nothing for ``FOR`` seconds, like a server that collects garbage
or waits for a disk; bytes that arrive meanwhile wait in the kernel. Plain sockets in one loop.
"""

import selectors
import socket
import sys
import time


def serve(every: float, stall: float) -> None:
    """Echo until standard input ends; the first stall begins half a period after the start."""
    selector = selectors.DefaultSelector()
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        selector.register(listener, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        print(listener.getsockname()[1], flush=True)
        stalls_at = time.monotonic() + every / 2
        while True:
            ready = selector.select(max(0.0, stalls_at - time.monotonic()))
            if time.monotonic() >= stalls_at:
                time.sleep(max(0.0, stalls_at + stall - time.monotonic()))
                stalls_at += every
            for key, _ in ready:
                if key.fileobj is sys.stdin:
                    return
                if key.fileobj is listener:
                    connection, _ = listener.accept()
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    selector.register(connection, selectors.EVENT_READ)
                elif isinstance(key.fileobj, socket.socket):
                    _echo(selector, key.fileobj)


def _echo(selector: selectors.BaseSelector, connection: socket.socket) -> None:
    try:
        data = connection.recv(65536)
        if data:
            connection.sendall(data)
            return
    except OSError:
        pass  # the peer has closed
    selector.unregister(connection)
    connection.close()


if __name__ == "__main__":
    serve(float(sys.argv[1]), float(sys.argv[2]))
