"""Counts, times and plans in words, in units that are easy to read."""

from collections.abc import Iterator

from twistecho.base.notation import written
from twistecho.base.reply_formats import ReplyFormat
from twistecho.fleet.plans.arrivals import Arrivals
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.reply import AUTO

_LONGEST = 200  # characters of the user's text
_REPLIES: dict[str, str] = {
    AUTO: "detected from the first bytes of each client (auto)",
    ReplyFormat.RAW: "the message itself (raw)",
    ReplyFormat.PREFIXED: "the message after a prefix (prefixed)",
    ReplyFormat.STAMPED: "a text with the message and the time (stamped)",
}


def count(number: int, noun: str) -> str:
    """Return a count with its noun: ``1 client``, ``1,000 clients``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def per_second(value: float) -> str:
    """Return a rate with all its digits: ``1,998/s``; a low one with three."""
    return f"{value:,.0f}/s" if value >= 100 else f"{value:.3g}/s"


def tick(seconds: float) -> str:
    """Return the label of a tick: ``2 ms``, without the zeros of a measurement."""
    value, _, unit = written(seconds).partition(" ")
    return f"{float(value):g} {unit}"


def span(seconds: float) -> str:
    """Return a time from an option as text: ``20 ms``, ``30 s``, ``5 min``, ``2 h``."""
    for unit, name in ((3600.0, "h"), (60.0, "min")):
        if seconds > unit and seconds % unit == 0:
            return f"{seconds / unit:,g} {name}"
    return tick(seconds) if seconds < 1 else f"{seconds:,g} s"


def rate(per_second: float, what: str) -> str:
    """Return a rate in words: ``2,000 messages per second``."""
    return f"{per_second:,.10g} {what} per second"


def plan_in_words(plan: Plan) -> list[tuple[str, str]]:
    """Return a description of the plan: (name, text) pairs, one per property."""
    return [(name, _shortened(text)) for name, text in _lines(plan)]


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _lines(plan: Plan) -> Iterator[tuple[str, str]]:
    yield "Clients", _clients(plan)
    yield "Connecting", _connecting(plan)
    yield "Load", _load(plan)
    yield "Length", _length(plan)
    yield from _messages(plan)
    if plan.protocol is None:
        yield "Replies", _REPLIES[plan.reply]
    else:
        yield "Protocol", str(plan.protocol_name)
    yield "Timeout", f"{span(plan.timeout)} for connecting, each reply and closing"
    if plan.sources:
        yield "From", ", ".join(plan.sources)


def _clients(plan: Plan) -> str:
    if plan.client_stages is not None:
        return f"{plan.client_stages}, in stages: {plan.clients:,} in all"
    numbered = f", numbered from {plan.first:,}" if plan.first else ""
    return f"{plan.clients:,}{numbered}"


def _connecting(plan: Plan) -> str:
    way = "all at once"
    if plan.ordered:
        way = "one after the other"
    elif plan.ramp is not None:
        way = rate(plan.ramp, "connections")
    if plan.barrier:
        way += "; nothing is sent before all are connected"
    if plan.reconnect is not None:
        way += f"; a new connection every {count(plan.reconnect, 'message')}"
    return way


def _load(plan: Plan) -> str:
    if plan.rate is not None:
        way = "at constant intervals"
        if plan.arrivals is Arrivals.POISSON:
            way = f"at random intervals (Poisson arrivals, seed {plan.seed})"
        asked = rate(plan.rate, "messages")
        if plan.rate_stages is not None:
            asked = f"{plan.rate_stages} messages per second, in stages,"
        return f"{asked} {way}; {_unanswered(plan)}"
    if plan.pipeline > 1:
        return _unanswered(plan)
    pause = f", then {span(plan.think)}" if plan.think else ""
    return f"each client waits for its reply{pause}, then sends again"


def _unanswered(plan: Plan) -> str:
    return f"at most {count(plan.pipeline, 'unanswered message')} per client"


def _length(plan: Plan) -> str:
    each = plan.messages_per_client
    text = span(plan.sends_for or 0.0) if each is None else f"{count(each, 'message')} per client"
    return f"{text}, after {span(plan.warmup)} of warm-up" if plan.warmup else text


def _messages(plan: Plan) -> Iterator[tuple[str, str]]:
    many = len(plan.messages) > 1
    for number, message in enumerate(plan.messages[:5], 1):
        yield f"Message {number}" if many else "Message", _message(message)
    if len(plan.messages) > 5:
        yield "More messages", f"{len(plan.messages) - 5:,}"
    if plan.weights:
        yield "Weights", ", ".join(f"{weight:g}" for weight in plan.weights)
    if plan.size is not None:
        yield "Size", str(plan.size)
    if plan.payload is not None:
        yield "Payload", _payload(plan.payload)
    if plan.literal:
        yield "Tokens", "none: {client} and {message} are sent as they are"


def _payload(payload: str | bytes) -> str:
    """Return the name of the messages' filling; for a file, its number of bytes."""
    return payload if isinstance(payload, str) else f"{len(payload):,} bytes of a file"


def _message(message: bytes) -> str:
    """Return a message as text; bytes that are no UTF-8 as escapes."""
    return message.decode(errors="backslashreplace")
