"""The bytes that clients send: messages from the texts and files of the options."""

import os
from collections.abc import Sequence

from twistecho.base.escapes import unescape
from twistecho.base.files import bytes_of
from twistecho.base.notation import FieldError, number
from twistecho.fleet.plans.contents import MOST_OWN
from twistecho.fleet.plans.payload import OF_FILE, check_payload
from twistecho.fleet.plans.sizes import MOST_SIZE, parse_sizes


def checked_size(text: str) -> str:
    """Return a text of sizes after checking it. Raises ValueError if it is wrong."""
    parse_sizes(text)
    return text


def payload_in(name: str) -> bytes:
    """Return the bytes of a payload's file. Raises ValueError with a one-line message."""
    return bytes_of(name, MOST_OWN)


def read_payload(text: str) -> str | bytes:
    """Parse ``random``, ``text``, ``zeros`` or ``file:PATH`` (and read it). Raises ValueError."""
    if text.startswith(OF_FILE):
        return payload_in(text.removeprefix(OF_FILE))
    try:
        check_payload(text)
    except FieldError:
        raise ValueError(f"{text[:40]!r} is not random, text, zeros or file:PATH") from None
    return text


def read_message(name: str) -> bytes:
    """Return the message in a file. Raises ValueError with a one-line message."""
    return bytes_of(name, MOST_SIZE)


def parse_weights(text: str) -> tuple[float, ...]:
    """Parse weights such as ``9,1``. Raises ValueError."""
    return tuple(number(each) for each in text.split(","))


def messages_from(
    texts: Sequence[str], files: Sequence[bytes], *, given: bool, escapes: bool
) -> tuple[bytes, ...]:
    """Return the messages of the options; ``given`` means that the user set the texts.

    Raises FieldError if the options contradict each other, and for a wrong escape.
    """
    if files and given:
        raise FieldError("message-file", "it contradicts ", "messages")
    if escapes and not given:
        raise FieldError("escapes", "there is no ", "messages")
    if files:
        return tuple(files)
    if not escapes:
        return tuple(map(os.fsencode, texts))
    try:
        return tuple(map(unescape, texts))
    except ValueError as error:
        raise FieldError("messages", str(error)) from None
