"""The state of a connection: one number, the sum of the following flags.

At 0 a message is its own reply and is sent back at once.
"""

WRITTEN = 1
"""A reply is not just its message: another format, a delay, a possible fault, or an answer."""

WAITING = 2
"""Replies are in the queue."""

FULL = 4
"""The transport's write buffer is full."""

HELD = 8
"""The connection is held until a time: by its delay, by a stall, or for its first message."""

PAUSED = 16
"""Reading from the peer is paused."""

ENDED = 32
"""The peer's FIN has arrived."""

STOPPING = 64
"""The service stops: the bytes that have arrived are answered, and no more."""

CLOSING = 128
"""The connection is being closed or reset."""

ABORTED = 256
"""The connection has been reset."""

LOGGED = 512
"""The received bytes are logged."""

RECORDED = 1024
"""Messages are recorded."""

FRAMED = 2048
"""The framing is not ``read``: see `scenario.framing`."""

BROKEN = 4096
"""No more messages follow: the stream cannot be cut any further."""

PACED = 32768
"""The bandwidth of the connection is limited."""

UNCUT = 8192
"""The read bytes may hold more messages than there was room for."""

LAST = 16384
"""The last reply is queued: it ends the connection, so later messages get no reply."""

STEERED = WRITTEN | RECORDED | LOGGED
"""The flags that a change of the scenario or of the recording changes."""

ONLY_WAITING = WRITTEN | WAITING
"""The flags under which only earlier messages can delay a message."""

IN_THE_WAY = ~ONLY_WAITING
"""All other flags."""
