"""What a fleet found, as pictures: latency by percentile, and the run second by second.

Every distinction is made twice, by colour (Okabe and Ito's, which the colour-blind can tell apart)
and by dashes or hatches, so that a picture says the same when it is printed in black and white.
matplotlib is imported only when something is drawn.
"""

import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING, Any, NamedTuple

from twistecho.base.notation import written
from twistecho.fleet.reports.histograms import INTERVAL_LENGTH, Interval, Latencies
from twistecho.fleet.reports.report import Report

from .canvas import REPEATABLE, new_figure, save
from .tables import cause_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_A_DECADE = 24  # points, so that a curve over percentiles looks like one


_Style = dict[str, Any]
_RESPONSE: _Style = {"color": "#0072B2", "linestyle": "-", "linewidth": 2.0}
_SERVICE: _Style = {"color": "#D55E00", "linestyle": "--", "linewidth": 1.6}
_OVER_TIME: dict[str, _Style] = {
    "max": {"color": "#D55E00", "linestyle": ":", "marker": "^"},
    "p99": {"color": "#009E73", "linestyle": "--", "marker": "s"},
    "p50": {"color": "#0072B2", "linestyle": "-", "marker": "o"},
}
_CAUSES: tuple[_Style, ...] = (
    {"facecolor": "#D55E00", "hatch": ""},
    {"facecolor": "#56B4E9", "hatch": "////"},
    {"facecolor": "#F0E442", "hatch": "...."},
    {"facecolor": "#009E73", "hatch": "xxxx"},
    {"facecolor": "#CC79A7", "hatch": "----"},
    {"facecolor": "#999999", "hatch": "++++"},
)
_INK, _GRID, _SHADE = "#222222", "#dddddd", "#eeeeee"
_WIDE_RANGE = 30.0  # from which on small latencies need a logarithmic scale to be seen
_FEW = 60  # points, up to which each is marked

VARIABLES = {
    "#222222": "ink", "#dddddd": "grid", "#eeeeee": "shade", "#0072b2": "blue", "#d55e00": "red",
    "#009e73": "green", "#56b4e9": "sky", "#f0e442": "yellow", "#cc79a7": "pink", "#999999": "grey",
}  # fmt: skip
"""The colours of the charts, and the names of the CSS variables that stand for them on a page."""

_INKED: Any = {
    "text.color": _INK, "axes.edgecolor": _INK, "axes.labelcolor": _INK, "xtick.color": _INK,
    "ytick.color": _INK, "hatch.color": _INK, "text.parse_math": False,
}  # fmt: skip
# Text stays text: it can be read aloud, searched and copied, and takes the page's font.
_ON_A_PAGE: Any = {"svg.fonttype": "none", "font.family": "sans-serif", "font.size": 10.0}
_NO_METADATA: Any = {"Date": None, "Creator": None, "Format": None, "Type": None}


@dataclass(frozen=True)
class Moment:
    """What a second of a run was like; it began ``start`` seconds after the run did.

    ``rate`` is of messages answered a second, None for the last second where it was cut short.
    Latencies are in seconds, None where no reply came. ``failures`` counts clients by cause.
    """

    start: float
    rate: float | None
    p50: float | None
    p99: float | None
    max: float | None
    failures: Mapping[str, int]


def moments(report: Report) -> list[Moment]:
    """Give all seconds of a run."""
    intervals = report.measured.intervals
    return [_moment(interval, last=interval is intervals[-1]) for interval in intervals]


def _moment(interval: Interval, *, last: bool) -> Moment:
    # How much of the last second there was is not known: a rate would be a guess.
    whole = interval.start == 0 or not last
    found: tuple[float | None, float | None, float | None] = (None, None, None)
    summary = Latencies(interval.latency).summary([50.0, 99.0])
    if summary is not None:
        p50, p99 = summary.percentiles
        found = (p50, p99, summary.max)
    rate = interval.answered / INTERVAL_LENGTH if whole else None
    return Moment(interval.start, rate, *found, interval.failures)


def percentile_curve(encoded: str) -> tuple[list[float], list[float]]:
    """Give the points of a histogram in text form: how rare, and the latency in seconds.

    How rare is 1 in so many: 2 stands for the 50th percentile, 100 for the 99th. The curve ends at
    the slowest reply of all, 1 in as many as there were. Without a reply there are no points.
    """
    latencies = Latencies(encoded)
    total = latencies.count
    if not total:
        return [], []
    rarities = [10 ** (step / _A_DECADE) for step in range(_A_DECADE * 10)]
    rarities = [*(rarity for rarity in rarities if rarity < total), float(total)]
    ranks = [total - int(total / rarity) for rarity in rarities[:-1]] + [total]
    return rarities, latencies.at_ranks([max(1, rank) for rank in ranks])


