"""Blocking sockets, one thread per connection, which sleeps for delayed replies."""

import socket
import sys
import threading
import time

_SIZE = 65536


def answer(connection: socket.socket, seconds: float) -> None:
    """Answer one client until it closes."""
    with connection:
        while data := connection.recv(_SIZE):
            if seconds:
                time.sleep(seconds)
            connection.sendall(data)


def main() -> None:
    """Serve until killed."""
    threading.stack_size(128 * 1024)
    seconds = int(sys.argv[1]) / 1000
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as server:
        print(server.getsockname()[1], flush=True)
        while True:
            connection, _ = server.accept()
            threading.Thread(target=answer, args=(connection, seconds), daemon=True).start()


if __name__ == "__main__":
    main()
