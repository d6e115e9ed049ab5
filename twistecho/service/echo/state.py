"""What is in the way of a message on a connection: one number, the sum of these.

At 0 nothing is, and a message is its own reply.
"""

WRITTEN = 1
"""A reply is more than its message: of another format, or held, wrong on purpose, or an answer."""

WAITING = 2
"""Replies stand in the queue."""

FULL = 4
"""The transport's write buffer is full."""

HELD = 8
"""The connection is held until a time: by its delay, by a stall, or for its first message."""

PAUSED = 16
"""The peer is not read from."""

ENDED = 32
"""The peer's FIN has come."""

STOPPING = 64
"""The service stops: what has arrived is answered, and no more."""

CLOSING = 128
"""The end of the connection is on its way."""

ABORTED = 256
"""The connection has been reset."""

LOGGED = 512
"""What peers say is logged."""

RECORDED = 1024
"""What peers say is recorded."""

FRAMED = 2048
"""Messages are not what reads give: see `scenario.framing`."""

BROKEN = 4096
"""No more messages can come: the stream cannot be cut into any."""

PACED = 32768
"""The connection has less bandwidth than there is."""

UNCUT = 8192
"""What has been read may hold more messages than there was room for."""

LAST = 16384
"""The last reply stands in the queue: it ends the connection, and nobody sees what follows."""

STEERED = WRITTEN | RECORDED | LOGGED
"""What a change of the scenario or of the recording changes."""

ONLY_WAITING = WRITTEN | WAITING
"""Nothing is in the way of a message but those before it."""

IN_THE_WAY = ~ONLY_WAITING
"""Something else is."""
