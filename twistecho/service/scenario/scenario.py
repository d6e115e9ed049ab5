"""What a whole service does to its messages: an immutable value that decides about each of them.

A decision is a pure function of the number of the connection (from 0, in the order of accept), the
number of the message on it (from 0), and the content of the message, where the scenario looks at
it. So the scenario alone predicts what each client will see. The exception is anything with a
``limit``: it also depends on the order of arrival.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

from twistecho.base.notation import FieldError, check_time
from twistecho.base.reply_formats import ReplyFormat, longest_reply

from .answers import On
from .deciding import Deciding
from .delay import NO_DELAY, Delay
from .delay_per import DelayPer
from .fault import Fault
from .faults import NO_FAULTS, Faults
from .fields import FIELDS, read_field, seed_of, seeded
from .framing import READ, Framing


@dataclass(frozen=True, init=False)
class Scenario(Deciding):
    """How a stream is cut into messages, what is replied, when, and what goes wrong.

    Each field may be given as a value or as text. ``framing`` cuts the stream. ``banner`` is sent
    on accept, after ``banner_delay``; ``banner_fault`` may apply to it. The first of ``on`` that
    matches a message sets its reply; otherwise the reply has the format ``reply``. ``delay`` holds
    each reply, or each connection once (``delay_per``). ``faults`` may apply to connections and
    messages; ``in_band`` lets messages request a delay or a fault. Every random choice is drawn
    from ``seed``; without it, a delay and faults that are given as values keep their own seed.

    Raises FieldError, which names the field as a path (``on[1].delay``), for an invalid value.
    """

    def __init__(
        self,
        *,
        framing: Framing | str | bytes = READ,
        banner: bytes | str = b"",
        banner_delay: Delay | float | str = NO_DELAY,
        banner_fault: Fault | str | None = None,
        on: Iterable[On] = (),
        reply: ReplyFormat | str = ReplyFormat.STAMPED,
        delay: Delay | float | str = NO_DELAY,
        delay_per: DelayPer | str = DelayPer.REPLY,
        faults: Faults | str | Iterable[Fault | str] = NO_FAULTS,
        in_band: bool = False,
        seed: int | None = None,
    ) -> None:
        given: dict[str, object] = {
            "framing": framing,
            "banner": banner,
            "banner_delay": banner_delay,
            "banner_fault": banner_fault,
            "on": on,
            "reply": reply,
            "delay": delay,
            "delay_per": delay_per,
            "faults": faults,
            "in_band": in_band,
        }
        own = seed_of(delay, faults) if seed is None else read_field("seed", seed, 0)
        for name, each in given.items():
            value = read_field(name, each, own)
            object.__setattr__(self, name, value if seed is None else seeded(value, own))
        object.__setattr__(self, "seed", own)
        self._check()

    def _check(self) -> None:
        """Refuse fields that contradict each other."""
        try:
            self.faults.multiply(self.delay.longest if self.delays_replies else 0.0)
            if self.faults.faults:
                check_time(self.longest)
        except ValueError as error:
            raise FieldError("faults", str(error)) from None
        self._check_own_faults()
        _check_fits("banner", self.framing, self.banner)
        for at, on in enumerate(self.on):
            for reply in on.reply or ():
                _check_fits(f"on[{at}].reply", self.framing, reply)

    def _check_own_faults(self) -> None:
        """Refuse a fault of the banner or of an answer that multiplies a delay of 0."""
        held = self.delay.longest if self.delays_replies else 0.0
        own = [("banner_fault", self.banner_fault, self.banner_delay.longest)]
        for at, on in enumerate(self.on):
            delay = held if on.delay is None else on.delay.longest
            own.append((f"on[{at}].fault", on.fault, delay))
        for name, fault, delay in own:
            try:
                Faults(() if fault is None else (fault,)).multiply(delay)
            except ValueError as error:
                raise FieldError(name, str(error)) from None

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed; see the class."""
        unknown = next(iter(changes.keys() - FIELDS.keys() - {"seed"}), None)
        if unknown is not None:
            raise TypeError(f"a scenario has no field {unknown!r}")
        kept = {name: getattr(self, name) for name in FIELDS}
        if "seed" in changes:
            return type(self)(**{**kept, **changes})
        made = object.__new__(type(self))
        for name, value in kept.items():
            new = read_field(name, changes[name], self.seed) if name in changes else value
            object.__setattr__(made, name, new)
        object.__setattr__(made, "seed", self.seed)
        made._check()
        return made

    @property
    def drawn_from(self) -> int | None:
        """The seed; None where nothing is drawn."""
        if self.faults.faults or any(self._own_faults):
            return self.seed
        delays = (self.delay, self.banner_delay, *(on.delay for on in self.on))
        # A user-defined delay may have no seed.
        seeds = (getattr(delay, "seed", None) for delay in delays)
        return next((seed for seed in seeds if seed is not None), None)

    @property
    def is_numbered(self) -> bool:
        """Whether decisions depend on the number of the connection."""
        return self.may_fail or self.drawn_from is not None

    @property
    def longest(self) -> float:
        """The longest time that delay and faults can hold a reply or the banner, in seconds."""
        said = self.framing.longest
        size = max(longest_reply(self.reply, said), *(on.longest_reply(said) for on in self.on), 0)
        banner = Faults(() if self.banner_fault is None else (self.banner_fault,))
        longest = banner.longest(self.banner_delay.longest, len(self.banner))
        longest = max(longest, self.faults.longest(self.delay.longest, size))
        for on in self.on:
            held = self.delay.longest if on.delay is None else on.delay.longest
            own = 0.0 if on.fault is None else on.fault.slowdown(held, size)
            longest = max(longest, held + own)
        return longest

    def describe(self) -> str:
        """Summarize in a few words when replies are sent, and what goes wrong."""
        words = [] if self.framing.is_read else [f"{self.framing} framing"]
        words += ["a banner"] if self.banner else []
        words += [f"{len(self.on)} answers" if len(self.on) > 1 else "1 answer"] if self.on else []
        if self.delay.longest:
            words += [f"{self.delay} after each {_SINCE[self.delay_per]}"]
        else:
            words += ["no delay"]
        words += [f"faults {self.faults}"] if self.faults.faults else []
        words += ["in-band control words"] if self.in_band else []
        words += [] if self.drawn_from is None else [f"seed {self.drawn_from}"]
        return ", ".join(words)


_SINCE = {DelayPer.REPLY: "message", DelayPer.CONNECTION: "accept"}


def _check_fits(name: str, framing: Framing, reply: bytes) -> None:
    """Raise FieldError for a reply whose length does not fit the length field of the framing."""
    try:
        framing.wrap(reply)
    except ValueError as error:
        raise FieldError(name, str(error)) from None
