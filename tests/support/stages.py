"""Stages of loads for laws: any that a plan takes, and none that takes long to count."""

from hypothesis import strategies as st

from twistecho.fleet.plans.stages import Stage, Stages

_TIMES = st.integers(1, 40).map(lambda number: number / 4) | st.floats(0.001, 10)


def _stages(values: "st.SearchStrategy[float]") -> "st.SearchStrategy[Stages]":
    held = st.builds(lambda value, seconds: Stage(value, value, seconds), values, _TIMES)
    stage = held | st.builds(Stage, values, values, _TIMES)
    some = st.lists(stage, min_size=1, max_size=5).filter(
        lambda each: any(s.integral for s in each)
    )
    return some.map(lambda each: Stages(tuple(each)))


rate_stages = _stages(st.integers(0, 40).map(float) | st.floats(0.01, 40))
"""Stages of a rate, of two thousand messages at most."""

client_stages = _stages(st.integers(0, 30).map(float))
"""Stages of clients."""
