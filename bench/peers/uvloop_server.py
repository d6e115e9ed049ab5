"""uvloop: the same Protocol as asyncio's, on its own loop."""

import uvloop

from .asyncio_server import serve

if __name__ == "__main__":
    uvloop.run(serve())
