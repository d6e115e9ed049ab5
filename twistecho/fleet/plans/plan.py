"""What every client of a fleet does: the plan, a value, which can be divided among processes."""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf
from typing import Any

from twistecho.base.decoding import MOST, check_schema, decode, parse, written_as
from twistecho.base.notation import LONGEST_TIME, FieldError, TextEnum
from twistecho.base.reply_formats import ReplyFormat

from .payload import OF_FILE, check_payload, check_weights, messages_drawn, sizes_of
from .prefixes import check_prefixes
from .presence import Presence
from .protocol import importable_name_of, name_of
from .reply import AskedReply, parse_reply
from .stages import Share, Staged, Stages, parse_counts, parse_rates
from .tokens import CLIENT, MESSAGE, have_tokens, numbered, unchanged

NOTEBOOK_MESSAGE = b"Ola mundo da internet!"
"""What the notebook's clients send."""

OWN_MESSAGE = NOTEBOOK_MESSAGE + b" ({client}, {message})"
"""What clients send by default. No message is another one, or what another one begins with."""

MOST_SEED = 10**100 - 1
"""The largest seed: that of the command line."""

SCHEMA = 4
"""The version of a plan's JSON form; it grows when a reader of the old form would be misled."""

_WITHOUT_PAYLOADS = 3
"""The version in which all messages were sent in turn, and were no larger than their texts."""

_WITHOUT_TOKENS = 2
"""The version in which all messages were sent as they are."""

_OLDER = (_WITHOUT_PAYLOADS, _WITHOUT_TOKENS)

_ADDED: dict[str, tuple[object, object]] = {
    "size": ("", None), "payload": ("", None), "weights": (None, ()),
}  # fmt: skip
"""The fields that older files lack: what stands for one that is missing, and what it is then."""

_MOST_MESSAGES = 10**12
"""Messages that no client can send in the longest time."""


class Arrivals(TextEnum):
    """How the messages of an open load are spread in time; the values are the command line's."""

    CONSTANT = "constant"
    POISSON = "poisson"


_PARSERS = {"rate": parse_rates, "clients": parse_counts}

# The defaults of fields that take stages, too: type checkers want what they are declared as.
_USUAL_CLIENTS: Any = 20
_NO_RATE: Any = None

STAGED = {"rate": "rate_stages", "clients": "client_stages"}
"""The fields that take stages, and those in which these are then."""

_LEAST = {"clients": 1, "repeat": 1, "pipeline": 1, "seed": 0, "first": 0}
"""The whole numbers of a plan, and the least that each may be."""

_KINDS: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(_LEAST, int),
    **dict.fromkeys(("timeout", "think", "warmup"), (int, float)),
    **dict.fromkeys(("rate", "duration", "ramp"), (int, float, type(None))),
    "reconnect": (int, type(None)),
    **dict.fromkeys(("ordered", "barrier", "literal"), bool),
    **dict.fromkeys(("messages", "sources", "weights"), tuple),
    "size": (str, int, type(None)),
    "payload": (str, bytes, type(None)),
    "reply": str,
    "arrivals": Arrivals,
    "protocol": (str, type, type(None)),
    **dict.fromkeys(("rate_stages", "client_stages"), (Stages, type(None))),
}


def _shown(value: object) -> str:
    """Write a value as a message can: an integer may have more digits than Python writes."""
    try:
        return repr(value)[:60]
    except ValueError:
        return "that many"


