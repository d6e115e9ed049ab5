"""The token that control requests must send: ``Authorization: Bearer TOKEN`` (RFC 6750)."""

import hmac
import re
from pathlib import Path

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_LONGEST = 4096


def read_token(path: str) -> str:
    """Read a token: the first line of a file, without the space around it.

    The permissions of the file are not checked: all users of a container may read its secrets.
    Raises ValueError where the file cannot be read, or its token cannot be sent in
    ``Authorization``.
    """
    try:
        with Path(path).open("rb") as file:
            line = file.readline(_LONGEST + 1)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    token = line.decode("latin-1").strip()
    if not token:
        raise ValueError(f"{path}: its first line is empty")
    if len(line) > _LONGEST or _TOKEN.fullmatch(token) is None:
        raise ValueError(
            f"{path}: its first line is not a token: letters, digits, ._~+/- and = last"
        )
    return token


def carries(authorization: str, token: str) -> bool:
    """Return whether a header's value has the token, comparing in constant time."""
    scheme, _, given = authorization.partition(" ")
    known = hmac.compare_digest(given.strip(" ").encode(), token.encode())
    return known and scheme.lower() == "bearer"
