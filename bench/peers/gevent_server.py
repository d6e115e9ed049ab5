"""gevent: a greenlet per connection, and another per delayed reply."""

import sys
from typing import Any

import gevent
from gevent.server import StreamServer

_SIZE = 65536


def main() -> None:
    """Serve until killed."""
    seconds = int(sys.argv[1]) / 1000

    def handle(connection: Any, _address: object) -> None:
        while data := connection.recv(_SIZE):
            if seconds:
                gevent.spawn_later(seconds, connection.sendall, data)
            else:
                connection.sendall(data)

    server = StreamServer(("127.0.0.1", 0), handle, backlog=4096)
    server.start()
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