@dataclass(frozen=True)
class Plan:
    """What each of ``clients`` clients does: all messages in turn, ``repeat`` times over.

    ``timeout`` bounds connecting, each whole reply and the closing, in seconds. ``reply`` is the
    format that the replies must have, or ``"auto"``: each client finds it by the first bytes that
    come. Where the clients are ``ordered`` each connects only once the
    one before has, so that the server accepts them in the order of their numbers.

    The load is *closed* unless ``rate`` is given: each client waits for its reply, then ``think``
    seconds, then sends the next message. It is *open* with ``rate``, messages a second of all
    clients together: messages are due on a schedule of ``arrivals`` (drawn from ``seed`` where they
    are Poisson's), whatever the server does, and a client sends one that is due as soon as fewer
    than ``pipeline`` of its messages are unanswered.

    ``rate`` may be stages, as a value or their text: ``100:30s,100..2k:2min``; see `stages`. They
    are ``rate_stages`` then, and ``rate`` is the highest. In a closed load ``clients`` may be
    likewise: ``client_stages`` says when they come and go, ``clients`` how many come in all. Stages
    say how long messages are sent, in the place of ``duration`` and ``repeat``.

    ``duration`` takes the place of ``repeat``: messages are begun for so many seconds after
    ``warmup`` seconds, whose replies are checked and counted but whose latencies are not recorded.
    ``ramp`` connects so many clients a second instead of all at once; with ``barrier`` nothing is
    sent before every client has connected or failed to. ``sources`` are local addresses, taken in
    turn. ``protocol``, a class or the name of one, ``module:Class``, is a conversation of the
    user's own. Clients are numbered from ``first``.

    With ``reconnect`` a connection carries so many messages: once all their replies have come it is
    closed both ways, and the client makes its next one at once where it has more to send. Each has
    ``timeout`` seconds to be made. Where there are ``sources`` its connections take turns as well.

    In the place of the exact tokens ``{client}`` and ``{message}`` a message has the number of its
    client and its own in the conversation, counted from 0, unless the messages are ``literal``:
    sent as they are.

    ``size`` in bytes, a number or a text for `parse_sizes`, has each message be its text and bytes
    behind it up to that size, or such bytes alone where the text does not fit: of ``payload``,
    "random" by default, "text", "zeros" or bytes of the user's own. With ``weights``, one for each
    of the messages, not all are sent in turn but one of them at random, ``repeat`` times. All of it
    is drawn from the ``seed``, the client's number and the message's: see `drawn`.

    Raises FieldError for a plan that nobody can carry out.
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
        """Refuse what cannot be carried out."""
        self._take_stages()
        self._check_kinds()
        self._read_reply()
        for name, least in _LEAST.items():
            value, most = getattr(self, name), MOST_SEED if name == "seed" else MOST
            if value < least:
                raise FieldError(name, f"{_shown(value)} is not {least} or more")
            if value > most:
                raise FieldError(name, f"it is more than {most:.3g}")
        if self.reconnect is not None and not 0 < self.reconnect <= MOST:
            shown = _shown(self.reconnect)
            raise FieldError("reconnect", f"{shown} is not 1 or more, at most {MOST:.3g}")
        if not self.messages:
            raise FieldError("messages", "there is none")
        if not all(self.messages) and self.size is None:
            raise FieldError("messages", "an empty message has no reply")
        self._check_payload()
        for name in ("timeout", "rate", "duration", "ramp"):
            self._check_seconds(name, least_is_allowed=False)
        for name in ("think", "warmup"):
            self._check_seconds(name, least_is_allowed=True)
        self._check_together()
        self._check_contradictions()

    def _take_stages(self) -> None:
        """Put stages in the place of what stands for them, and a number beside them."""
        values: dict[str, Any] = vars(self)
        for name, staged in STAGED.items():
            given = values[name]
            try:
                given = _PARSERS[name](given) if isinstance(given, str) else given
            except ValueError as error:
                raise FieldError(name, str(error)) from None
            if isinstance(given, Stages):
                object.__setattr__(self, staged, given)
                object.__setattr__(self, name, _number_of(name, given))

    def _check_kinds(self) -> None:
        """Refuse what is of another type than its field; only a flag is true or false."""
        for name, kinds in _KINDS.items():
            value = getattr(self, name)
            if not isinstance(value, kinds) or (isinstance(value, bool) and kinds is not bool):
                raise FieldError(name, f"{_shown(value)} is of the wrong type")
        inner: tuple[tuple[str, type | tuple[type, ...]], ...] = (
            ("messages", bytes), ("sources", str), ("weights", (int, float)),
        )  # fmt: skip
        for name, kind in inner:
            for value in getattr(self, name):
                if not isinstance(value, kind) or isinstance(value, bool):
                    raise FieldError(name, f"{_shown(value)} is of the wrong type")

    def _read_reply(self) -> None:
        """Have ``reply`` be what its text says."""
        try:
            object.__setattr__(self, "reply", parse_reply(self.reply))  # it is frozen
        except ValueError as error:
            raise FieldError("reply", str(error)) from None

    def _check_payload(self) -> None:
        """Refuse sizes, bytes and weights that are none, or that do not go with the messages."""
        sizes_of(self.size)
        check_payload(self.payload)
        check_weights(self.weights, len(self.messages))
        if self.payload is not None and self.size is None:
            raise FieldError("payload", "it needs ", "size")
        if self.size is not None and self.payload is None and self.messages != (OWN_MESSAGE,):
            raise FieldError(
                "size", "it contradicts ", "messages", ", unless a payload is named too"
            )
        if self.protocol is None:
            check_prefixes(self.reply, self.messages, self.size, self.payload)

    def _check_seconds(self, name: str, *, least_is_allowed: bool) -> None:
        """Refuse what is no number above 0 (or at 0), or is above `LONGEST_TIME`."""
        value = getattr(self, name)
        if value is None or 0 < value <= LONGEST_TIME or (least_is_allowed and value == 0):
            return
        least = "0 or more" if least_is_allowed else "above 0"
        # An integer can be larger than any float.
        shown = "inf" if value > LONGEST_TIME**9 else f"{value:g}"
        raise FieldError(name, f"{shown} is not a number {least}, at most {LONGEST_TIME:g}")

    def _check_together(self) -> None:
        """Refuse numbers of so many clients, and times between them, that nobody can count."""
        if self.first + self.clients - 1 > MOST:
            raise FieldError("first", f"the last client's number is more than {MOST:.3g}")
        for name in ("rate", "ramp"):
            # Each client has its share; that of a part of a plan was rounded.
            value = getattr(self, name)
            if value is not None and self.clients > value * LONGEST_TIME * 1.001:
                raise FieldError(name, f"{value:g} is too small for {self.clients:,} clients")

    def _check_contradictions(self) -> None:
        """Refuse fields that exclude each other."""
        if self.duration is not None and self.repeat != 1:
            raise FieldError("repeat", "it contradicts ", "duration")
        if self.think and self.rate is not None:
            raise FieldError(
                "think", "it contradicts ", "rate", ", under which messages are due on schedule"
            )
        if self.think and self.pipeline > 1:
            raise FieldError(
                "think", "it contradicts ", "pipeline", ", under which nobody waits for a reply"
            )
        if self.reconnect is not None and self.pipeline > self.reconnect:
            raise FieldError(
                "pipeline",
                f"{self.pipeline} at once contradict ",
                "reconnect",
                f", under which a connection has no more than {self.reconnect}",
            )
        if self.ordered and self.ramp is not None:
            raise FieldError("ramp", "it contradicts connecting in order")
        if self.stages is not None:
            self._check_stages()

    def _check_stages(self) -> None:
        """Refuse what does not go together with stages, and what they themselves cannot be."""
        name = "clients" if self.rate_stages is None else "rate"
        if self.rate_stages is not None and self.client_stages is not None:
            raise FieldError("clients", "stages contradict those of ", "rate")
        if self.client_stages is not None and self.rate is not None:
            raise FieldError("clients", "stages contradict ", "rate", ": they are of a closed load")
        for other, given in (
            ("duration", self.duration is not None),
            ("repeat", self.repeat != 1),
            ("ramp", self.ramp is not None),
            ("ordered", self.ordered),
            ("barrier", self.barrier and self.client_stages is not None),
        ):
            if given:
                raise FieldError(other, "it contradicts stages of ", name)
        self._check_numbers_of_stages()

    def _check_numbers_of_stages(self) -> None:
        """Refuse a number beside stages that is not theirs, and parts of clients."""
        stages, clients = self.rate_stages, self.client_stages
        if clients is not None:
            values = {value for stage in clients for value in (stage.begin, stage.end)}
            if any(value != int(value) for value in values):
                raise FieldError("clients", "there are no parts of clients")
            if self.clients != _number_of("clients", clients):
                raise FieldError("clients", f"it is not the number of clients of {clients}")
        elif stages is not None:
            if stages.share is not None and stages.share.own != self.clients:
                raise FieldError("clients", f"they are not those of {stages}")
            if self.rate != _number_of("rate", stages):
                raise FieldError("rate", f"it is not the highest of {stages}")

    @property
    def stages(self) -> Stages | None:
        """The stages of its load, of rates or of clients; None where it has none."""
        return self.client_stages if self.rate_stages is None else self.rate_stages

    @property
    def share(self) -> float:
        """What share of its stages is its own: 1, but for a process that is one of several."""
        share = self.rate_stages and self.rate_stages.share
        return share.own / share.clients if share else 1.0

    @property
    def sends_for(self) -> float | None:
        """How many seconds messages are begun after the warm-up; None where a count bounds them."""
        return self.duration if self.stages is None else self.stages.seconds

    @property
    def messages_per_client(self) -> int | None:
        """How many messages each client sends; None where a time bounds them."""
        if self.sends_for is not None:
            return None
        return self.repeat if self.weights else len(self.messages) * self.repeat

    def rate_at(self, seconds: float) -> float | None:
        """Give the rate that is asked for at a time after the warm-up; None in a closed load."""
        return self.rate if self.rate_stages is None else self.rate_stages.at(seconds)

    @property
    def connects_per_second(self) -> float | None:
        """How many connections a second its rate and `reconnect` ask for, where it has both."""
        return None if self.rate is None or not self.reconnect else self.rate / self.reconnect

    @property
    def numbers(self) -> range:
        """The numbers of the clients."""
        return range(self.first, self.first + self.clients)

    @property
    def ends(self) -> float:
        """When sending ends, in seconds since the run began; infinite where that is not known."""
        return inf if self.sends_for is None or self.barrier else self.warmup + self.sends_for

    def sends_until(self, client: int) -> float | None:
        """Say how long after the warm-up a client begins messages; None where a count says."""
        if self.client_stages is None:
            return self.sends_for
        return self._presence.goes(self._rank(client))

    def over_for(self, client: int) -> float:
        """Say when a client's sending ends, since the run began; infinite where nobody knows."""
        until = self.sends_until(client)
        return inf if until is None or self.barrier else self.warmup + until

    @property
    def in_turn(self) -> bool:
        """Whether clients wait for their turn to connect: see `turn_of`."""
        return bool(self.ramp) or self.client_stages is not None

    def turn_of(self, client: int) -> float:
        """Say when it is a client's turn to connect, in seconds since the run began.

        Nobody waits beyond the end: see `Conversation.connecting`.
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
        """Give a client's place among all that come and go, those of other processes too."""
        share = self.client_stages and self.client_stages.share
        return share.rank(client - self.first) if share else client - self.first

    @property
    def at_once(self) -> int:
        """How many clients there are at the same time, at most."""
        if self.client_stages is None:
            return self.clients
        share = self.client_stages.share
        most = int(self.client_stages.most)
        return min(self.clients, -(-most // share.parts) if share else most)

    @property
    def left_out(self) -> float:
        """How many messages of its rate, warm-up apart, the plan itself leaves out by its ramp."""
        if self.rate is None or self.duration is None or self.barrier:
            return 0.0
        late = sum(max(0.0, self.turn_of(client) - self.warmup) for client in self.numbers)
        return late * self.rate / self.clients

    def check_turns(self) -> None:
        """Refuse a ramp that leaves the last client nothing to send before the end.

        Apart from the other checks, since reports of such plans are to be read.
        """
        if self.ramp is None:
            return
        constant = self.arrivals is Arrivals.CONSTANT
        each = 1 / self.rate if self.rate and constant else 0.0
        first = (self.clients - 1) * (1 / self.ramp + each)
        if first >= self.ends:
            raise FieldError(
                "ramp",
                f"at {self.ramp:g}/s the last of {self.clients:,} clients begins after "
                f"{first:.3g} s, and sending ends after {self.ends:g} s: see ",
                "duration",
            )

    @property
    def protocol_name(self) -> str | None:
        """The name of the user's own conversation: ``module:Class``."""
        return name_of(self.protocol)

    @property
    def told_apart(self) -> bool | None:
        """Whether a client notices another one's reply; None where only the protocol knows."""
        if self.protocol is not None:
            return None
        if self.literal or not all(CLIENT in text for text in self.messages):
            return False
        sizes = sizes_of(self.size)
        return sizes is None or sizes.least >= self._longest_text()

    def _longest_text(self) -> int:
        """Give the size of the longest text that a client sends, its numbers in it."""
        client = self.first + self.clients - 1
        message = (self.messages_per_client or _MOST_MESSAGES) - 1
        return max(len(numbered(text, client)(message)) for text in self.messages)

    def only_message_of(self, client: int) -> bytes | None:
        """Give what a client sends again and again; None where its messages differ."""
        alike = len(self.messages) == 1 and (self.literal or MESSAGE not in self.messages[0])
        alike = alike and not self._is_drawn
        return self.messages_of(client)(0) if alike else None

    def messages_of(self, client: int) -> Callable[[int], bytes]:
        """Give what makes a client's messages of their numbers, counted from 0 over all repeats."""
        texts, many = self.messages, len(self.messages)
        plain = self.literal or not have_tokens(texts)
        made = [unchanged(text) if plain else numbered(text, client) for text in texts]
        if self._is_drawn:
            return messages_drawn(
                made, self.seed, client, weights=self.weights, size=self.size, payload=self.payload
            )
        if plain:
            return lambda number: texts[number % many]
        return made[0] if many == 1 else lambda number: made[number % many](number)

    @property
    def _is_drawn(self) -> bool:
        """Whether messages differ from their texts, or do not come in turn."""
        return self.size is not None or bool(self.weights)

    def divide(self, parts: int) -> "list[Plan]":
        """Divide the plan among processes, as many clients each, one more in the first if need be.

        Every part gets its share of the rate and of the ramp, and client numbers of its own; there
        are no more parts than clients. Raises ValueError for a plan that cannot be divided.
        """
        if self.ordered:
            raise ValueError("clients of several processes cannot connect in order")
        if self.stages is not None and self.stages.share is not None:
            raise ValueError("what one process has of stages cannot be divided again")
        parts = min(parts, self.clients)
        each, more = divmod(self.clients, parts)
        plans, first = [], self.first
        for number in range(parts):
            clients = each + (number < more)
            plans.append(self._part(first, clients, Share(number, parts, self.clients)))
            first += clients
        return plans

    def _part(self, first: int, clients: int, part: Share) -> "Plan":
        share = clients / self.clients
        fields: dict[str, Any] = {
            "clients": clients,
            "rate": None if self.rate is None else self.rate * share,
            "ramp": None if self.ramp is None else self.ramp * share,
        }
        if self.stages is not None:
            name = "clients" if self.rate_stages is None else "rate"
            fields[name] = replace(self.stages, share=part)
        return replace(self, first=first, **fields)

    def to_dict(self) -> dict[str, Any]:
        """Give the plan as JSON data.

        Raises FieldError for a protocol that is a class which cannot be imported by its name.
        """
        data = {name: getattr(self, name) for name in self.__dataclass_fields__}
        data["messages"] = [_message_to_json(message) for message in self.messages]
        data["reply"], data["arrivals"] = str(self.reply), str(self.arrivals)
        data["sources"], data["weights"] = list(self.sources), list(self.weights)
        if isinstance(self.payload, bytes):
            data["payload"] = {"base64": b64encode(self.payload).decode()}
        data["protocol"] = importable_name_of(self.protocol)
        for name, staged in STAGED.items():
            stages = data.pop(staged)
            data[name] = data[name] if stages is None else stages.to_json()
        return {"schema": SCHEMA, **data}

    @classmethod
    def from_dict(cls, data: Any) -> "Plan":
        """Read the plan back from JSON data. Raises ValueError with the path of what is wrong."""
        check_schema(data, SCHEMA, "a plan", *_OLDER)
        return decode(data, cls, "a plan")

    def to_json(self) -> str:
        """Write the plan as the text of a plan file."""
        return json.dumps(self.to_dict(), indent=2)

    @classmethod
    def from_json(cls, text: str, *, bytes_of: Callable[[str], bytes] | None = None) -> "Plan":
        """Read a plan file, in which all but the schema may be left out.

        ``bytes_of`` reads the file of a payload ``file:PATH``. Raises ValueError, in one line, if
        it is none, or of a newer schema.
        """
        data = parse(text, "a plan")
        check_schema(data, SCHEMA, "a plan", *_OLDER)
        fields = {"schema", *cls.__dataclass_fields__} - {*STAGED.values()}
        unknown = [name for name in data if name not in fields]
        if unknown:
            raise ValueError(f"{_shown(unknown[0])[1:-1]}: there is no such field")
        known = cls(messages=(NOTEBOOK_MESSAGE,)) if data["schema"] == _WITHOUT_TOKENS else cls()
        payload = data.get("payload")
        if bytes_of is not None and isinstance(payload, str) and payload.startswith(OF_FILE):
            own = bytes_of(payload.removeprefix(OF_FILE))
            data["payload"] = {"base64": b64encode(own).decode()}
        return cls.from_dict({**known.to_dict(), **data})


def _number_of(field: str, stages: Stages) -> float | int:
    """Give the number of a field, ``rate`` or ``clients``, that stages stand in the place of."""
    share = stages.share
    if field == "clients":
        clients = Presence(stages.stages).clients
        if share is None:
            return clients
        if share.clients != clients:
            raise FieldError("clients", f"they are not those of {stages}")
        return share.own
    return stages.most if share is None else stages.most * (share.own / share.clients)


def _message_to_json(message: bytes) -> str | dict[str, str]:
    """Write text as text, and what is no UTF-8 as base64."""
    try:
        return message.decode()
    except UnicodeDecodeError:
        return {"base64": b64encode(message).decode()}


@dataclass(frozen=True)
class _Bytes:
    """A message that is no text, as it is written."""

    base64: str


@written_as(_Bytes)
def _bytes(base64: str) -> bytes:
    try:
        return b64decode(base64, validate=True)
    except ValueError as error:
        raise FieldError("base64", str(error)) from None


@dataclass(frozen=True)
class _Part:
    """Stages of which one process has a share, as they are written."""

    stages: str
    part: int
    parts: int
    clients: int


@dataclass(frozen=True)
class _Shared:
    """What was read of such stages."""

    text: str
    share: Share


@written_as(_Part)
def _shared(stages: str, **fields: int) -> _Shared:
    return _Shared(stages, Share(**fields))


def _taken(name: str, value: Any) -> Any:
    """Give what a plan takes for what is written of a rate, or of clients."""
    if not isinstance(value, _Shared):
        return value
    try:
        return replace(_PARSERS[name](value.text), share=value.share)
    except ValueError as error:
        raise FieldError(name, str(error)) from None


@written_as(
    Plan,
    schema=int,
    clients=int | str | _Part,
    rate=float | str | _Part | None,
    rate_stages=None,
    client_stages=None,
    seed=Any,
    messages=tuple[str | _Bytes, ...],
    literal=(bool | None, None),
    reconnect=(int | None, None),
    protocol=str | None,
    reply=str,
    size=(str | int | None, ""),
    payload=(str | _Bytes | None, ""),
    weights=(tuple[float, ...] | None, None),
)
def _plan(schema: int, messages: tuple[str | bytes, ...], **fields: Any) -> Plan:
    if schema not in (SCHEMA, *_OLDER):
        raise ValueError(f"schema {schema} is not {SCHEMA}")
    for name, (missing, otherwise) in _ADDED.items():
        if fields[name] == missing:
            if schema == SCHEMA:
                raise FieldError(name, "it is missing")
            fields[name] = otherwise
    known = tuple(m.encode() if isinstance(m, str) else m for m in messages)
    if schema == _WITHOUT_TOKENS:
        fields["literal"] = have_tokens(known)
    elif fields["literal"] is None:
        raise FieldError("literal", "it is missing")
    for name in STAGED:
        fields[name] = _taken(name, fields[name])
    return Plan(messages=known, **fields)
