"""The findings about two targets, figure by figure: faster, slower, or no difference seen."""

from dataclasses import dataclass

from twistecho.base.notation import TextEnum

FEWEST_PAIRS = 20
"""The fewest pairs of slices that allow a finding."""


class Finding(TextEnum):
    """The finding about a figure of the second target, compared with the first."""

    FASTER = "faster"
    SLOWER = "slower"
    MORE = "more"
    FEWER = "fewer"
    ALIKE = "no difference seen"
    UNDECIDED = "undecided"

    @property
    def differs(self) -> bool:
        """Whether a difference was seen."""
        return self not in {Finding.ALIKE, Finding.UNDECIDED}


@dataclass(frozen=True)
class Compared:
    """One figure of two targets: ``one`` and ``two`` in a typical slice, or failures in total.

    ``ratio`` is that of the second to the first, ``low`` and ``high`` its interval; None if
    unknown, and ``problem`` is the reason. A large part of a ``marked`` figure is the fleet's own
    time: without that part the ratio changes by a factor between the two numbers of ``doubt``.
    """

    name: str
    one: float | None
    two: float | None
    pairs: int
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    doubt: tuple[float, float] | None = None
    problem: str | None = None

    @property
    def marked(self) -> bool:
        """Whether a large part of the figure is the fleet's own time."""
        return self.doubt is not None

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The interval of the true ratio, widened for the fleet's own share."""
        if self.low is None or self.high is None:
            return None
        least, most = self.doubt or (1.0, 1.0)
        return self.low * least, self.high * most

    @property
    def finding(self) -> Finding:
        """The finding about this figure."""
        if self.bounds is None or self.low is None or self.high is None:
            return Finding.ALIKE if self.problem is None else Finding.UNDECIDED
        seen = _is_beyond(self.low, self.high)
        if not seen:
            return Finding.ALIKE
        # A difference that the fleet's own share may explain is not the targets'.
        if _is_beyond(*self.bounds) != seen:
            return Finding.UNDECIDED
        if self.name == "failures":
            return Finding.MORE if seen > 0 else Finding.FEWER
        return Finding.FASTER if (seen > 0) == (self.name == "rate") else Finding.SLOWER


def _is_beyond(low: float, high: float) -> int:
    """Return 1 for an interval above 1, -1 for one below 1, and 0 for one that contains 1."""
    return (low > 1) - (high < 1)


@dataclass(frozen=True)
class Comparison:
    """All figures of two targets, from ``pairs`` pairs of slices; see `compare`."""

    pairs: int
    figures: tuple[Compared, ...]

    def figure(self, name: str) -> Compared:
        """Return a figure by its name."""
        return next(each for each in self.figures if each.name == name)

    @property
    def differs(self) -> bool:
        """Whether a difference was seen in any figure."""
        return any(each.finding.differs for each in self.figures)
