"""What is to be said of two targets, figure by figure: faster, slower, or no difference seen."""

from dataclasses import dataclass

from twistecho.base.notation import TextEnum

FEWEST_PAIRS = 20
"""With fewer nothing is said."""


class Finding(TextEnum):
    """What is to be said of a figure: of the second target, compared with the first."""

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
    """One figure of two targets: ``one`` and ``two`` in a typical slice, or failures in all.

    ``ratio`` is that of the second to the first, ``low`` and ``high`` its interval; None where
    there is nothing to tell, for the reason that ``problem`` gives. Of a figure that is ``marked``
    a good part is the fleet's own: without that the ratio is so many times as large, the
    ``doubt``'s first number at least and its second at most.
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
        """Whether a good part of the figure is the fleet's own."""
        return self.doubt is not None

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The interval within which the true ratio is, the fleet's own share considered."""
        if self.low is None or self.high is None:
            return None
        least, most = self.doubt or (1.0, 1.0)
        return self.low * least, self.high * most

    @property
    def finding(self) -> Finding:
        """What is to be said of it."""
        if self.bounds is None or self.low is None or self.high is None:
            return Finding.ALIKE if self.problem is None else Finding.UNDECIDED
        seen = _is_beyond(self.low, self.high)
        if not seen:
            return Finding.ALIKE
        # What the fleet's own share may have made is no difference of the targets.
        if _is_beyond(*self.bounds) != seen:
            return Finding.UNDECIDED
        if self.name == "failures":
            return Finding.MORE if seen > 0 else Finding.FEWER
        return Finding.FASTER if (seen > 0) == (self.name == "rate") else Finding.SLOWER


def _is_beyond(low: float, high: float) -> int:
    """Say on which side of 1 an interval lies: 1 above it, -1 below it, 0 for neither."""
    return (low > 1) - (high < 1)


@dataclass(frozen=True)
class Comparison:
    """All figures of two targets, of so many pairs of slices; see `compare`."""

    pairs: int
    figures: tuple[Compared, ...]

    def figure(self, name: str) -> Compared:
        """Give a figure by its name."""
        return next(each for each in self.figures if each.name == name)

    @property
    def differs(self) -> bool:
        """Whether a difference was seen in any figure."""
        return any(each.finding.differs for each in self.figures)
