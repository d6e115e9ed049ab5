"""Delays, faults and in-band words: text to value.

A delay:

    5   5s   20ms   100us   1min   1h      always the same
    uniform:1,3                            equally likely from 1 to 3 s
    exponential:0.2                        exponentially distributed, mean 0.2 s
    lognormal:median=0.05,sigma=0.8        median in seconds, sigma of the natural logarithm
    choice:0.01@0.9,1@0.1                  delay@probability; without any @ all are equally likely
    trace:FILE                             reply n of every connection waits what line n says

All but the first take ``min=`` and ``max=``: what is drawn below or above becomes that. A trace
begins anew after its last line; empty lines and those that begin with ``#`` do not count.

A fault, ``KIND[:PROBABILITY][,option=value]``:

    refuse                    accept a connection and reset it at once
    reset    at=              RST before (default), in the middle of, or after a reply
    close    at=              FIN likewise
    silent                    no reply
    truncate bytes=N          the last N bytes of the reply are missing (default: half of it)
    corrupt                   one byte of the reply is another
    extra    bytes=N          N bytes follow the reply (default 1)
    drip     bytes=N pause=T  the reply comes N bytes at a time (1), T apart (10 ms)
    stall    for=T            nothing is read for T (1 s) from the arrival of the message
    late     times=X          X times (10) the delay
    bandwidth rate=R direction=in|out
                              R bytes per second (64Ki, 1M), both ways unless told otherwise
    unaccepted                no connect completes

All but ``unaccepted``, which has no options and no probability, take ``every=K`` (each Kth message
of a connection), ``after=N`` (none of the first N), ``connection=I`` (only there, counted from 0),
``peer=ADDRESS[/BITS]`` (only from there) and ``limit=N`` (N times at most, over all connections).
For ``refuse`` and ``bandwidth`` connections are counted instead; the others take ``match=REGEX``
too (only where that is found in the message), which comes last and takes the rest of the text.

An in-band word is how a message asks for something itself, where the service allows it:

    !delay SECONDS   this reply is held so long, whatever the service's delay
    !KIND[,option]   this message meets that fault: !reset  !close,at=middle  !drip,pause=5ms
    !none            this message meets no fault

The word ends at a space, at the end of a line or at the end of the message; the whole message, the
word included, is what the reply is to. What begins with ``!`` and is none of these is an ordinary
message. No reply is held for longer than `LONGEST` by it, all pauses together: it is the peer that
chooses it.
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
"""Gives the lines of a named file. Raises ValueError where it cannot be read."""

_TRACE = re.compile(r"trace:(?P<file>.+?)(?P<bounds>(?:,(?:min|max)=[^,]*)*)", re.DOTALL)


def no_files(_name: str) -> Iterable[str]:
    """Read no file: raise ValueError."""
    raise ValueError("a trace cannot be read here")


def parse_delays(text: str, *, seed: int = 0, lines_of: LinesOf = no_files) -> AskedDelay:
    """Read a delay, varying or not. Raises ValueError with one line that says what is wrong.

    ``lines_of`` reads the file of a trace.
    """
    if match := _TRACE.fullmatch(text):
        bounds = _bounds(parse_spec(f"trace{match['bounds']}"))
        return Trace(_trace(match["file"], lines_of(match["file"]), bounds), text)
    spec = parse_spec(text)
    if spec.name not in _DISTRIBUTIONS:
        if ":" in text:
            names = ", ".join([*_DISTRIBUTIONS, "trace"])
            raise ValueError(f"there is no distribution {spec.name!r}: there are {names}")
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
        raise ValueError(f"{file} holds no delay")
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

    Where it is not ``scheduled`` it has neither a probability nor any condition: it comes about.
    """
    match = _MATCH.search(text) if scheduled else None
    spec = parse_spec(text if match is None else text[: match.start()])
    kind = Kind.parse(spec.name)
    chances = scheduled and kind is not Kind.UNACCEPTED
    if len(spec.values) > chances:
        raise ValueError(f"{kind}: {spec.values[-1]!r} is no option")
    read = _options(kind, spec, scheduled=scheduled)
    schedule = {name: read.pop(name) for name in SCHEDULE & read.keys()}
    if match is not None:
        if kind not in MATCHING:
            raise ValueError(f"{kind} has no option 'match': it meets connections, not messages")
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
        parsers = {**parsers, "match": parse_match}  # so that it is named among the others
    read = spec.read(parsers)
    if read.get("bytes", 0) > MOST_EXTRA:
        raise ValueError(f"{kind}: bytes: {read['bytes']} is more than {MOST_EXTRA}")
    if kind is Kind.BANDWIDTH and "rate" not in read:
        raise ValueError("bandwidth needs rate=BYTES, of a second: rate=64Ki")
    return read


def _probability(spec: Spec) -> float:
    try:
        return probability(spec.values[0]) if spec.values else 1.0
    except ValueError as error:
        raise ValueError(f"{spec.name}: {error}") from None


def parse_faults(texts: Iterable[str], *, seed: int = 0) -> Faults:
    """Read several faults. Raises ValueError with one line, also where they contradict."""
    return Faults(tuple(parse_fault(text) for text in texts), seed)


LONGEST = 3600.0
"""The longest time, in seconds, for which a message may ask that its reply be held: in all."""

MARK = b"!"
"""What a message that wants to be obeyed begins with."""

_DELAY = re.compile(r"!delay (?P<seconds>\S+)(?:\s.*)?", re.DOTALL | re.ASCII)
_WORD = re.compile(r"!(?P<word>\S+)(?:\s.*)?", re.DOTALL | re.ASCII)


@dataclass(frozen=True)
class InBand:
    """What a message asks for: a delay in seconds, or a fault; neither is: no fault."""

    delay: float | None = None
    fault: Fault | None = None


def parse_in_band(message: bytes) -> InBand:
    """Read the in-band word that a message begins with. Raises ValueError if it is none."""
    text = message.decode("latin-1")  # what follows the word may be anything
    if match := _DELAY.fullmatch(text):
        return InBand(delay=bounded(parse_seconds(match["seconds"])))
    match = _WORD.fullmatch(text)
    if match is None:
        raise ValueError("no control word")
    if match["word"] == "none":
        return InBand()
    return InBand(fault=_fault_asked_for(match["word"]))


@lru_cache(maxsize=256)  # most messages ask for what others have asked for
def _fault_asked_for(word: str) -> Fault:
    fault = parse_fault(word, scheduled=False)
    if fault.kind not in OF_MESSAGES:
        raise ValueError(f"{fault.kind} cannot meet a connection that has sent a message")
    bounded(fault.seconds)  # in all it depends on delay and reply, which the scenario knows
    return fault


def bounded(seconds: float) -> float:
    """Give back a time that a message may ask for. Raises ValueError for a longer one."""
    if seconds > LONGEST:
        raise ValueError(f"{seconds:g} s is longer than {LONGEST:g}")
    return seconds
