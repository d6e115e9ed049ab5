"""Strategies for scenarios, and the data they are made of."""

from typing import Any

from hypothesis import strategies as st

from twistecho.base.reply_formats import ReplyFormat
from twistecho.service.scenario.answers import On
from twistecho.service.scenario.delay_per import DelayPer
from twistecho.service.scenario.scenario import Scenario

FRAMINGS: list[str | bytes] = [
    "read", "line", "delimiter:\r\n", b"delimiter:\xff\n", "fixed:3", "length:2",
    "length:4,little,inclusive",
]  # fmt: skip
DELAYS: list[str | float] = [
    0, 0.25, "20ms", "uniform:1,3", "exponential:0.2,max=3", "lognormal:median=0.05,sigma=0.8",
    "choice:0.01@0.9,1@0.1",
]  # fmt: skip
FAULTS = [
    "reset:0.1", "close:0.1,at=middle", "silent:0.1,every=3,after=2", "truncate:0.1,bytes=4",
    "corrupt:0.1,connection=1", "drip:0.1,bytes=2,pause=5ms", "refuse:0.1",
]  # fmt: skip
TEXT = st.text(max_size=6) | st.binary(max_size=6)
PATTERNS: list[str | bytes] = ["^a", "(.)(.)", "", b"\xff", "\u00e9", "[0-9]+"]


@st.composite
def answers(draw: st.DrawFn) -> On:
    """Draw an answer."""
    said = TEXT.map(
        lambda text: text.replace(*(("\\", "/") if isinstance(text, str) else (b"\\", b"/")))
    )
    return On(
        draw(st.sampled_from(PATTERNS)),
        draw(st.none() | said | st.lists(said, min_size=1, max_size=3) | st.just("\\0!")),
        delay=draw(st.none() | st.sampled_from(DELAYS)),
        fault=draw(st.none() | st.sampled_from(FAULTS[:-1])),
        close=draw(st.booleans()),
        limit=draw(st.none() | st.integers(1, 9)),
    )


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """Draw a scenario."""
    given: dict[str, Any] = {
        "framing": st.sampled_from(FRAMINGS),
        "banner": TEXT,
        "banner_delay": st.sampled_from(DELAYS),
        "banner_fault": st.none() | st.sampled_from(FAULTS[:-1]),
        "on": st.lists(answers(), max_size=2),
        "reply": st.sampled_from(ReplyFormat),
        "delay": st.sampled_from(DELAYS),
        "delay_per": st.sampled_from(DelayPer),
        "faults": st.lists(st.sampled_from(FAULTS), max_size=3, unique=True),
        "in_band": st.booleans(),
        "seed": st.integers(0, 10**20),
    }
    return Scenario(**{name: draw(values) for name, values in given.items() if draw(st.booleans())})
