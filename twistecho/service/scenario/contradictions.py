"""Refuse faults that contradict each other, so that none is configured that can never apply."""

from collections.abc import Iterable, Sequence

from twistecho.base.networks import Network

from .fault import ALWAYS, OF_MESSAGES, Direction, Fault, Kind, Schedule
from .patterns import Pattern

_ROUNDING = 1e-9

_Condition = tuple[Schedule, Network | None, Pattern | None]

_ANYWHERE: _Condition = (ALWAYS, None, None)


def refuse_contradictions(faults: Sequence[Fault]) -> None:
    """Raise ValueError, with one line, where faults contradict each other.

    Faults with a limit contradict no others: they are tried first, and then used up.
    """
    refusing = [fault for fault in faults if fault.kind is Kind.REFUSE]
    others = [fault for fault in faults if fault.kind in OF_MESSAGES | {Kind.BANDWIDTH}]
    _refuse_too_probable(refusing)
    _refuse_too_probable(fault for fault in faults if fault.kind in OF_MESSAGES)
    for way in Direction:
        _refuse_too_probable(fault for fault in faults if fault.goes(way))
    _refuse_too_probable(fault for fault in faults if fault.kind is Kind.UNACCEPTED)
    if others and any(map(_always, refusing)):
        raise ValueError(f"{others[0].text} can never apply: every connection is refused")


def _condition_of(fault: Fault) -> _Condition:
    return fault.schedule, fault.peer, fault.match


def _always(fault: Fault) -> bool:
    return fault.limit is None and fault.probability == 1 and _condition_of(fault) == _ANYWHERE


def _refuse_too_probable(faults: Iterable[Fault]) -> None:
    """Raise ValueError where the probabilities of one condition add up to more than 1.

    Also raise it for a fault that follows unconditional faults whose probabilities add up to 1.
    """
    taken: dict[_Condition, float] = {}
    seen: list[Fault] = []
    for fault in faults:
        if fault.limit is not None:
            continue
        seen.append(fault)
        condition = _condition_of(fault)
        together = taken.get(condition, 0.0) + fault.probability
        if together > 1 + _ROUNDING or taken.get(_ANYWHERE, 0.0) >= 1:
            names = ", ".join(each.text for each in seen)
            raise ValueError(f"{names}: the probabilities add up to more than 1")
        taken[condition] = together
