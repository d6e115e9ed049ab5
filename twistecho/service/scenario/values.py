"""Values that may also be given as text: bytes, delays, faults of messages; and true or false."""

from twistecho.base.notation import LONGEST_TIME

from .delay import AskedDelay, Constant, Delay
from .fault import OF_MESSAGES, Fault
from .parsing import parse_delays, parse_fault


def bytes_of(value: object) -> bytes:
    """Return bytes, or the UTF-8 bytes of a text. Raises ValueError for anything else."""
    if isinstance(value, str):
        try:
            return value.encode()
        except UnicodeEncodeError:
            raise ValueError("not text that UTF-8 can encode") from None
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    raise ValueError(f"neither text nor bytes: {type(value).__name__}")


def read_delay(value: object, seed: int = 0) -> Delay | None:
    """Take a delay: a number of seconds, a text, or a `Delay`; None for none. Raises ValueError."""
    if value is None:
        return None
    if isinstance(value, str):
        return parse_delays(value, seed=seed)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if isinstance(value, int) and abs(value) > LONGEST_TIME:  # a float might overflow
            raise ValueError(f"not a number of seconds, 0 to {LONGEST_TIME:,.0f}")
        return Constant(value)
    if isinstance(value, AskedDelay) or hasattr(value, "longest"):
        return value  # type: ignore[return-value]  # user-defined, with the members of `Delay`
    raise ValueError(f"not a delay: {type(value).__name__}")


def read_message_fault(value: object) -> Fault | None:
    """Take a fault of a message: a text or a `Fault`; None for none. Raises ValueError."""
    if value is None:
        return None
    fault = parse_fault(value) if isinstance(value, str) else value
    if not isinstance(fault, Fault):
        raise ValueError(f"not a fault: {type(fault).__name__}")  # noqa: TRY004 - as documented
    if fault.kind not in OF_MESSAGES:
        raise ValueError(f"{fault.kind} does not apply to messages")
    return fault


def truth(value: object) -> bool:
    """Take true or false. Raises ValueError for anything else."""
    if not isinstance(value, bool):
        raise ValueError(f"neither true nor false: {value!r}"[:80])  # noqa: TRY004 - as documented
    return value
