"""The least client with one thread per socket: verifies and counts, and does nothing else.

``threads_fleet PORT CLIENTS MESSAGE``: each line of input is a number of seconds, for which every
client connects and sends the message repeatedly; it prints the number of right replies.
"""

import socket
import sys
import threading
import time


class Run:
    """The state that all threads share: whether they continue; right and wrong replies."""

    def __init__(self) -> None:
        self.going = True
        self.right: list[int] = []
        self.wrong: list[int] = []


def converse(port: int, message: bytes, run: Run) -> None:
    """Send, wait for the whole reply, compare, and so on."""
    right, wrong, size = 0, 0, len(message)
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while run.going:
            connection.sendall(message)
            reply = connection.recv(65536)
            while len(reply) < size and (more := connection.recv(65536)):
                reply += more
            if reply == message:
                right += 1
            else:
                wrong += 1
    run.right.append(right)
    run.wrong.append(wrong)


def main() -> None:
    """Run all clients for each line of input."""
    port, clients, message = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3].encode()
    for line in sys.stdin:
        run = Run()
        arguments = (port, message, run)
        threads = [threading.Thread(target=converse, args=arguments) for _ in range(clients)]
        for thread in threads:
            thread.start()
        time.sleep(float(line))
        run.going = False
        for thread in threads:
            thread.join()
        assert len(run.right) == clients
        assert not any(run.wrong)
        print(sum(run.right), flush=True)


if __name__ == "__main__":
    main()
