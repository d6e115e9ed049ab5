"""Reading delays as the command line gives them, those that vary too.

    5   5s   20ms   100us                  always the same
    uniform:1,3                            equally likely from 1 to 3 s
    exponential:0.2                        without memory, mean 0.2 s
    lognormal:median=0.05,sigma=0.8        median in seconds, sigma of the natural logarithm
    choice:0.01@0.9,1@0.1                  delay@probability; without any @ all are equally likely
    trace:FILE                             reply n of every connection waits what line n says

All but the first take ``min=`` and ``max=``: what is drawn below or above becomes that. A trace
begins anew after its last line; empty lines and those that begin with ``#`` do not count.
"""

import math
import re
from collections.abc import Callable, Iterable

from twistecho.base.duration import parse_seconds
from twistecho.base.notation import Spec, number, parse_spec, probability, seconds_of

from .delay import Delay, parse_delay
from .distribution import Choice, Distribution, Exponential, LogNormal, Uniform
from .varying import Bounds, Drawn, Trace

LinesOf = Callable[[str], Iterable[str]]
"""Gives the lines of a named file. Raises ValueError where it cannot be read."""

_TRACE = re.compile(r"trace:(?P<file>.+?)(?P<bounds>(?:,(?:min|max)=[^,]*)*)", re.DOTALL)


def _no_files(_name: str) -> Iterable[str]:
    raise ValueError("a trace cannot be read here")


def parse_delays(text: str, *, seed: int = 0, lines_of: LinesOf = _no_files) -> Delay:
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
    return Bounds(read.get("min", 0.0), read.get("max", math.inf))


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
