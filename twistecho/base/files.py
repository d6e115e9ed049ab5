"""Reading a trace of delays from its file."""

from collections.abc import Iterator
from pathlib import Path


def lines_of(name: str) -> Iterator[str]:
    """Give the lines of a text file. Raises ValueError with one line where it cannot be read."""
    try:
        with Path(name).open(encoding="utf-8") as file:
            yield from file
    except UnicodeDecodeError:
        raise ValueError(f"{name} is not text") from None
    except OSError as error:
        raise ValueError(f"{name}: {error.strerror}") from None
