"""Regular expressions over messages, whose search takes time in proportion to the message alone.

A peer chooses the message, so Python's own ``re``, which may take exponential time, will not do:
these are RE2's (google-re2). Any byte matches: the text of a pattern stands for its UTF-8 bytes.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Pattern:
    """A regular expression of RE2, over bytes. Raises ValueError, with its reason, for no such."""

    source: bytes
    _compiled: Any = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Compile it."""
        object.__setattr__(self, "_compiled", _compile(self.source))

    @cached_property
    def groups(self) -> int:
        """How many groups it has."""
        return int(self._compiled.groups)

    @property
    def size(self) -> int:
        """How many instructions it has been compiled to: its memory and time follow from that."""
        return int(self._compiled.programsize)

    def found_in(self, message: bytes) -> bool:
        """Say whether it matches anywhere in a message."""
        return self._compiled.search(message) is not None

    def groups_in(self, message: bytes) -> tuple[bytes, ...] | None:
        """Give what matched and each group, ``b""`` where it took no part; None for no match."""
        match = self._compiled.search(message)
        return None if match is None else (match.group(0), *match.groups(b""))

    def __reduce__(self) -> tuple[type, tuple[bytes]]:
        """Be compiled anew by the process that it is sent to."""
        return Pattern, (self.source,)


_MOST_MEMORY = 2**20
"""What one pattern may take, in bytes: peers choose which of its states are remembered."""


def _compile(source: bytes) -> Any:
    import re2  # noqa: PLC0415 - 10 ms that only those pay who have a pattern

    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.log_errors = False
    options.max_mem = _MOST_MEMORY
    try:
        return re2.compile(source, options)
    except re2.error as error:
        reason = error.args[0] if error.args else error
        said = reason.decode("latin-1") if isinstance(reason, bytes) else str(reason)
        raise ValueError(f"not a pattern: {said}") from None
