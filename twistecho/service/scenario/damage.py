"""What a fault makes of a reply: the pieces that are sent, and how the connection ends."""

from .fault import Fault, Kind, Moment

_FLIP = 0x80
_EXTRA = b"!"


def pieces_of(fault: Fault, reply: bytes, where: float) -> list[bytes]:
    """Give what is sent instead of a reply; each piece but the first waits the fault's seconds.

    ``where``, in [0, 1), says which byte is corrupted: its highest bit is flipped, so that no reply
    to text is right by accident.
    """
    if fault.kind is Kind.SILENT:
        return []
    if fault.kind is Kind.TRUNCATE:
        cut = len(reply) - len(reply) // 2 if fault.size is None else fault.size
        return [reply[: max(0, len(reply) - cut)]]
    if fault.kind is Kind.CORRUPT and reply:
        at = int(where * len(reply))
        return [reply[:at] + bytes([reply[at] ^ _FLIP]) + reply[at + 1 :]]
    if fault.kind is Kind.EXTRA:
        return [reply + _EXTRA * (fault.size or 1)]
    if fault.kind is Kind.DRIP:
        size = fault.size or 1
        return [reply[at : at + size] for at in range(0, len(reply), size)]
    return [_until(fault, reply)]


def _until(fault: Fault, reply: bytes) -> bytes:
    """Give what is sent of a reply before its connection ends: all of it where it does not."""
    if fault.kind not in (Kind.RESET, Kind.CLOSE) or fault.at is Moment.AFTER:
        return reply
    return reply[: len(reply) // 2] if fault.at is Moment.MIDDLE else b""
