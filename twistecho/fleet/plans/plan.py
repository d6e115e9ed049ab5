"""The plan, a value: what every client of a fleet does. It can be divided among processes."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import Any

from twistecho.base.decoding import decode, written_as
from twistecho.base.notation import FieldError
from twistecho.base.reply_formats import ReplyFormat

from .arrivals import Arrivals
from .default_messages import OWN_MESSAGE
from .plan_checks import check_plan, check_turns
from .plan_fields import check_kinds
from .plan_json import PLAN_FORM, check_plan_schema, fields_of, filled, plan_to_dict
from .plan_messages import messages_of, only_message_of, told_apart
from .plan_parts import divide
from .plan_stages import numbers_and_stages
from .presence import Presence
from .protocol import name_of
from .reply import AskedReply, parse_reply
from .stages import Staged, Stages

# Defaults of fields that take stages too: type checkers expect the declared type.
_USUAL_CLIENTS: Any = 20
_NO_RATE: Any = None


@dataclass(frozen=True)
class Plan:
    """What each of ``clients`` clients does: it sends all messages in turn, ``repeat`` times.

    ``timeout`` limits connecting, each whole reply and the closing, in seconds. ``reply`` is the
    format that the replies must have, or ``"auto"``: each client detects it from the first bytes
    received. With ``ordered``, each client connects only after the previous one has, so that the
    server accepts them in the order of their numbers.

    The load is *closed* unless ``rate`` is given: each client waits for its reply, then ``think``
    seconds, then sends the next message. It is *open* with ``rate``, messages per second of all
    clients together: messages are due on a schedule of ``arrivals`` (drawn from ``seed`` if they
    are Poisson), whatever the server does. A client sends a message that is due as soon as fewer
    than ``pipeline`` of its messages are unanswered.

    ``rate`` may be stages, as a value or their text: ``100:30s,100..2k:2min``; see `stages`. Then
    ``rate_stages`` holds them, and ``rate`` is the highest rate. In a closed load ``clients`` may
    be stages too: then ``client_stages`` holds them, and ``clients`` is the number of clients that
    come in all. Stages determine how long messages are sent: they replace ``duration`` and
    ``repeat``.

    ``duration`` replaces ``repeat``: clients begin messages for this many seconds after ``warmup``
    seconds. Replies in the warm-up are checked and counted, but their latencies are not recorded.
    ``ramp`` is the number of clients that connect per second; without it all connect at once. With
    ``barrier`` nothing is sent before every client has connected or failed to. ``sources`` are
    local addresses, used in turn. ``protocol``, a class or the name of one, ``module:Class``, is a
    conversation that the user wrote. Clients are numbered from ``first``.

    With ``reconnect`` each connection carries this many messages. After their replies it is closed
    both ways, and a client that has more to send connects again at once. Each connection must be
    made within ``timeout`` seconds. ``sources`` are then used in turn per connection as well.

    The exact tokens ``{client}`` and ``{message}`` in a message are replaced by the number of its
    client and its own number in the conversation, counted from 0, unless the messages are
    ``literal``.

    ``size`` in bytes is a number or a text for `parse_sizes`. Each message is then its text,
    followed by bytes up to that size, or such bytes alone where the text does not fit. The bytes
    are those of ``payload``: "random" by default, "text", "zeros" or given bytes. With ``weights``,
    one per message, a client sends one message drawn at random, ``repeat`` times, instead of all in
    turn. All of it is drawn from ``seed``, the client's number and the message's: see `drawn`.

    Raises FieldError for a plan that cannot be carried out.
    """

    clients: Staged[int] = _USUAL_CLIENTS
    messages: tuple[bytes, ...] = (OWN_MESSAGE,)
    repeat: int = 1
    timeout: float = 30.0
    reply: AskedReply = ReplyFormat.STAMPED
    ordered: bool = False
    think: float = 0.0
    rate: Staged[float | None] = _NO_RATE
    arrivals: Arrivals = Arrivals.CONSTANT
    seed: int = 0
    pipeline: int = 1
    duration: float | None = None
    warmup: float = 0.0
    ramp: float | None = None
    barrier: bool = False
    sources: tuple[str, ...] = ()
    protocol: str | type[object] | None = None
    first: int = 0
    literal: bool = False
    size: str | int | None = None
    payload: str | bytes | None = None
    weights: tuple[float, ...] = ()
    reconnect: int | None = None
    rate_stages: Stages | None = None
    client_stages: Stages | None = None

    def __post_init__(self) -> None:
        """Raise FieldError for a plan that cannot be carried out."""
        self._set(**numbers_and_stages(vars(self)))
        check_kinds(self)
        try:
            self._set(reply=parse_reply(self.reply))
        except ValueError as error:
            raise FieldError("reply", str(error)) from None
        check_plan(self)

    def _set(self, **fields: Any) -> None:
        for name, value in fields.items():
            object.__setattr__(self, name, value)  # the dataclass is frozen

    @property
    def stages(self) -> Stages | None:
        """The stages of its load, of rates or of clients; None where it has none."""
        return self.client_stages if self.rate_stages is None else self.rate_stages

    @property
    def share(self) -> float:
        """This plan's share of its stages' load: below 1 for one of several processes."""
        share = self.rate_stages and self.rate_stages.share
        return share.own / share.clients if share else 1.0

    @property
    def sends_for(self) -> float | None:
        """For how many seconds after the warm-up messages are begun; None: a count limits them."""
        return self.duration if self.stages is None else self.stages.seconds

    @property
    def messages_per_client(self) -> int | None:
        """How many messages each client sends; None: a time limits them."""
        if self.sends_for is not None:
            return None
        return self.repeat if self.weights else len(self.messages) * self.repeat

    def rate_at(self, seconds: float) -> float | None:
        """Return the requested rate at a time after the warm-up; None in a closed load."""
        return self.rate if self.rate_stages is None else self.rate_stages.at(seconds)

    @property
    def connects_per_second(self) -> float | None:
        """Connections per second that ``rate`` and ``reconnect`` require; None without both."""
        return None if self.rate is None or not self.reconnect else self.rate / self.reconnect

    @property
    def numbers(self) -> range:
        """The numbers of the clients."""
        return range(self.first, self.first + self.clients)

    @property
    def ends(self) -> float:
        """When sending ends, in seconds since the run began; infinite if unknown."""
        return inf if self.sends_for is None or self.barrier else self.warmup + self.sends_for

    def sends_until(self, client: int) -> float | None:
        """Return for how long after the warm-up a client begins messages; None: a count limits."""
        if self.client_stages is None:
            return self.sends_for
        return self._presence.goes(self._rank(client))

    def over_for(self, client: int) -> float:
        """Return when a client's sending ends, since the run began; infinite if unknown."""
        until = self.sends_until(client)
        return inf if until is None or self.barrier else self.warmup + until

    @property
    def in_turn(self) -> bool:
        """Whether clients wait for their turn to connect: see `turn_of`."""
        return bool(self.ramp) or self.client_stages is not None

    def turn_of(self, client: int) -> float:
        """Return when it is a client's turn to connect, in seconds since the run began.

        It is never after the end of sending: see `Conversation.connecting`.
        """
        if self.client_stages is not None:
            rank = self._rank(client)
            first = rank < self.client_stages.stages[0].begin
            return 0.0 if first else self.warmup + self._presence.comes(rank)
        return min(self.ends, (client - self.first) / self.ramp) if self.ramp else 0.0

    @cached_property
    def _presence(self) -> Presence:
        return Presence(() if self.client_stages is None else self.client_stages.stages)

    def _rank(self, client: int) -> int:
        """Return a client's rank among all that come and go, including other processes' clients."""
        share = self.client_stages and self.client_stages.share
        return share.rank(client - self.first) if share else client - self.first

    @property
    def at_once(self) -> int:
        """The largest number of clients at the same time."""
        if self.client_stages is None:
            return self.clients
        share = self.client_stages.share
        most = int(self.client_stages.most)
        return min(self.clients, -(-most // share.parts) if share else most)

    @property
    def left_out(self) -> float:
        """How many messages of the rate, without the warm-up, the plan's ramp leaves out."""
        if self.rate is None or self.duration is None or self.barrier:
            return 0.0
        late = sum(max(0.0, self.turn_of(client) - self.warmup) for client in self.numbers)
        return late * self.rate / self.clients

    def check_turns(self) -> None:
        """Raise FieldError for a ramp that leaves the last client nothing to send before the end.

        Separate from the other checks, since reports of such plans must stay readable.
        """
        check_turns(self)

    @property
    def protocol_name(self) -> str | None:
        """The name of the user's protocol, ``module:Class``; None where there is none."""
        return name_of(self.protocol)

    @property
    def told_apart(self) -> bool | None:
        """Whether a client detects another client's reply; None: it depends on the protocol."""
        return told_apart(self)

    def only_message_of(self, client: int) -> bytes | None:
        """Return the message that a client repeats; None where its messages differ."""
        return only_message_of(self, client)

    def messages_of(self, client: int) -> Callable[[int], bytes]:
        """Return a function from a message's number, from 0 over all repeats, to the message."""
        return messages_of(self, client)

    def divide(self, parts: int) -> "list[Plan]":
        """Divide the plan among processes; the numbers of clients differ by one at most.

        Every part gets its share of the rate and of the ramp, and its own client numbers. There
        are no more parts than clients. Raises ValueError for a plan that cannot be divided.
        """
        return divide(self, parts)

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as JSON data.

        Raises FieldError for a protocol class that cannot be imported by its name.
        """
        return plan_to_dict(self)

    @classmethod
    def from_dict(cls, data: Any) -> "Plan":
        """Read the plan from JSON data. Raises ValueError with the path of the wrong field."""
        check_plan_schema(data)
        return decode(data, cls, "a plan")

    def to_json(self) -> str:
        """Write the plan as the text of a plan file."""
        return json.dumps(self.to_dict(), indent=2)

    @classmethod
    def from_json(cls, text: str, *, bytes_of: Callable[[str], bytes] | None = None) -> "Plan":
        """Read a plan file, in which all fields but the schema are optional.

        ``bytes_of`` reads the file of a payload ``file:PATH``. Raises ValueError, in one line, for
        other text or a newer schema.
        """
        return cls.from_dict(filled(text, cls(), bytes_of=bytes_of))


@written_as(Plan, **PLAN_FORM)
def _plan(**fields: Any) -> Plan:
    return Plan(**fields_of(**fields))
