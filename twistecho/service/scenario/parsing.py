"""Delays, faults and in-band words: text to value.

A delay:

    5   5s   20ms   100us   1min   1h      always the same
    uniform:1,3                            equally likely from 1 to 3 s
    exponential:0.2                        exponentially distributed, mean 0.2 s
    lognormal:median=0.05,sigma=0.8        median in seconds, sigma of the natural logarithm
    choice:0.01@0.9,1@0.1                  delay@probability; without any @ all are equally likely
    trace:FILE                             line n is the delay of reply n of every connection

All but the first take ``min=`` and ``max=``, to which shorter and longer delays are clamped. A
trace repeats after its last line; empty lines and lines that begin with ``#`` do not count.

A fault, ``KIND[:PROBABILITY][,option=value]``:

    refuse                    accept a connection and reset it at once
    reset    at=              RST before (default), in the middle of, or after a reply
    close    at=              FIN, at the same points
    silent                    no reply
    truncate bytes=N          the last N bytes of the reply are missing (default: half of it)
    corrupt                   one byte of the reply is changed
    extra    bytes=N          N bytes follow the reply (default 1)
    drip     bytes=N pause=T  the reply comes N bytes at a time (1), T apart (10 ms)
    stall    for=T            nothing is read for T (1 s) from the arrival of the message
    late     times=X          X times (10) the delay
    bandwidth rate=R direction=in|out
                              R bytes per second (64Ki, 1M), by default both ways
    unaccepted                no connect completes

All but ``unaccepted``, which has no options and no probability, take ``every=K`` (each Kth message
of a connection), ``after=N`` (none of the first N), ``connection=I`` (only this one, from 0),
``peer=ADDRESS[/BITS]`` (only from there) and ``limit=N`` (N times at most, over all connections).
For ``refuse`` and ``bandwidth`` these count connections instead. The others also take
``match=REGEX`` (only messages that contain a match), which comes last and takes the rest of the
text.

With an in-band word a message requests a delay or fault itself, where the service allows it:

    !delay SECONDS   the reply is held for this time instead of the service's delay
    !KIND[,option]   the fault applies to it: !reset  !close,at=middle  !drip,pause=5ms
    !none            no fault applies to it

The word ends at a space, at the end of a line or at the end of the message; the reply is to the
whole message, including the word. A message that begins with ``!`` and is none of these is an
ordinary message. Since the peer chooses the word, it cannot hold a reply for longer than `LONGEST`,
all pauses together.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from twistecho.base.notation import (
    LONGEST_TIME,
    Spec,
    number,
    parse_seconds,
    parse_spec,
    probability,
    seconds_of,
)

from .delay import (
    AskedDelay,
    Bounds,
    Choice,
    Distribution,
    Drawn,
    Exponential,
    LogNormal,
    Trace,
    Uniform,
    parse_delay,
)
from .fault import ALWAYS, OF_MESSAGES, Fault, Kind, Schedule
from .fault_options import (
    DEFAULTS,
    FIELDS,
    MATCHING,
    MOST_EXTRA,
    SCHEDULE,
    parse_match,
    parsers_of,
)
from .faults import Faults

LinesOf = Callable[[str], Iterable[str]]
"""Returns the lines of a named file. Raises ValueError where it cannot be read."""

_TRACE = re.compile(r"trace:(?P<file>.+?)(?P<bounds>(?:,(?:min|max)=[^,]*)*)", re.DOTALL)


def no_files(_name: str) -> Iterable[str]:
    """Read no file: raise ValueError."""
    raise ValueError("a trace cannot be read here")


def parse_delays(text: str, *, seed: int = 0, lines_of: LinesOf = no_files) -> AskedDelay:
    """Read a delay, constant or varying. Raises ValueError with one line that says what is wrong.

    ``lines_of`` reads the file of a trace.
    """
    if match := _TRACE.fullmatch(text):
        bounds = _bounds(parse_spec(f"trace{match['bounds']}"))
        return Trace(_trace(match["file"], lines_of(match["file"]), bounds), text)
    spec = parse_spec(text)
    if spec.name not in _DISTRIBUTIONS:
        if ":" in text:
            names = ", ".join([*_DISTRIBUTIONS, "trace"])
            raise ValueError(f"unknown distribution {spec.name!r}: the distributions are {names}")
        return parse_delay(text)
    return Drawn(_DISTRIBUTIONS[spec.name](spec), _bounds(spec), seed, text)


def _bounds(spec: Spec) -> Bounds:
    limits = {name: text for name, text in spec.options.items() if name in ("min", "max")}
    read = Spec(spec.name, (), limits).read({"min": parse_seconds, "max": parse_seconds})
    return Bounds(read.get("min", 0.0), read.get("max", LONGEST_TIME))


def _trace(file: str, lines: Iterable[str], bounds: Bounds) -> tuple[float, ...]:
    delays = []
    for at, line in enumerate(lines, 1):
        text = line.strip()
        if text and not text.startswith("#"):
            try:
                delays.append(bounds.keep(parse_seconds(text)))
            except ValueError as error:
                raise ValueError(f"{file}, line {at}: {error}") from None
    if not delays:
        raise ValueError(f"{file} contains no delay")
    return tuple(delays)


def _values(spec: Spec, count: int, what: str) -> list[float]:
    if len(spec.values) != count:
        raise ValueError(f"{spec.name} needs {what}")
    _only(spec)
    return seconds_of(spec.values)


def _only(spec: Spec, *names: str) -> None:
    known = (*names, "min", "max")
    spec.read(dict.fromkeys(known, str))


def _uniform(spec: Spec) -> Distribution:
    low, high = _values(spec, 2, "two times, uniform:LOW,HIGH")
    return Uniform(low, high)


def _exponential(spec: Spec) -> Distribution:
    (mean,) = _values(spec, 1, "its mean, exponential:MEAN")
    return Exponential(mean)


def _lognormal(spec: Spec) -> Distribution:
    _only(spec, "median", "sigma")
    if spec.values or not {"median", "sigma"} <= spec.options.keys():
        raise ValueError("lognormal needs median=SECONDS and sigma=NUMBER")
    wanted = {name: spec.options[name] for name in ("median", "sigma")}
    read = Spec(spec.name, (), wanted).read({"median": parse_seconds, "sigma": number})
    return LogNormal(read["median"], read["sigma"])


def _choice(spec: Spec) -> Distribution:
    _only(spec)
    parts = [value.partition("@") for value in spec.values]
    if not parts:
        raise ValueError("choice needs delays, choice:DELAY@PROBABILITY,...")
    delays = seconds_of([delay for delay, _, _ in parts])
    if not any(at for _, at, _ in parts):
        return Choice(tuple(delays), (1 / len(delays),) * len(delays))
    return Choice(tuple(delays), tuple(probability(chance) for _, _, chance in parts))


_DISTRIBUTIONS: dict[str, Callable[[Spec], Distribution]] = {
    "uniform": _uniform,
    "exponential": _exponential,
    "lognormal": _lognormal,
    "choice": _choice,
}


_MATCH = re.compile(r"[:,]match=")


def parse_fault(text: str, *, scheduled: bool = True) -> Fault:
    """Read one fault. Raises ValueError with one line that says what is wrong.

    A fault that is not ``scheduled`` has neither a probability nor a condition: it always applies.
    """
    match = _MATCH.search(text) if scheduled else None
    spec = parse_spec(text if match is None else text[: match.start()])
    kind = Kind.parse(spec.name)
    chances = scheduled and kind is not Kind.UNACCEPTED
    if len(spec.values) > chances:
        raise ValueError(f"{kind}: {spec.values[-1]!r} is not an option")
    read = _options(kind, spec, scheduled=scheduled)
    schedule = {name: read.pop(name) for name in SCHEDULE & read.keys()}
    if match is not None:
        if kind not in MATCHING:
            raise ValueError(
                f"{kind} has no option 'match': it applies to connections, not messages"
            )
        read["match"] = parse_match(text[match.end() :])
    return Fault(
        kind=kind,
        probability=_probability(spec),
        schedule=Schedule(**schedule) if schedule else ALWAYS,
        text=text,
        **{**DEFAULTS.get(kind, {}), **{FIELDS.get(name, name): read[name] for name in read}},
    )


def _options(kind: Kind, spec: Spec, *, scheduled: bool) -> dict[str, Any]:
    """Read all the options but ``match``."""
    parsers = parsers_of(kind, scheduled=scheduled)
    if scheduled and kind in MATCHING:
        parsers = {**parsers, "match": parse_match}  # so that an error lists it too
    read = spec.read(parsers)
    if read.get("bytes", 0) > MOST_EXTRA:
        raise ValueError(f"{kind}: bytes: {read['bytes']} is more than {MOST_EXTRA}")
    if kind is Kind.BANDWIDTH and "rate" not in read:
        raise ValueError("bandwidth needs rate=BYTES, per second: rate=64Ki")
    return read


def _probability(spec: Spec) -> float:
    try:
        return probability(spec.values[0]) if spec.values else 1.0
    except ValueError as error:
        raise ValueError(f"{spec.name}: {error}") from None


def parse_faults(texts: Iterable[str], *, seed: int = 0) -> Faults:
    """Read several faults. Raises ValueError with one line, also for faults that contradict."""
    return Faults(tuple(parse_fault(text) for text in texts), seed)


LONGEST = 3600.0
"""The longest time, in seconds, for which a message may request that its reply be held, in all."""

MARK = b"!"
"""The first byte of every in-band word."""

_DELAY = re.compile(r"!delay (?P<seconds>\S+)(?:\s.*)?", re.DOTALL | re.ASCII)
_WORD = re.compile(r"!(?P<word>\S+)(?:\s.*)?", re.DOTALL | re.ASCII)


@dataclass(frozen=True)
class InBand:
    """A message's request: a delay in seconds, or a fault. Without either, no fault applies."""

    delay: float | None = None
    fault: Fault | None = None


def parse_in_band(message: bytes) -> InBand:
    """Read the in-band word at the start of a message. Raises ValueError if there is none."""
    text = message.decode("latin-1")  # any bytes may follow the word
    if match := _DELAY.fullmatch(text):
        return InBand(delay=bounded(parse_seconds(match["seconds"])))
    match = _WORD.fullmatch(text)
    if match is None:
        raise ValueError("not a control word")
    if match["word"] == "none":
        return InBand()
    return InBand(fault=_fault_asked_for(match["word"]))


@lru_cache(maxsize=256)  # most messages repeat the request of an earlier one
def _fault_asked_for(word: str) -> Fault:
    fault = parse_fault(word, scheduled=False)
    if fault.kind not in OF_MESSAGES:
        raise ValueError(f"{fault.kind} does not apply to messages")
    bounded(fault.seconds)  # the total depends on delay and reply: `decision.asked_for` checks it
    return fault


def bounded(seconds: float) -> float:
    """Return a time that a message may request, unchanged. Raises ValueError if it is too long."""
    if seconds > LONGEST:
        raise ValueError(f"{seconds:g} s is longer than {LONGEST:g}")
    return seconds
