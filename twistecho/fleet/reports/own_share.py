"""The fleet's own share of the times that it prints, and the figures that this makes doubtful.

A time measured by the fleet includes how long a message waited unsent and its reply unread. The
time without that is measured too, for a sample of messages: the share is the difference of the two
at the same percentile. The share is known if every message was timed, or if `_BEYOND` of the timed
messages lie beyond the percentile. Otherwise there is a *bound* instead: the largest share of any
timed message. Nothing is known if no message was timed, since neither the system nor the transport
reports when bytes arrive.

A figure is *marked* if the share is more than a tenth of it, and more than 0.2 ms or than the
report allows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from twistecho.base.notation import written

from .histograms import PERCENTILES, Latencies, Measured, rank_of

MARKED_FROM = 0.0002
"""The default limit below which a share marks no figure, in seconds."""

_PART = 0.1
_BEYOND = 100

_TIMES = {
    "response": ("latency", "wire"),
    "service": ("service", "wire"),
    "connect": ("connect", "connect_wire"),
    "first_byte": ("first_byte", "first_byte_wire"),
}
"""The fields of each time's histogram, and of the one without the fleet's own share."""

COLUMNS = ("min", "mean", *(f"p{at:g}" for at in PERCENTILES), "max")
"""The figures of each time that a report shows."""


@dataclass(frozen=True)
class OwnShare:
    """The fleet's own ``seconds`` in a figure of ``of`` seconds; with ``bound`` at most these."""

    seconds: float
    of: float
    bound: bool = False

    def __str__(self) -> str:
        """Write it in a readable unit."""
        return "at most " * self.bound + written(self.seconds)

    def marks(self, allowed: float | None = None) -> bool:
        """Return whether it makes the figure doubtful; ``allowed`` is the limit in seconds."""
        return self.seconds > max(_PART * self.of, MARKED_FROM if allowed is None else allowed)


Shares = Mapping[str, Mapping[str, OwnShare]]
"""Shares by the time, ``response`` for instance, and the figure, ``p99``, ``mean`` or ``max``."""


class TimeShares:
    """The fleet's own shares of the figures of one time, for instance of ``response``."""

    def __init__(self, measured: Measured, time: str, figures: Sequence[str] = COLUMNS) -> None:
        printed, true = _TIMES.get(time, ("", ""))
        if time == "response" and measured.undelayed:
            true = "undelayed"
        of_messages = true in {"wire", "undelayed"}
        timed = Latencies(getattr(measured, true, ""))
        every = Latencies(getattr(measured, printed, ""))
        self._timed = measured.samples if of_messages else timed.count
        self._count = every.count
        self._printed, self._true = _values(every, figures), _values(timed, figures)
        most = Latencies(measured.own).histogram().get_max_value() if of_messages else 0
        self._most = most / 1e6
        self._least = self._true.get("min", 0.0)

    def at(self, figure: str) -> OwnShare | None:
        """Return the share of a figure, ``p99``, ``mean`` or ``max``; None if it is unknown."""
        if not self._true or not self._printed:
            return None
        printed = self._printed[figure]
        if self._is_known(figure):
            return OwnShare(max(0.0, printed - self._true[figure]), printed)
        most = self._most or printed - self._least
        return OwnShare(min(printed, most), printed, bound=True)

    def _is_known(self, figure: str) -> bool:
        if self._timed >= self._count:
            return True
        rank = 0 if figure in {"min", "mean"} else rank_of(_percent(figure), self._timed)
        return self._timed - rank >= _BEYOND


def _percent(figure: str) -> float:
    return 100.0 if figure == "max" else float(figure[1:])


def _values(latencies: Latencies, figures: Sequence[str]) -> dict[str, float]:
    """Return the figures of a histogram by name; none where it is empty."""
    percents = [figure for figure in figures if figure not in {"min", "mean"}]
    summary = latencies.summary([_percent(figure) for figure in percents])
    if summary is None:
        return {}
    found = dict(zip(percents, summary.percentiles, strict=True))
    return {"min": summary.min, "mean": summary.mean, **found}


def own_shares(measured: Measured, figures: Sequence[str] = COLUMNS) -> Shares:
    """Return the known shares of figures, by default of all that a report shows."""
    found = {}
    for time in _TIMES:
        shares = TimeShares(measured, time, figures)
        found[time] = {figure: share for figure in figures if (share := shares.at(figure))}
    return {time: shares for time, shares in found.items() if shares}


def marks(found: Shares, allowed: float | None) -> Shares:
    """Return the shares that mark their figures."""
    marked = {
        time: {figure: share for figure, share in shares.items() if share.marks(allowed)}
        for time, shares in found.items()
    }
    return {time: shares for time, shares in marked.items() if shares}
