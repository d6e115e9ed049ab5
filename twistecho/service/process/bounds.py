"""The options that set the limits of a service, see `Limits`."""

from collections.abc import Callable

from twistecho.base.notation import parse_seconds, whole
from twistecho.service.echo.limits import Limits

BOUNDS: list[tuple[str, str, Callable[[str], float], str]] = [
    ("max-waiting", "waiting_bytes", whole,
     "Bytes waiting on a connection at which reading from it stops."),
    ("max-messages", "waiting_messages", whole,
     "Messages waiting on a connection at which reading from it stops."),
    ("max-waiting-total", "total_waiting_bytes", whole,
     "Bytes that may wait on all connections together."),
    ("max-connections", "connections", whole, "Connections in all; 0 for no limit."),
    ("max-per-peer", "connections_per_peer", whole,
     "Connections per IPv4 address or IPv6 /64; 0 for no limit."),
    ("idle", "idle", parse_seconds,
     "Time without a message (20ms, 2s, 1min, 1h) until a connection is dropped; 0 for no limit."),
    ("stall", "stall", parse_seconds,
     "Time without reading replies until a peer is dropped; 0 for no limit."),
    ("max-message-size", "message_size", whole,
     "Bytes per message, unless --framing is read; a longer one ends its connection."),
    ("max-received", "received_messages", whole,
     "Messages kept for GET /received of --control."),
    ("max-received-bytes", "received_bytes", whole, "Bytes of these messages together."),
]  # fmt: skip
"""Each option's name, the field of `Limits` that it sets, its parser, and its help."""

OPTION_OF = {field: name for name, field, _, _ in BOUNDS}


def default_of(field: str) -> str:
    """Return the default of a limit as the text of its option."""
    value = getattr(Limits(), field)
    return str(value) if isinstance(value, int) else f"{value:g}"
