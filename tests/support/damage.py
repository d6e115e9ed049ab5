"""Strategies for tests of readers: valid text and data with damage."""

from copy import deepcopy
from itertools import pairwise
from math import inf
from typing import Any

from hypothesis import strategies as st

_NUMBERS = st.sampled_from(
    [0, 1, -1, 7, 2**31, 2**63 - 1, 2**63, 10**400, 5e-324, 1e-9, 0.5, 1e6, 1e12, 1e308, inf, -inf]
)
_VALUES = (
    _NUMBERS
    | st.integers(-2, 2**64)
    | st.floats()
    | st.none()
    | st.booleans()
    | st.text(max_size=8)
    | st.sampled_from(["\x1b[2J\n", "\ud800", "receive:reset", [], {}, [[]], {"": 0}])
)


@st.composite
def damaged(draw: st.DrawFn, whole: Any) -> Any:
    """Draw JSON data in which a few values are replaced, removed or repeated."""
    data = deepcopy(whole)
    for _ in range(draw(st.sampled_from([1, 1, 2, 3]))):
        place = data
        while True:
            keys: list[Any] = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            inner = place[key]
            if isinstance(inner, dict | list) and inner and draw(st.integers(0, 5)):
                place = inner
                continue
            if isinstance(place, list) and draw(st.booleans()):
                place.append(deepcopy(inner))
            elif draw(st.integers(0, 7)):
                place[key] = deepcopy(draw(_VALUES))
            else:
                del place[key]
            break
    return data


@st.composite
def damaged_texts(draw: st.DrawFn, right: list[str]) -> str:
    """Draw one of these texts with pieces of it replaced by random or other pieces."""
    text = draw(st.sampled_from(right))
    for _ in range(draw(st.integers(0, 3))):
        at, gone = draw(st.integers(0, len(text))), draw(st.integers(0, 3))
        other = draw(st.sampled_from(right))
        piece = draw(
            st.text(max_size=4)
            | st.text("0123456789.,:=@-+eE/%[]\\\n\x1b \u0661\u00b2", max_size=6)
            | st.just(other[draw(st.integers(0, len(other))) :])
            | st.just("9" * 5000)
        )
        text = text[:at] + piece + text[at + gone :]
    return text


@st.composite
def pieces(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """Draw a way to cut bytes: whole, byte by byte, or anywhere."""
    how = draw(st.integers(0, 3))
    if how < 2:
        size = (len(data) or 1) if how else 1
        return [data[at : at + size] for at in range(0, len(data), size)]
    edges = draw(st.lists(st.integers(0, len(data)), max_size=6))
    return [data[a:b] for a, b in pairwise(sorted({0, len(data), *edges}))]
