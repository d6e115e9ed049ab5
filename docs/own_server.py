"""An echo server for ``twistecho compare --server``, as docs/designs.md shows it."""

import asyncio
import sys

PORT, DELAY = int(sys.argv[1]), float(sys.argv[2])


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send back each message after the delay, until the client closes its sending side."""
    while message := await reader.read(1024):
        await asyncio.sleep(DELAY)
        writer.write(message)
    writer.close()


async def serve() -> None:
    """Listen until the process is ended."""
    server = await asyncio.start_server(echo, "127.0.0.1", PORT, backlog=128)
    await server.serve_forever()


asyncio.run(serve())
