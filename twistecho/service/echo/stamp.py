"""The text of the time for stamps, which is the same for a second."""

import time

_known = (-1, "")
"""The second that was asked for last, since the epoch, and its text; exchanged as a whole."""


def ctime() -> str:
    """Give what `time.ctime` gives, written once a second."""
    global _known  # noqa: PLW0603 - what is known of one second is known everywhere
    second, text = _known
    now = int(time.time())
    if now != second:
        text = time.ctime(now)
        _known = now, text
    return text
