"""What the clients that are compared with the fleet record: every latency, and its percentiles."""

import time


class Records:
    """The latencies of all messages, in seconds."""

    def __init__(self, clients: int) -> None:
        self.latencies: list[float] = []
        self.running = clients
        self.began = time.monotonic()

    def __str__(self) -> str:
        """Give messages and seconds; the percentiles are worked out within the time."""
        self.latencies.sort()
        count = len(self.latencies)
        assert [self.latencies[int(count * share)] for share in (0.5, 0.9, 0.99, 0.999)]
        return f"{count} {time.monotonic() - self.began}"
