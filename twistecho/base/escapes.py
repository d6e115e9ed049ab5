r"""Bytes in the texts of options: a backslash escape stands for a byte.

Files and HTTP have another notation for bytes that are not text.
"""

import re

ESCAPE = re.compile(rb"\\(r|n|t|x[0-9A-Fa-f]{2}|\\|.?)", re.DOTALL)
"""A backslash and the bytes after it (the group), whether or not they are a known escape."""

_BYTES = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"\\": b"\\"}


def escaped_byte(escape: bytes) -> bytes | None:
    r"""Return the byte for ``r``, ``n``, ``t``, ``\`` or ``xHH`` after a backslash, else None."""
    if escape.startswith(b"x") and len(escape) == 3:
        return bytes([int(escape[1:], 16)])
    return _BYTES.get(escape)


def unescape(text: str) -> bytes:
    r"""Read an option's text in which ``\r``, ``\n``, ``\t``, ``\\`` and ``\xHH`` are bytes.

    Raises ValueError for other escapes.
    """

    def replaced(match: re.Match[bytes]) -> bytes:
        byte = escaped_byte(match[1])
        if byte is None:
            raise ValueError(rf"'\{match[1].decode('latin-1')}' is none of \r \n \t \\ \xHH")
        return byte

    return ESCAPE.sub(replaced, text.encode("utf-8", "surrogateescape"))
