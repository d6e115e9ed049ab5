"""The timelines of a comparison on a terminal: one panel per design, one line per client.

All panels have the same scale. Lines are in the order in which the clients finished: a server that
serves one client at a time draws a staircase, one that serves all at once a wall. If there are more
clients than lines, each line stands for several clients and shows what most of them did.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from string import ascii_uppercase

from rich.text import Text

from twistecho.base.notation import written
from twistecho.fleet.output.causes import cause_name
from twistecho.fleet.reports.outcome import Outcome

from .comparison import Comparison, Run, causes

LINES = 20
"""The most lines in a panel."""

NARROWEST = 13
"""The fewest columns of a panel in which a staircase of that many lines is visible."""

_GAP = 2
_BETWEEN = " " * 3  # entries of the legend
_LABEL = 5
_EIGHTHS = "▏▎▍▌▋▊▉█"
_MEANINGS = {
    "connecting": "connecting",
    "waiting": "waiting for the reply",
    "closing": "answered, still open",
}
_LETTERS = {"refused": "F", "timeout": "T", "reset": "R", "closed": "C", "mismatch": "M"}
_STYLES = {"connecting": "yellow", "waiting": "cyan", "closing": "green", "failed": "bold red"}


@dataclass(frozen=True)
class Marks:
    """The characters of a timeline: one per state; `closing` is the time after the first reply."""

    connecting: str
    waiting: str
    closing: str
    axis: str
    tick: str


UNICODE = Marks(connecting="·", waiting="█", closing="▒", axis="─", tick="├")
ASCII = Marks(connecting=".", waiting="=", closing="#", axis="-", tick="+")


class Timeline:
    """The timelines of runs with the same number of clients, to be printed line by line.

    ``width`` is in columns. Use the `ASCII` marks if the terminal supports no others.
    """

    def __init__(
        self, comparison: Comparison, clients: int, *, width: int = 80, marks: Marks = UNICODE
    ) -> None:
        self._comparison = comparison
        self._runs = comparison.of_size(clients)
        self._marks = marks
        self._width = width
        self._end = max([run.report.makespan for run in self._runs], default=0.0) or 1.0
        self._letters = letters(causes(self._runs))
        self._drawn: set[str] = set()
        self._abreast = max(1, min(len(self._runs), (width - _LABEL) // (NARROWEST + _GAP)))
        self._columns = min(72, (width - _LABEL) // self._abreast - _GAP)

    def lines(self) -> list[Text]:
        """Return all lines: rows of panels, then the legend."""
        found: list[Text] = []
        for at in range(0, len(self._runs), self._abreast):
            found += self._row(self._runs[at : at + self._abreast])
        return [*found, *self._legend()]

    def _row(self, runs: Sequence[Run]) -> list[Text]:
        lines = [self._join("", [Text(self._comparison.name(run)) for run in runs])]
        lines.append(self._join("", [Text(self._axis(), style="dim") for _ in runs]))
        grouped = [groups(run.in_order_of_end) for run in runs]
        upto = 0
        for number in range(max(len(panel) for panel in grouped)):
            cells = [self._bar(panel[number] if number < len(panel) else []) for panel in grouped]
            upto += max(len(panel[number]) if number < len(panel) else 0 for panel in grouped)
            lines.append(self._join(f"{upto:,}", cells))
        return [*lines, Text("")]

    def _join(self, label: str, cells: Sequence[Text]) -> Text:
        line = Text(label.rjust(_LABEL - 1) + " ")
        for cell in cells:
            cell.truncate(self._columns, pad=True)
            line.append_text(cell).append(" " * _GAP)
        line.rstrip()
        return line

    def _axis(self) -> str:
        """Draw the scale: from 0 to the end of the longest run."""
        end = written(self._end)
        line = self._marks.axis * (self._columns - len(end) - 2)
        return f"{self._marks.tick}{line} {end}"

    def _bar(self, group: Sequence[Outcome]) -> Text:
        """Draw what most clients of a group did, column by column, and how the group ended."""
        bar = Text()
        for column in range(self._columns):
            state = majority([self._state(o, column) for o in group])
            if state == "ended":
                break
            self._drawn.add(state)
            bar.append(getattr(self._marks, state), style=_STYLES[state])
        failed = Counter(str(o.cause) for o in group if o.cause is not None)
        if failed:
            bar.truncate(self._columns - 1)
            bar.append(self._letters[failed.most_common(1)[0][0]], style=_STYLES["failed"])
        elif group and len(bar) < self._columns:
            self._add_fraction(bar, group)
        return bar

    def _state(self, outcome: Outcome, column: int) -> str:
        """Return a client's state in a column; a column that it fills partly counts as ended."""
        width = self._end / self._columns
        if outcome.ended < (column + 1) * width:
            return "ended"
        return state_at(outcome, (column + 0.5) * width)

    def _add_fraction(self, bar: Text, group: Sequence[Outcome]) -> None:
        """Draw the fraction of a column that the last state fills."""
        ended = sorted(o.ended for o in group)[len(group) // 2]
        eighths = round((ended / self._end * self._columns - len(bar)) * len(_EIGHTHS))
        closing = bar.plain.endswith(self._marks.closing)
        if self._marks is UNICODE and not closing:
            if eighths > 0 or not len(bar):
                bar.append(_EIGHTHS[max(0, min(eighths, 8) - 1)], style=_STYLES["waiting"])
        elif eighths >= len(_EIGHTHS) // 2 or not len(bar):
            state = "closing" if closing else "waiting"
            bar.append(getattr(self._marks, state), style=_STYLES[state])

    def _legend(self) -> list[Text]:
        entries = [
            Text.assemble((getattr(self._marks, state) * 2, _STYLES[state]), f" {meaning}")
            for state, meaning in _MEANINGS.items()
            if state in self._drawn
        ]
        lines = [Text()]
        for entry in [*entries, Text("end: done")]:
            if lines[-1] and len(lines[-1]) + len(_BETWEEN) + len(entry) > self._width:
                lines.append(Text())
            lines[-1].append(_BETWEEN if lines[-1] else "").append_text(entry)
        for cause, letter in self._letters.items():
            lines.append(Text(f"{letter} ", style=_STYLES["failed"]).append(cause_name(cause)))
        return lines


def letters(found: Sequence[str]) -> dict[str, str]:
    """Return a different letter for each cause of failure; usual causes have fixed ones."""
    given: dict[str, str] = {}
    for cause in found:
        wanted = _LETTERS.get(cause.partition(":")[2], "")
        order = f"{wanted}{wanted.lower()}{ascii_uppercase}"
        given[cause] = next(letter for letter in order if letter not in given.values())
    return given


def groups(ordered: Sequence[Outcome], lines: int = LINES) -> list[Sequence[Outcome]]:
    """Cut clients, in the order in which they finished, into at most that many groups."""
    count = min(lines, len(ordered))
    cuts = [len(ordered) * number // count for number in range(count + 1)] if count else []
    return [ordered[a:b] for a, b in pairwise(cuts)]


def state_at(outcome: Outcome, moment: float) -> str:
    """Return what a client does at a moment, in seconds from the start of the run."""
    if moment > outcome.ended:
        return "ended"
    if outcome.connected is None or moment <= outcome.connected:
        return "connecting"
    if outcome.replied is None or moment <= outcome.replied:
        return "waiting"
    return "closing"


def majority(states: Sequence[str]) -> str:
    """Return the state that most clients are in; ended if there are no clients."""
    return Counter(states).most_common(1)[0][0] if states else "ended"
