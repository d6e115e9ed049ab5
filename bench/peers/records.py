"""The records of the clients that are compared with the fleet: every latency, and percentiles."""

import os
import time


class Cpu:
    """The CPU time used from now on, without the start-up."""

    def __init__(self) -> None:
        self._began = os.times()

    def __str__(self) -> str:
        """Return user and system seconds."""
        now = os.times()
        return f"{now.user - self._began.user} {now.system - self._began.system}"


class Records:
    """The latencies of all messages, in seconds."""

    def __init__(self, clients: int) -> None:
        self.latencies: list[float] = []
        self.running = clients
        self.began, self.cpu = time.monotonic(), Cpu()

    def __str__(self) -> str:
        """Return messages, seconds and CPU time; computing the percentiles is part of the time."""
        self.latencies.sort()
        count = len(self.latencies)
        assert [self.latencies[int(count * share)] for share in (0.5, 0.9, 0.99, 0.999)]
        return f"{count} {time.monotonic() - self.began} {self.cpu}"
