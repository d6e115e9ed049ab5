"""The designs by name, and their default settings."""

from collections.abc import Callable
from dataclasses import dataclass

from twistecho.base.reply_formats import ReplyFormat

from .blocking import ForkingServer, SequentialServer, ThreadedServer
from .select_loop import SelectServer
from .settings import NOTEBOOK_BACKLOG, ROOMY_BACKLOG, Server, Settings


@dataclass(frozen=True)
class Design:
    """A way to build the server: its class, and its default reply format, ports and backlog.

    Formats and ports are the notebook's. Its backlog of 5 is kept only for sequential, where it is
    what the design demonstrates. It would also slow down a server that accepts at once, when twenty
    clients connect in the same millisecond.
    """

    make: Callable[[Settings], Server]
    reply: ReplyFormat = ReplyFormat.STAMPED
    ports: tuple[int, ...] = (5000,)
    backlog: int = ROOMY_BACKLOG


DESIGNS: dict[str, Design] = {
    "sequential": Design(SequentialServer, reply=ReplyFormat.PREFIXED, backlog=NOTEBOOK_BACKLOG),
    "threaded": Design(ThreadedServer),
    "forking": Design(ForkingServer),
    "select": Design(SelectServer, ports=(5002, 5003)),
}
"""The notebook's designs, by their names on the command line."""
