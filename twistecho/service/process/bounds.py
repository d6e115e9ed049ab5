"""The options that bound what peers can cost: which limit each of them sets."""

from collections.abc import Callable

from twistecho.base.notation import parse_seconds, whole
from twistecho.service.echo.limits import Limits

BOUNDS: list[tuple[str, str, Callable[[str], float], str]] = [
    ("max-waiting", "waiting_bytes", whole,
     "Bytes that may wait on one connection before its peer is held back."),
    ("max-messages", "waiting_messages", whole,
     "Messages that may wait on one connection before its peer is held back."),
    ("max-waiting-total", "total_waiting_bytes", whole,
     "Bytes that may wait on all connections together."),
    ("max-connections", "connections", whole, "Connections in all; 0 for no bound."),
    ("max-per-peer", "connections_per_peer", whole,
     "Connections of one IPv4 address or IPv6 /64; 0 for no bound."),
    ("idle", "idle", parse_seconds,
     "How long without a message (20ms, 2s, 1min, 1h) until a connection is dropped; 0 for ever."),
    ("stall", "stall", parse_seconds,
     "How long a peer may refuse to read before it is dropped; 0 for ever."),
    ("max-message-size", "message_size", whole,
     "Bytes of a message, unless --framing is read; a connection with more is ended."),
    ("max-received", "received_messages", whole,
     "Messages that are kept for who asks through --control what was received."),
    ("max-received-bytes", "received_bytes", whole, "Bytes of these messages together."),
]  # fmt: skip
"""The options' names, the fields of `Limits`, what reads their texts, and their help."""

OPTION_OF = {field: name for name, field, _, _ in BOUNDS}


def default_of(field: str) -> str:
    """Write a limit that holds where none is asked for as its option is written."""
    value = getattr(Limits(), field)
    return str(value) if isinstance(value, int) else f"{value:g}"