class Chart(NamedTuple):
    """A chart as it stands on a page: its title, what it shows in a sentence, and its SVG."""

    title: str
    shows: str
    svg: str


def draw(report: Report, path: str) -> None:
    """Draw all charts, one above the other, into a file; its suffix gives the kind.

    Raises OSError where the file cannot be written.
    """
    import matplotlib as mpl  # noqa: PLC0415 - see the docstring of `canvas`

    with mpl.rc_context(REPEATABLE | _INKED):
        figure = new_figure(8.0, 11.0)
        over_time = moments(report)
        panels = figure.subplots(4, 1, height_ratios=[1.3, 1.2, 1.0, 1.0])
        for panel, (title, _, draw_panel) in zip(panels, _PANELS, strict=True):
            draw_panel(panel, report, over_time)
            panel.set_title(title, loc="left", fontsize=10, fontweight="bold")
        for panel in panels[1:3]:
            panel.sharex(panels[3])
        figure.suptitle(f"{report.target}, {report.engine}", x=0.02, ha="left", color=_INK)
        save(figure, path)


def page_charts(report: Report) -> list[Chart]:
    """Draw each chart as SVG for an HTML page, its colours CSS variables, its width the page's."""
    import matplotlib as mpl  # noqa: PLC0415 - see the docstring of `canvas`

    over_time = moments(report)
    charts = []
    with mpl.rc_context(REPEATABLE | _INKED | _ON_A_PAGE):
        for number, (title, shows, draw_panel) in enumerate(_PANELS):
            figure = new_figure(5.0, 2.9)
            panel = figure.subplots()
            draw_panel(panel, report, over_time)
            stream = io.StringIO()
            figure.savefig(stream, format="svg", transparent=True, metadata=_NO_METADATA)
            charts.append(Chart(title, shows, for_page(stream.getvalue(), f"chart{number}-")))
    return charts


