r"""Answers to messages that match a pattern.

The reply of an answer may name groups of the match: ``\1`` to ``\9``, and ``\0`` for all of it;
``\\`` is a backslash. Several replies are used in turn, over and over, on each connection.
"""

import re
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any, Self

from twistecho.base.notation import FieldError

from .delay import Delay
from .fault import Fault
from .patterns import Pattern
from .values import bytes_of, read_delay, read_message_fault, truth

MOST_GROUPS = 100
"""How many times a reply may name groups: a peer chooses the length of each."""

Piece = bytes | int
"""A part of a reply: bytes, or the number of a group."""

_ESCAPE = re.compile(rb"\\(.?)", re.DOTALL)


def parse_reply(source: bytes, groups: int) -> tuple[Piece, ...]:
    r"""Cut a reply at the groups that it names. Raises ValueError for a group that is missing."""
    pieces: list[Piece] = []
    at = 0
    for match in _ESCAPE.finditer(source):
        pieces.append(source[at : match.start()])
        pieces.append(_escaped(match[1], groups))
        at = match.end()
    pieces.append(source[at:])
    if sum(isinstance(piece, int) for piece in pieces) > MOST_GROUPS:
        raise ValueError(f"names groups more than {MOST_GROUPS} times")
    return tuple(piece for piece in pieces if piece != b"")


def _escaped(character: bytes, groups: int) -> Piece:
    if character == b"\\":
        return b"\\"
    shown = character.decode("latin-1")
    if not (character.isascii() and character.isdigit()):
        raise ValueError(f"'\\{shown}' is not a group: write a backslash twice")
    if int(character) > groups:
        raise ValueError(f"'\\{shown}': the pattern has {groups} groups")
    return int(character)


@dataclass(frozen=True, init=False)
class On:
    """An answer to the messages that match a pattern.

    ``match`` is a regular expression of RE2 (text is encoded in UTF-8), searched anywhere in the
    message. ``reply`` is the reply, or several that are used in turn; None leaves the reply
    unchanged. ``delay`` and ``fault`` replace those of the service. ``close`` ends the connection
    after the reply. ``limit`` is how many times the answer is used in all. Raises FieldError.
    """

    match: Pattern
    reply: tuple[bytes, ...] | None
    delay: Delay | None
    fault: Fault | None
    close: bool
    limit: int | None
    pieces: tuple[tuple[Piece, ...], ...] = field(compare=False, repr=False)

    def __init__(
        self,
        match: bytes | str | Pattern,
        reply: bytes | str | Sequence[bytes | str] | None = None,
        *,
        delay: Delay | float | str | None = None,
        fault: Fault | str | None = None,
        close: bool = False,
        limit: int | None = None,
    ) -> None:
        pattern = match if isinstance(match, Pattern) else _field("match", _pattern, match)
        replies = _field("reply", _replies, reply)
        object.__setattr__(self, "match", pattern)
        object.__setattr__(self, "reply", replies)
        object.__setattr__(self, "pieces", _field("reply", _pieces_of, (replies, pattern.groups)))
        object.__setattr__(self, "delay", _field("delay", read_delay, delay))
        object.__setattr__(self, "fault", _field("fault", read_message_fault, fault))
        object.__setattr__(self, "close", _field("close", truth, close))
        object.__setattr__(self, "limit", _field("limit", _limit, limit))

    def with_delay(self, delay: Delay) -> Self:
        """Return a copy with another delay."""
        other = copy(self)
        object.__setattr__(other, "delay", delay)
        return other

    def longest_reply(self, size: int) -> int:
        """Return the most bytes that a reply to a message of ``size`` bytes can have."""
        sizes = (
            sum(size if isinstance(piece, int) else len(piece) for piece in pieces)
            for pieces in self.pieces
        )
        return max(sizes, default=0)

    def reply_to(self, groups: Sequence[bytes], turn: int) -> bytes | None:
        """Return the reply to a message that matched, with its groups filled in.

        ``turn`` is the number of earlier matches on the same connection.
        """
        if not self.pieces:
            return None
        pieces = self.pieces[turn % len(self.pieces)]
        return b"".join(groups[piece] if isinstance(piece, int) else piece for piece in pieces)


def _field(name: str, read: Callable[[Any], Any], value: object) -> Any:
    try:
        return read(value)
    except ValueError as error:
        raise FieldError(name, str(error)) from None


def _pattern(value: object) -> Pattern:
    return Pattern(bytes_of(value))


def _replies(value: object) -> tuple[bytes, ...] | None:
    if value is None:
        return None
    if isinstance(value, (list, tuple)):
        if not value:
            raise ValueError("the list is empty")
        return tuple(bytes_of(each) for each in value)
    return (bytes_of(value),)


def _pieces_of(given: tuple[tuple[bytes, ...] | None, int]) -> tuple[tuple[Piece, ...], ...]:
    replies, groups = given
    return tuple(parse_reply(reply, groups) for reply in replies or ())


def _limit(value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"not a whole number, 1 or more: {value!r}"[:80])
    return value
