"""A uvloop client that verifies every byte and records every latency."""

import asyncio
import sys
from time import monotonic
from typing import Any

import uvloop

from .records import Records


class Client(asyncio.Protocol):
    """One client: sends a message, compares the reply, sends the next."""

    def __init__(self, message: bytes, repeat: int, records: Records, done: Any) -> None:
        self._message, self._left = message, repeat
        self._records, self._done = records, done
        self._record = records.latencies.append
        self._heard = b""

    def connection_made(self, transport: Any) -> None:
        """Send the first message."""
        self._transport = transport
        self._sent = monotonic()
        transport.write(self._message)

    def data_received(self, data: bytes) -> None:
        """Compare; continue when the reply is complete."""
        if self._heard:
            data = self._heard + data
        if data != self._message:
            assert self._message.startswith(data)
            self._heard = data
            return
        self._heard = b""
        now = monotonic()
        self._record(now - self._sent)
        self._left -= 1
        if self._left:
            self._sent = now
            self._transport.write(self._message)
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """Count this client as done."""
        self._records.running -= 1
        if not self._records.running:
            self._done.set_result(None)


async def run() -> None:
    """Run all clients; print messages and seconds."""
    port, clients, size, repeat = map(int, sys.argv[1:])
    message = (bytes(range(256)) * (size // 256 + 1))[:size]
    loop = asyncio.get_running_loop()
    done, records = loop.create_future(), Records(clients)
    for _ in range(clients):
        await loop.create_connection(
            lambda: Client(message, repeat, records, done), "127.0.0.1", port
        )
    await done
    print(records)


if __name__ == "__main__":
    uvloop.run(run())
