"""The text of the time for stamps, cached for each second."""

import time

_known = (-1, "")
"""The last second, since the epoch, and its text; one tuple, so that threads read both together."""


def ctime() -> str:
    """Return the text of `time.ctime`, made once per second."""
    global _known  # noqa: PLW0603 - one cache for the whole process
    second, text = _known
    now = int(time.time())
    if now != second:
        text = time.ctime(now)
        _known = now, text
    return text
