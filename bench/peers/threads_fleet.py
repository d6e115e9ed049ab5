"""The least client with a thread a socket: verifies and counts, and does nothing else.

``threads_fleet PORT CLIENTS MESSAGE``: for each line of input, a number, every client connects and
sends the message so many times; it prints how many came back right.
"""

import socket
import sys
import threading


def converse(port: int, message: bytes, repeat: int, counts: list[int]) -> None:
    """Send, wait for the whole reply, compare, and so on; add how many were right."""
    right, size = 0, len(message)
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(repeat):
            connection.sendall(message)
            reply = connection.recv(65536)
            while reply and len(reply) < size:
                more = connection.recv(65536)
                reply = reply + more if more else b""
            right += reply == message
    counts.append(right)


def main() -> None:
    """Do what the lines of input ask for."""
    port, clients, message = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3].encode()
    for line in sys.stdin:
        counts: list[int] = []
        arguments = (port, message, int(line), counts)
        threads = [threading.Thread(target=converse, args=arguments) for _ in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(counts) == clients * int(line)
        print(sum(counts), flush=True)


if __name__ == "__main__":
    main()
