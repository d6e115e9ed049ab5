"""What two reports tell differently of the same client."""

from collections.abc import Sequence
from dataclasses import dataclass

from .outcome import Outcome

COMPARED = ("messages", "bytes_sent", "bytes_returned", "reconnects")
"""The counts, besides the outcome itself, on which two reports must agree, client by client."""


@dataclass(frozen=True)
class Disagreement:
    """A client of whom two reports tell different things; ``field`` names what differs."""

    client: int
    field: str
    ours: object
    theirs: object

    def __str__(self) -> str:
        """Give the disagreement as one line."""
        return f"client {self.client}: {self.field}: {self.ours} against {self.theirs}"


def disagreements(ours: Sequence[Outcome], theirs: Sequence[Outcome]) -> list[Disagreement]:
    """List where two lists of outcomes tell different things; times don't count."""
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
    # How much the system takes of what nobody reads is up to the moment.
    compared = [n for n in COMPARED if n != "bytes_sent" or not (ours.unsent or theirs.unsent)]
    # A format may be known to one alone: how much came before a reset is up to the moment, too.
    compared += ["reply"] if ours.reply and theirs.reply else []
    pairs += [(name, getattr(ours, name), getattr(theirs, name)) for name in compared]
    return [Disagreement(client, name, one, two) for name, one, two in pairs if one != two]
