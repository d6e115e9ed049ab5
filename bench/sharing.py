"""Several processes on one port, for each way of sharing it: started, queried, killed."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from twistecho.service.listening.accepting import GONE, Board

BACKLOG = 4096
WAYS = ("reuseport", "shared", "turns", "numbered")
"""How a port can be shared; see `peers.sharing_server`."""


class Group:
    """Processes that echo on one port; ``port`` is its number."""

    def __init__(self, way: str, workers: int, board: Any, listening: socket.socket) -> None:
        self.port = int(listening.getsockname()[1])
        passed = [listening.fileno(), board.fileno()]
        self._processes = [
            subprocess.Popen(
                [
                    *(sys.executable, "-m", "bench.peers.sharing_server", way, str(self.port)),
                    *map(str, (passed[0], number, workers, passed[1])),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                pass_fds=passed,
            )
            for number in range(workers)
        ]
        self.pids = [process.pid for process in self._processes]
        for process in self._processes:
            assert process.stdout is not None
            process.stdout.readline()

    def accepted(self) -> list[int]:
        """Ask each process how many connections it has accepted."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        return [int(process.stdout.readline()) for process in self._processes if process.stdout]

    def signal(self, number: signal.Signals, *, only: int | None = None) -> None:
        """Send a signal to all, or to one by its place."""
        for pid in self.pids if only is None else [self.pids[only]]:
            os.kill(pid, number)

    def end(self) -> None:
        """Kill all."""
        for process in self._processes:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                assert pipe is not None
                pipe.close()


@contextmanager
def sharing(way: str, workers: int) -> Iterator[Group]:
    """Run processes that share a port for the block's time."""
    with tempfile.TemporaryFile() as board, socket.socket() as listening:
        board.truncate(Board.size(workers))
        Board(board.fileno(), workers).open[:] = memoryview(
            b"".join(GONE.to_bytes(8, sys.byteorder) for _ in range(workers))
        ).cast("q")
        if way == "reuseport":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.bind(("127.0.0.1", 0))
        if way != "reuseport":  # with reuseport it only reserves the port
            listening.listen(BACKLOG)
            listening.setblocking(False)
        group = Group(way, workers, board, listening)
        try:
            yield group
        finally:
            group.end()
