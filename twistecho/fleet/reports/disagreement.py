"""Differences between two reports about the same client."""

from collections.abc import Sequence
from dataclasses import dataclass

from .outcome import Outcome

COMPARED = ("messages", "bytes_sent", "bytes_returned", "reconnects")
"""The counts, besides the outcome itself, on which two reports must agree, client by client."""


@dataclass(frozen=True)
class Disagreement:
    """A client whose results differ between two reports; ``field`` names the difference."""

    client: int
    field: str
    ours: object
    theirs: object

    def __str__(self) -> str:
        """Return the disagreement as one line."""
        return f"client {self.client}: {self.field}: {self.ours} against {self.theirs}"


def disagreements(ours: Sequence[Outcome], theirs: Sequence[Outcome]) -> list[Disagreement]:
    """Return the differences between two lists of outcomes; times do not count."""
    one, other = _by_client(ours), _by_client(theirs)
    found: list[Disagreement] = []
    for client in sorted(one.keys() | other.keys()):
        found += _differences(client, one.get(client), other.get(client))
    return found


def _by_client(outcomes: Sequence[Outcome]) -> dict[int, Outcome]:
    return {outcome.client: outcome for outcome in outcomes}


def _differences(client: int, ours: Outcome | None, theirs: Outcome | None) -> list[Disagreement]:
    if ours is None or theirs is None:
        return [Disagreement(client, "outcome", ours or "missing", theirs or "missing")]
    pairs = [("outcome", str(ours), str(theirs))]
    # How many bytes the system takes while the peer does not read varies between runs.
    compared = [n for n in COMPARED if n != "bytes_sent" or not (ours.unsent or theirs.unsent)]
    # One engine may not know the format: how many bytes come before a reset varies too.
    compared += ["reply"] if ours.reply and theirs.reply else []
    pairs += [(name, getattr(ours, name), getattr(theirs, name)) for name in compared]
    return [Disagreement(client, name, one, two) for name, one, two in pairs if one != two]
