"""Reading files that options name: traces of delays, and bytes to send."""

from collections.abc import Iterator
from pathlib import Path


def lines_of(name: str) -> Iterator[str]:
    """Yield the lines of a text file. Raises ValueError, in one line, if it cannot be read."""
    try:
        with Path(name).open(encoding="utf-8") as file:
            yield from file
    except UnicodeDecodeError:
        raise ValueError(f"{name} is not text") from None
    except OSError as error:
        raise ValueError(f"{name}: {error.strerror}") from None


def bytes_of(name: str, most: int) -> bytes:
    """Return the bytes of a file, 1 to ``most``. Raises ValueError with one line that names it."""
    try:
        with Path(name).open("rb") as file:
            found = file.read(most + 1)
    except (OSError, ValueError) as error:
        raise ValueError(f"{name}: {getattr(error, 'strerror', None) or error}") from None
    if not found:
        raise ValueError(f"{name}: it is empty")
    if len(found) > most:
        raise ValueError(f"{name}: it has more than {most:,} bytes")
    return found
