"""Pictures of comparisons: what is drawn of them, in any kind of file."""

import tempfile
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from unittest import TestCase, skipIf

from tests.support.charts import texts
from tests.support.samples import broken, comparison, staircase, wall
from twistecho.compare.plot import draw, growth, timelines
from twistecho.pictures.chart import Boxes, Line
from twistecho.pictures.svg import picture_svg


class TimelineTests(TestCase):
    """A bar a client."""

    def test_each_run_has_its_chart_and_all_have_the_same_scale(self) -> None:
        """With the first client done at the top."""
        picture = timelines(comparison(staircase(), wall(), broken()))
        assert [chart.title for chart in picture.charts] == [
            "sequential: 20 of 20 answered, all done after 4.00 s",
            "threaded: 20 of 20 answered, all done after 0.20 s",
            "forking: 2 of 10 answered, all done after 1.00 s",
        ]
        assert len({(chart.x.low, chart.x.high) for chart in picture.charts}) == 1
        assert all(chart.y.place(1.0) > chart.y.place(10.0) for chart in picture.charts)

    def test_the_legend_names_what_is_drawn_and_no_more(self) -> None:
        """States, then what became of the clients."""
        assert [mark.label for mark in timelines(comparison(wall(), broken())).legend] == [
            "connecting", "waiting for the reply", "done: every reply right",
            "failed: connect: refused", "failed: receive: reset by peer",
        ]  # fmt: skip

    def test_a_client_has_a_box_for_each_state_and_a_mark_at_its_end(self) -> None:
        """Those that did not come so far have none."""
        [chart] = timelines(comparison(broken())).charts
        found = {
            mark.label: len(mark.boxes if isinstance(mark, Boxes) else mark.points)
            for mark in chart.marks
        }
        assert found == {
            "connecting": 5, "waiting for the reply": 5, "done: every reply right": 2,
            "failed: receive: reset by peer": 3, "failed: connect: refused": 5,
        }  # fmt: skip

    def test_thousands_of_clients_are_a_few_paths(self) -> None:
        """A bar a client would be too thin to be seen."""
        svg = picture_svg(timelines(comparison(staircase(2000, 0.01))))
        assert svg.count("<path") < 100
        assert len(svg) < 300_000

    def test_a_name_of_any_characters_is_drawn(self) -> None:
        """As Python writes it where it cannot be shown."""
        svg = picture_svg(timelines(comparison(replace(wall(), design="\a<\u9875"))))
        assert any(text.startswith("\\x07<\u9875: 20 of 20") for text in texts(svg))


class GrowthTests(TestCase):
    """Several numbers of clients."""

    def test_each_figure_has_its_chart_with_a_line_a_design(self) -> None:
        """Over the number of clients."""
        picture = growth(comparison(staircase(20), wall(20), staircase(40), wall(40)))
        assert [chart.title for chart in picture.charts] == [
            "Makespan, seconds", "Server's memory at most, MiB", "Clients not answered, %",
        ]  # fmt: skip
        drawn = texts(picture_svg(picture))
        assert drawn.count("threaded") == drawn.count("sequential") == 1
        assert {"20", "40"} <= set(drawn)

    def test_a_figure_that_was_not_measured_has_no_chart(self) -> None:
        """Memory, where the system does not tell."""
        runs = [replace(wall(size), cost=None) for size in (20, 40)]
        assert len(growth(comparison(*runs)).charts) == 2

    def test_no_two_of_eight_servers_are_drawn_alike(self) -> None:
        """The five designs and three of one's own: by colour, by marker, and by dashes."""
        runs = [replace(wall(size), design=f"s{n}") for size in (20, 40) for n in range(8)]
        lines = [mark for mark in growth(comparison(*runs)).legend if isinstance(mark, Line)]
        assert [line.label for line in lines] == [f"s{n}" for n in range(8)]
        assert len({line.look.colour for line in lines}) == 8
        assert len({line.look.marker for line in lines}) == 8
        assert len({line.look.dashes for line in lines}) == 8


class DrawTests(TestCase):
    """Files."""

    def setUp(self) -> None:
        """Make a directory that goes with the test."""
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)

    def test_one_number_of_clients_is_drawn_as_timelines_several_as_growth(self) -> None:
        """As SVG, which needs nothing."""
        for found, said in (
            (comparison(staircase(), wall()), "seconds since the clients began"),
            (comparison(wall(20), wall(40)), "clients, all at once"),
        ):
            path = self.directory / "x.svg"
            draw(found, str(path))
            assert said in texts(path.read_text(encoding="utf-8"))

    @skipIf(find_spec("matplotlib") is None, "matplotlib is not installed")
    def test_matplotlib_draws_the_same(self) -> None:
        """Without a word about characters that no font has: warnings would be errors here."""
        odd = replace(wall(40), design="\a\u9875")
        for number, found in enumerate((comparison(broken(), odd), comparison(wall(20), odd))):
            path = self.directory / f"{number}.png"
            draw(found, str(path))
            assert path.read_bytes().startswith(b"\x89PNG")
