"""Regular expressions over messages, whose search time is linear in the size of the message.

A peer chooses the message, and Python's own ``re`` may take exponential time; so these use RE2
(google-re2). They match bytes: the text of a pattern is encoded in UTF-8.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Pattern:
    """A regular expression of RE2, over bytes. Raises ValueError, with RE2's reason, if invalid."""

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
        """The number of instructions it compiles to, which determines its memory and time."""
        return int(self._compiled.programsize)

    def found_in(self, message: bytes) -> bool:
        """Return whether it matches anywhere in a message."""
        return self._compiled.search(message) is not None

    def groups_in(self, message: bytes) -> tuple[bytes, ...] | None:
        """Return the match and its groups (``b""`` for an unused group); None without a match."""
        match = self._compiled.search(message)
        return None if match is None else (match.group(0), *match.groups(b""))

    def __reduce__(self) -> tuple[type, tuple[bytes]]:
        """Pickle the source alone: the receiving process compiles it again."""
        return Pattern, (self.source,)


_MOST_MEMORY = 2**20
"""The memory that one pattern may use, in bytes: messages decide which states RE2 caches."""


def _compile(source: bytes) -> Any:
    import re2  # noqa: PLC0415 - takes 10 ms, needed only where there is a pattern

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
