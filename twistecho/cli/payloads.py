"""What the options say of the bytes that clients send: texts and files become messages."""

import os
from collections.abc import Sequence

from twistecho.base.escapes import unescape
from twistecho.base.files import bytes_of
from twistecho.base.notation import FieldError, number
from twistecho.fleet.plans.contents import MOST_OWN
from twistecho.fleet.plans.payload import OF_FILE, check_payload
from twistecho.fleet.plans.sizes import MOST_SIZE, parse_sizes


def checked_size(text: str) -> str:
    """Give a text of sizes. Raises ValueError for another."""
    parse_sizes(text)
    return text


def payload_in(name: str) -> bytes:
    """Give the bytes of the file of a payload. Raises ValueError with one line."""
    return bytes_of(name, MOST_OWN)


def read_payload(text: str) -> str | bytes:
    """Read ``random``, ``text``, ``zeros`` or ``file:PATH``, then its bytes. Raises ValueError."""
    if text.startswith(OF_FILE):
        return payload_in(text.removeprefix(OF_FILE))
    try:
        check_payload(text)
    except FieldError:
        raise ValueError(f"{text[:40]!r} is not random, text, zeros or file:PATH") from None
    return text


def read_message(name: str) -> bytes:
    """Give the message in a file. Raises ValueError with one line."""
    return bytes_of(name, MOST_SIZE)


def parse_weights(text: str) -> tuple[float, ...]:
    """Read ``9,1``. Raises ValueError."""
    return tuple(number(each) for each in text.split(","))


def messages_from(
    texts: Sequence[str], files: Sequence[bytes], *, given: bool, escapes: bool
) -> tuple[bytes, ...]:
    """Give the messages of the options; the texts were ``given``, or are what is sent by default.

    Raises FieldError where the options contradict each other, and for a wrong escape.
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
