"""Ticks: round values, as many as fit, without overlaps."""

from itertools import pairwise
from unittest import TestCase

from hypothesis import given, settings
from hypothesis import strategies as st

from twistecho.pictures.chart import Axis, round_bounds, wide_range
from twistecho.pictures.ticks import Room, shortened, ticks, width_of

SIZE, GAP, BEYOND = 12.0, 8.0, 10.0

lengths = st.floats(20, 3000)
above_zero = st.floats(1e-9, 1e12)


@st.composite
def axes(draw: st.DrawFn) -> Axis:
    """Draw an axis of any kind."""
    low, high = sorted((draw(above_zero), draw(above_zero)))
    kind = draw(st.sampled_from(["linear", "time", "whole", "log", "named", "upside down"]))
    if kind == "log":
        return Axis(low, high, log=True)
    if kind == "time":
        return Axis(0.0, high, unit=draw(st.sampled_from([1.0, 60.0, 3600.0])), whole=True)
    if kind == "named":
        values = draw(st.lists(st.floats(low, high), max_size=9))
        return Axis(low, high, log=True, at=tuple((value, f"{value:g}%") for value in values))
    if kind == "upside down":
        return Axis(high, 0.0)
    return Axis(0.0, high, whole=kind == "whole")


def room(length: float) -> Room:
    """Return the room of an axis whose texts lie along it."""
    return Room(length, lambda text: width_of(text, SIZE), gap=GAP, beyond=BEYOND)


class TickTests(TestCase):
    """The ticks of an axis."""

    @settings(deadline=None)
    @given(axes(), lengths)
    def test_no_tick_is_over_another_or_sticks_out(self, axis: Axis, length: float) -> None:
        """For an axis of any length and any values."""
        found = ticks(axis, room(length))
        spans = sorted(
            (axis.place(value) * length - width_of(text, SIZE) / 2,
             axis.place(value) * length + width_of(text, SIZE) / 2)
            for value, text in found
        )  # fmt: skip
        assert all(end + GAP <= begin + 1e-6 for (_, end), (begin, _) in pairwise(spans))
        assert all(begin >= -BEYOND and end <= length + BEYOND for begin, end in spans)

    @settings(deadline=None)
    @given(axes(), lengths)
    def test_a_tick_is_on_its_axis_and_says_what_it_is(self, axis: Axis, length: float) -> None:
        """In the order of the values, each once."""
        found = ticks(axis, room(length))
        assert found == sorted(set(found))
        for value, text in found:
            assert -1e-6 <= axis.place(value) <= 1 + 1e-6
            assert axis.at or text == axis.write(value)

    def test_values_are_round(self) -> None:
        """Multiples of 1, 2 or 5; of minutes where an axis counts these; powers of ten."""
        minutes = Axis(0.0, 1800.0, write=lambda value: f"{value / 60:g}", unit=60.0)
        for axis, texts in (
            (Axis(0.0, 10.0), "0 2 4 6 8 10"),
            (Axis(0.0, 3.3, whole=True), "0 1 2 3"),
            (minutes, "0 5 10 15 20 25 30"),
            (Axis(0.01, 10.0, log=True), "0.1 1 10"),  # the first has no room at its left
            (Axis(10.0, 20.0, log=True), "10 20"),
        ):
            found = ticks(axis, room(180.0))
            assert " ".join(text for _, text in found) == texts

    def test_named_ticks_give_way_to_those_before_them(self) -> None:
        """The most important ones come first."""
        axis = Axis(0.0, 10.0, at=((5.0, "five"), (5.5, "five and a half"), (0.0, "0")))
        assert ticks(axis, room(200.0)) == [(0.0, "0"), (5.0, "five")]

    def test_an_axis_as_wide_as_any_number_has_ticks(self) -> None:
        """Damaged files may contain any time."""
        for axis in (Axis(0.0, 1.7e308), Axis(0.0, 0.0), Axis(1e-300, 1e300, log=True),
                     Axis(5e-324, 5e-324, log=True), Axis(1e16, 1e16)):  # fmt: skip
            assert len(ticks(axis, room(300.0))) <= 60


class BoundTests(TestCase):
    """The ends of an axis, chosen by its values."""

    @settings(deadline=None)
    @given(st.lists(above_zero, min_size=1))
    def test_bounds_are_round_and_around_all(self, values: list[float]) -> None:
        """The closest 1, 2 or 5 times a power of ten."""
        low, high = round_bounds(values)
        assert low <= min(values) * 1.00001 <= max(values) * 1.00002 <= high * 1.00003
        assert min(values) / low < 2.51
        assert high / max(values) < 2.51

    def test_a_range_is_wide_where_small_values_could_not_be_seen(self) -> None:
        """Zeros have no place on a logarithmic scale and do not count."""
        assert wide_range([0.0, 0.001, 0.1])
        assert not wide_range([0.0, 0.01, 0.1])
        assert not wide_range([])


class ShortenedTests(TestCase):
    """Texts for which there is too little room."""

    @settings(deadline=None)
    @given(st.text(), st.floats(20, 400))
    def test_what_is_left_has_room_and_is_the_beginning(self, text: str, wide: float) -> None:
        """With dots in place of the rest."""
        shown = shortened(text, SIZE, wide)
        assert width_of(shown, SIZE) <= wide
        assert shown == text or (shown.endswith("…") and text.startswith(shown[:-1]))
