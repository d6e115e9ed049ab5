"""asyncio: a Protocol, and ``call_later`` for each delayed reply."""

import asyncio
import sys
from typing import Any


class Echo(asyncio.Protocol):
    """Echoes received bytes."""

    def connection_made(self, transport: Any) -> None:
        """Keep the method that every message needs."""
        self.write = transport.write

    def data_received(self, data: bytes) -> None:
        """Write it back."""
        self.write(data)


def delayed(loop: asyncio.AbstractEventLoop, seconds: float) -> type[Echo]:
    """Make a protocol that delays each reply."""
    call_later = loop.call_later

    class Delayed(Echo):
        def data_received(self, data: bytes) -> None:
            call_later(seconds, self.write, data)

    return Delayed


async def serve() -> None:
    """Serve until killed."""
    loop = asyncio.get_running_loop()
    seconds = int(sys.argv[1]) / 1000
    protocol = delayed(loop, seconds) if seconds else Echo
    server = await loop.create_server(protocol, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
