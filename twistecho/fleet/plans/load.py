"""When a client's messages are due: the load models.

Closed
    The next message is due ``think`` seconds after the reply to the previous one, or at once where
    the pipeline has room.
Open
    Messages are due on a schedule, whatever the server does. All ``clients`` of a plan share its
    ``rate`` evenly. *Constant*: message k of the n-th client is due (n + k * clients) / rate
    seconds after the schedule began. *Poisson*: the times between a client's messages are
    exponentially distributed with the mean clients / rate, drawn from the seed, the client's number
    and the message's number, so that they are the same in every run. All clients together are a
    Poisson process too.
Open, in stages
    The rate is a function of time; its integral since the first stage began is the number of
    messages due. *Constant*: message k of the n-th client is due when the integral is
    n + k * clients; k is below 0 in the warm-up. *Poisson*: the integral between a client's
    messages is exponentially distributed with the mean clients, drawn likewise. Source: Cinlar,
    Introduction to Stochastic Processes (1975), 4.7: a Poisson process of varying rate has the
    rate 1 when the integral serves as its time.
"""

import math
from collections.abc import Callable
from typing import Protocol

from twistecho.base.notation import LONGEST_TIME
from twistecho.base.seeding import uniform

from .arrivals import Arrivals
from .plan import Plan
from .schedule import Schedule
from .stages import Stages

_ARRIVAL = "arrival"


class Load(Protocol):
    """The times at which one client's messages are due; `due` is called once per message."""

    def due(self, free: float) -> float:
        """Return when the next message is due, in seconds; ``free``: when there was room for it."""


class Closed:
    """Messages due one think time after there was room for them; the first one at once."""

    __slots__ = ("_next_think", "_think")

    def __init__(self, plan: Plan) -> None:
        self._think = plan.think
        self._next_think = 0.0

    def due(self, free: float) -> float:
        """Return when the next message is due."""
        due = free + self._next_think
        self._next_think = self._think
        return due


class Constant:
    """Messages due at equal intervals from ``began`` on, in seconds."""

    __slots__ = ("_began", "_clients", "_number", "_rate")

    def __init__(self, plan: Plan, rate: float, client: int, began: float) -> None:
        self._began, self._rate, self._clients = began, rate, plan.clients
        self._number = client - plan.first  # among the messages of all clients

    def due(self, free: float) -> float:  # noqa: ARG002 - a Load
        """Return when the next message is due."""
        due = self._began + self._number / self._rate
        self._number += self._clients
        return due


class Poisson:
    """Messages due at random times from ``began`` on, in seconds."""

    __slots__ = ("_client", "_due", "_mean", "_number", "_seed")

    def __init__(self, plan: Plan, rate: float, client: int, began: float) -> None:
        self._mean = plan.clients / rate
        self._due = began
        self._seed, self._client, self._number = plan.seed, client, 0

    def due(self, free: float) -> float:  # noqa: ARG002 - a Load
        """Return when the next message is due."""
        drawn = uniform(self._seed, _ARRIVAL, self._client, self._number)
        self._number += 1
        self._due += min(LONGEST_TIME, -self._mean * math.log1p(-drawn))
        return self._due


class StagedConstant:
    """Evenly spread messages of a rate in stages; the first stage begins at ``began``."""

    __slots__ = ("_began", "_clients", "_position", "_schedule")

    def __init__(self, plan: Plan, stages: Stages, client: int, began: float) -> None:
        self._began, self._schedule = began, Schedule(stages.stages, plan.warmup)
        number, share = client - plan.first, stages.share
        rank, self._clients = number, plan.clients
        if share is not None:
            rank, self._clients = share.rank(number), share.clients
        first = math.ceil((self._schedule.first - rank) / self._clients)
        self._position = rank + first * self._clients

    def due(self, free: float) -> float:  # noqa: ARG002 - a Load
        """Return when the next message is due; infinite where all stages are over."""
        due = self._schedule.due(self._position, self._began)
        self._position += self._clients
        return due


class StagedPoisson:
    """Messages at random times of a rate in stages; the first stage begins at ``began``."""

    __slots__ = ("_began", "_client", "_clients", "_number", "_position", "_schedule", "_seed")

    def __init__(self, plan: Plan, stages: Stages, client: int, began: float) -> None:
        self._began, self._schedule = began, Schedule(stages.stages, plan.warmup)
        self._position = self._schedule.first
        self._clients = plan.clients if stages.share is None else stages.share.clients
        self._seed, self._client, self._number = plan.seed, client, 0

    def due(self, free: float) -> float:  # noqa: ARG002 - a Load
        """Return when the next message is due; infinite where all stages are over."""
        drawn = uniform(self._seed, _ARRIVAL, self._client, self._number)
        self._number += 1
        self._position -= self._clients * math.log1p(-drawn)
        return self._schedule.due(self._position, self._began)


LoadOf = Callable[[Plan, int, float], Load]
"""Returns the load of a client of a plan: see `load_of`."""


def load_of(plan: Plan, client: int, began: float) -> Load:
    """Return the load of a client; its schedule, if it has one, begins at ``began``, in seconds."""
    if plan.rate is None:
        return Closed(plan)
    if plan.rate_stages is not None:
        staged = StagedPoisson if plan.arrivals is Arrivals.POISSON else StagedConstant
        return staged(plan, plan.rate_stages, client, began + plan.warmup)
    kind = Poisson if plan.arrivals is Arrivals.POISSON else Constant
    return kind(plan, plan.rate, client, began)
