"""The fleet's own share of the times that it prints, and the figures that it makes doubtful.

A time that the fleet measures has in it how long a message lay unsent and its reply unread. What
would be left without that was measured too, of a sample: the share is the difference of the two at
the same percentile. It is known where every message was timed or `_BEYOND` of those that were lie
beyond the percentile. Else there is a *bound* in its place: the most that any of them had. Where
nothing was timed, since neither the system nor the transport tells when bytes come, nothing is
known.

A figure is *marked* where the share is more than a tenth of it, and more than 0.2 ms, or more than
the report allows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from twistecho.base.notation import written

from .histograms import PERCENTILES, Latencies, Measured, rank_of

MARKED_FROM = 0.0002
"""Seconds: a share of less marks nothing, unless the report says otherwise."""

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
"""What a report shows of each time."""


@dataclass(frozen=True)
class OwnShare:
    """Seconds ``of`` a figure, in seconds too, that are the fleet's; where a ``bound``, at most."""

    seconds: float
    of: float
    bound: bool = False

    def __str__(self) -> str:
        """Write it with the unit that people would choose."""
        return "at most " * self.bound + written(self.seconds)

    def marks(self, allowed: float | None = None) -> bool:
        """Say whether it makes the figure doubtful, where so many seconds are allowed."""
        return self.seconds > max(_PART * self.of, MARKED_FROM if allowed is None else allowed)


Shares = Mapping[str, Mapping[str, OwnShare]]
"""Shares by the time, ``response`` for instance, and the figure, ``p99``, ``mean`` or ``max``."""


class TimeShares:
    """The fleet's own shares of one time's figures: of ``response``, or ``connect``, and so on."""

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
        """Give the share of a figure, ``p99``, ``mean`` or ``max``; None where it is not known."""
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
    """Give the figures of a histogram by name; none where it is empty."""
    percents = [figure for figure in figures if figure not in {"min", "mean"}]
    summary = latencies.summary([_percent(figure) for figure in percents])
    if summary is None:
        return {}
    found = dict(zip(percents, summary.percentiles, strict=True))
    return {"min": summary.min, "mean": summary.mean, **found}


def own_shares(measured: Measured, figures: Sequence[str] = COLUMNS) -> Shares:
    """Give the shares of figures, of all that a report shows by default, where they are known."""
    found = {}
    for time in _TIMES:
        shares = TimeShares(measured, time, figures)
        found[time] = {figure: share for figure in figures if (share := shares.at(figure))}
    return {time: shares for time, shares in found.items() if shares}


def marks(found: Shares, allowed: float | None) -> Shares:
    """Give the shares that mark their figures."""
    marked = {
        time: {figure: share for figure, share in shares.items() if share.marks(allowed)}
        for time, shares in found.items()
    }
    return {time: shares for time, shares in marked.items() if shares}