def for_page(svg: str, prefix: str) -> str:
    """Make of an SVG file a piece of an HTML page: ids with a prefix, colours that a page sets."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    head, rest = svg.split(">", 1)
    view = re.search(r'viewBox="[^"]*"', head)
    svg = f'<svg {view[0] if view else ""} aria-hidden="true">{rest}'
    svg = re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{prefix}", svg)
    svg = re.sub(r"'?DejaVu Sans'?[^;\"]*|sans-serif", "inherit", svg)
    for colour, name in VARIABLES.items():
        svg = svg.replace(colour, f"var(--{name})")
    return svg


def _plain(panel: "Axes") -> None:
    panel.grid(color=_GRID, linewidth=0.6)
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)


def _latency_axis(panel: "Axes", values: list[float]) -> None:
    """Label latencies in the units that people would choose; logarithmic over a wide range."""
    from matplotlib.ticker import LogLocator, NullFormatter  # noqa: PLC0415 - see `canvas`

    if values and max(values) > _WIDE_RANGE * min(values):
        panel.set_yscale("log")
        panel.yaxis.set_major_locator(LogLocator(numticks=8))
        panel.yaxis.set_minor_formatter(NullFormatter())
    else:
        panel.set_ylim(0, 1.1 * max(values, default=1.0))
    panel.yaxis.set_major_formatter(lambda value, _: _tick(value))


def _tick(value: float) -> str:
    """Write a time at a tick: ``2 ms``, without the zeros of a measurement."""
    number, _, unit = written(value).partition(" ")
    return f"{float(number):g} {unit}"


def _by_percentile(panel: "Axes", report: Report, _: list[Moment]) -> None:
    curves = {"response time, from when due": report.measured.latency}
    if report.measured.service != report.measured.latency:
        curves["service time, from when sent"] = report.measured.service
    draw_percentiles(panel, curves)


def draw_percentiles(panel: "Axes", curves: Mapping[str, str]) -> None:
    """Draw up to two histograms in text form, each with its label, by percentile."""
    shown: list[float] = []
    highest = 10.0
    for (label, encoded), style in zip(curves.items(), (_RESPONSE, _SERVICE), strict=False):
        rarities, latencies = percentile_curve(encoded)
        panel.plot(rarities, latencies, label=label, **style)
        shown += latencies
        highest = max([highest, *rarities])
    _plain(panel)
    _latency_axis(panel, shown)
    _rarity_axis(panel, highest)
    _legend(panel, shown, "no reply was measured")


def _rarity_axis(panel: "Axes", highest: float) -> None:
    """Label 1 in 10 as the 90th percentile, 1 in 100 as the 99th, and so on."""
    # Beside three nines there is room for one of them.
    ticks = [(1, "0"), (2, "50"), (4, "75")] if highest < 1000 else [(2, "50")]
    ticks += [(10**n, f"{100 - 100 / 10**n:.{max(0, n - 2)}f}") for n in range(1, 10)]
    ticks = [(rarity, label) for rarity, label in ticks if rarity <= highest]
    panel.set_xscale("log")
    panel.set_xlim(1, highest)
    panel.set_xticks([rarity for rarity, _ in ticks], [f"{label}%" for _, label in ticks])
    panel.minorticks_off()
    panel.set_xlabel("so many of the replies came at least as fast")


def _latency_over_time(panel: "Axes", report: Report, over_time: list[Moment]) -> None:
    shown: list[float] = []
    for name, style in _OVER_TIME.items():
        values = [getattr(moment, name) for moment in over_time]
        gaps = [float("nan") if value is None else value for value in values]
        marked = {} if len(values) <= _FEW else {"marker": ""}
        middles = [moment.start + INTERVAL_LENGTH / 2 for moment in over_time]
        panel.plot(middles, gaps, label=name, markersize=4, fillstyle="none", **style | marked)
        shown += [value for value in values if value is not None]
    _time_axis(panel, report, over_time)
    _latency_axis(panel, shown)
    _legend(panel, shown, "no reply came", ncols=4)


def _rate_over_time(panel: "Axes", report: Report, over_time: list[Moment]) -> None:
    rates = [moment.rate for moment in over_time if moment.rate is not None]
    if rates:
        edges = [n * INTERVAL_LENGTH for n in range(len(rates) + 1)]
        panel.stairs(rates, edges, color="#0072B2", linewidth=2.0, baseline=None)
    planned = report.plan.rate
    if planned is not None:
        panel.axhline(planned, label="planned", **_SERVICE)
        _legend(panel, [planned], "")
    _time_axis(panel, report, over_time)
    panel.set_ylim(0, 1.15 * max([*rates, planned or 0.0, 1.0]))
    panel.yaxis.set_major_formatter(lambda value, _: f"{value:,.6g}")


def _failures_over_time(panel: "Axes", report: Report, over_time: list[Moment]) -> None:
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415 - see the docstring of `canvas`

    causes = sorted({cause for moment in over_time for cause in moment.failures})
    below = [0] * len(over_time)
    middles = [moment.start + INTERVAL_LENGTH / 2 for moment in over_time]
    for cause, style in zip(causes, cycle(_CAUSES), strict=False):
        counts = [moment.failures.get(cause, 0) for moment in over_time]
        panel.bar(middles, counts, width=INTERVAL_LENGTH, bottom=below, label=cause_name(cause),
                  edgecolor=_INK, linewidth=0.5, **style)  # fmt: skip
        below = [under + count for under, count in zip(below, counts, strict=True)]
    _time_axis(panel, report, over_time)
    panel.set_ylim(0, 1.15 * max([*below, 1]))
    panel.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    _legend(panel, causes, "no client failed", ncols=3)


def _time_axis(panel: "Axes", report: Report, over_time: list[Moment]) -> None:
    """Count seconds since the run began, and shade the warm-up."""
    panel.set_xlim(0, len(over_time) * INTERVAL_LENGTH or 1.0)
    panel.set_xlabel("seconds since the run began")
    _plain(panel)
    if report.plan.warmup and over_time:
        known = [o.offered_from for o in report.outcomes if o.offered_from is not None]
        end = min(known, default=report.plan.warmup)
        panel.axvspan(
            max(0.0, end - report.plan.warmup),
            end,
            color=_SHADE,
            label="warm-up",
            linewidth=0,
            zorder=0,
        )


def _legend(panel: "Axes", shown: "list[Any]", without: str, ncols: int = 1) -> None:
    """Add a legend, or where nothing is shown the words that say so."""
    if not shown:
        panel.text(0.5, 0.5, without, transform=panel.transAxes, ha="center", color=_INK)
    if panel.get_legend_handles_labels()[0] and shown:
        panel.legend(frameon=False, fontsize="small", ncols=ncols, loc="lower right",
                     bbox_to_anchor=(1.0, 1.0), borderaxespad=0.2)  # fmt: skip


_Draw = Callable[["Axes", Report, list[Moment]], None]
_PANELS: tuple[tuple[str, str, _Draw], ...] = (
    ("Latency by percentile",
     "How long replies took, from the fastest to the rarest; each gridline is a tenth as many.",
     _by_percentile),
    ("Latency over time", "The median, the 99th percentile and the slowest reply of each second.",
     _latency_over_time),
    ("Messages answered a second", "Replies that came back right, in each second of the run.",
     _rate_over_time),
    ("Clients failed in each second", "Failures by cause, in the second in which they happened.",
     _failures_over_time),
)  # fmt: skip
