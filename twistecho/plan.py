"""What every client of a fleet does: the plan, a value."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .wire import ReplyFormat

NOTEBOOK_MESSAGE = b"Ola mundo da internet!"
"""What the notebook's clients send."""

LONGEST_TIMEOUT = 1e6
"""Seconds: eleven days, which every system call that waits can count."""


@dataclass(frozen=True)
class Plan:
    """What each of ``clients`` clients does: all messages in turn, ``repeat`` times over.

    ``timeout`` bounds connecting, each whole reply and the closing, in seconds. ``reply`` is the
    format that the replies must have. Where the clients are ``ordered`` each connects only once the
    one before has, so that the server accepts them in the order of their numbers. Raises
    ValueError, naming the field, for a plan that nobody can carry out.
    """

    clients: int = 20
    messages: tuple[bytes, ...] = (NOTEBOOK_MESSAGE,)
    repeat: int = 1
    timeout: float = 30.0
    reply: ReplyFormat = ReplyFormat.STAMPED
    ordered: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be carried out."""
        if self.clients < 1:
            raise ValueError(f"clients: {self.clients} is not 1 or more")
        if self.repeat < 1:
            raise ValueError(f"repeat: {self.repeat} is not 1 or more")
        if not self.messages:
            raise ValueError("messages: there is none")
        if not all(self.messages):
            raise ValueError("messages: an empty message has no reply")
        if not 0 < self.timeout <= LONGEST_TIMEOUT:
            raise ValueError(
                f"timeout: {self.timeout:g} is not a number of seconds above 0, "
                f"at most {LONGEST_TIMEOUT:g}"
            )

    @property
    def messages_per_client(self) -> int:
        """How many messages each client sends."""
        return len(self.messages) * self.repeat

    def message(self, number: int) -> bytes:
        """Give the message with this number, counted from 0 over all repeats."""
        return self.messages[number % len(self.messages)]

    def to_dict(self) -> dict[str, Any]:
        """Give the plan as JSON data."""
        return {
            "clients": self.clients,
            "messages": [_message_to_json(message) for message in self.messages],
            "repeat": self.repeat,
            "timeout": self.timeout,
            "reply": str(self.reply),
            "ordered": self.ordered,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Plan":
        """Read the plan back from JSON data. Raises ValueError, KeyError or TypeError."""
        try:
            return cls(
                clients=int(data["clients"]),
                messages=tuple(_message_from_json(message) for message in data["messages"]),
                repeat=int(data["repeat"]),
                timeout=float(data["timeout"]),
                reply=ReplyFormat(data["reply"]),
                ordered=bool(data.get("ordered", False)),
            )
        except OverflowError as error:
            raise ValueError(f"a number is too large: {error}") from None


def _message_to_json(message: bytes) -> str | dict[str, str]:
    """Write text as text, and what is no UTF-8 as base64."""
    try:
        return message.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(message).decode()}


def _message_from_json(data: str | Mapping[str, str]) -> bytes:
    if isinstance(data, str):
        return data.encode()
    return base64.b64decode(data["base64"], validate=True)
