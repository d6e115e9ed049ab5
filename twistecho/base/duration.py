"""Times and rates as people write them: ``20ms``, ``10k``."""

import math

_PER_SECOND = {"us": 1e6, "ms": 1e3, "s": 1.0}


def parse_seconds(text: str) -> float:
    """Read ``5``, ``0.25``, ``5s``, ``20ms`` or ``100us``; give seconds.

    Raises ValueError with one line for anything else, and for what is negative or infinite.
    """
    unit = next((unit for unit in _PER_SECOND if text.endswith(unit)), "")
    try:
        seconds = float(text.removesuffix(unit)) / _PER_SECOND.get(unit, 1.0)
    except ValueError:
        raise ValueError(f"{text!r} is not a number of seconds") from None
    if not math.isfinite(seconds) or seconds < 0:
        raise ValueError(f"{text} is not a number of seconds, 0 or more")
    return seconds


_MULTIPLES = {"k": 1e3, "M": 1e6}


def parse_rate(text: str) -> float:
    """Read ``500``, ``500/s``, ``2.5k`` or ``1M``; give so many a second.

    Raises ValueError with one line for anything else, and for what is negative or infinite.
    """
    number = text.removesuffix("/s")
    multiple = _MULTIPLES.get(number[-1:], 1.0)
    try:
        rate = float(number if multiple == 1.0 else number[:-1]) * multiple
    except ValueError:
        raise ValueError(f"{text!r} is not a number a second") from None
    if not math.isfinite(rate) or rate < 0:
        raise ValueError(f"{text} is not a number a second, 0 or more")
    return rate


def written(seconds: float) -> str:
    """Write a time in the unit that people would choose: 3 significant digits."""
    for unit in ("s", "ms", "us"):
        value = seconds * _PER_SECOND[unit]
        if value >= 0.9995:
            return f"{value:.{_decimals(value)}f} {unit}"
    return f"{seconds * 1e6:.2f} us" if seconds else "0 s"


def _decimals(value: float) -> int:
    return 2 if value < 9.995 else 1 if value < 99.95 else 0
