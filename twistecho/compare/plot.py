"""A comparison as a picture: small multiples of timelines, or growth over the number of clients.

matplotlib is imported only when something is drawn. Every distinction is made twice,
by colour (Okabe and Ito's, which the colour-blind can tell apart) and by hatch, marker or dashes,
so that a picture says the same when it is printed in black and white.
"""

import math
from itertools import cycle, pairwise
from typing import TYPE_CHECKING, Any

from twistecho.fleet.output.canvas import REPEATABLE, new_figure, save
from twistecho.fleet.output.tables import cause_name
from twistecho.fleet.reports.outcome import Outcome

from .comparison import Comparison, Run
from .tables import causes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MANY = 60  # clients, from which on a bar is too thin for an outline of its own
_Style = dict[str, Any]
_CONNECTING: _Style = {"label": "connecting", "facecolor": "#ffffff", "hatch": "......"}
_WAITING: _Style = {"label": "waiting for the reply", "facecolor": "#56B4E9", "hatch": ""}
_CLOSING: _Style = {"label": "answered, still open", "facecolor": "#F0E442", "hatch": "//////"}
_STATES = (_CONNECTING, _WAITING, _CLOSING)
_EDGE = "#222222"
_ANSWERED: _Style = {"marker": "|", "color": "#000000"}
_FAILED = "#D55E00"
_FAILURE_MARKERS = "xXv*P^sD"
_LINES: tuple[_Style, ...] = (
    {"color": "#000000", "marker": "o", "linestyle": "-"},
    {"color": "#0072B2", "marker": "s", "linestyle": "--"},
    {"color": "#D55E00", "marker": "^", "linestyle": "-."},
    {"color": "#009E73", "marker": "D", "linestyle": ":"},
    {"color": "#CC79A7", "marker": "v", "linestyle": (0, (5, 1, 1, 1, 1, 1))},
    {"color": "#E69F00", "marker": "P", "linestyle": (0, (8, 2))},
    {"color": "#56B4E9", "marker": "X", "linestyle": (0, (8, 2, 1, 2))},
    {"color": "#777777", "marker": "*", "linestyle": (0, (1, 4))},
)


def draw(comparison: Comparison, path: str) -> None:
    """Draw into a file: timelines for one number of clients, growth for several.

    The suffix gives the kind. Raises OSError where the file cannot be written.
    """
    import matplotlib as mpl  # noqa: PLC0415 - see the docstring of `canvas`

    with mpl.rc_context(REPEATABLE):
        figure = growth(comparison) if len(comparison.sizes) > 1 else timelines(comparison)
        save(figure, path)


def timelines(comparison: Comparison) -> "Figure":
    """Draw a panel a run: a bar a client, sorted by when it was done, all to the same scale."""
    runs = comparison.runs
    figure = new_figure(8.0, 0.9 + 1.55 * len(runs))
    found = causes(runs)
    markers = dict(zip(found, cycle(_FAILURE_MARKERS), strict=False))
    panels = figure.subplots(len(runs), 1, sharex=True, squeeze=False)[:, 0]
    for panel, run in zip(panels, runs, strict=True):
        _timeline(panel, run, markers)
        panel.set_title(_title(comparison, run), loc="left", fontsize=9, fontweight="bold")
    panels[-1].set_xlabel("seconds since the clients began")
    panels[-1].set_xlim(0, 1.02 * max(run.report.makespan for run in runs))
    figure.supylabel("clients, in the order in which they were done", fontsize=9)
    figure.legend(handles=_legend(runs, markers), loc="outside upper center", ncols=3,
                  frameon=False)  # fmt: skip
    return figure


def _title(comparison: Comparison, run: Run) -> str:
    report = run.report
    text = f"{comparison.name(run)}: {report.answered:,} of {run.clients:,} answered"
    return f"{text}, all done after {report.makespan:.2f} s"


def _timeline(panel: "Axes", run: Run, markers: dict[str, Any]) -> None:
    outcomes = run.in_order_of_end
    draw_spans = _areas if len(outcomes) > _MANY else _bars
    for style, spans in zip(_STATES, _spans(outcomes), strict=True):
        draw_spans(panel, style, spans)
    done = [(o.ended, rank) for rank, o in enumerate(outcomes, 1) if o.answered]
    size = max(1.0, min(7.0, 110 / len(outcomes)))
    panel.plot(*_xy(done), linestyle="", markersize=size, markeredgewidth=1.6, **_ANSWERED)
    for cause, marker in markers.items():
        failed = [(o.ended, r) for r, o in enumerate(outcomes, 1) if str(o.cause) == cause]
        panel.plot(*_xy(failed), linestyle="", markersize=5, color=_FAILED, marker=marker,
                   markeredgecolor=_EDGE if marker not in "x+" else _FAILED)  # fmt: skip
    panel.set_ylim(len(outcomes) + 0.8, 0.2)
    panel.set_yticks(sorted({1, (len(outcomes) + 1) // 2, len(outcomes)}))
    panel.grid(axis="x", color="#cccccc", linewidth=0.6)
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)


def _xy(points: "Iterable[tuple[float, float]]") -> tuple[list[float], list[float]]:
    pairs = list(points)
    return [x for x, _ in pairs], [y for _, y in pairs]


def _spans(outcomes: list[Outcome]) -> "Iterable[list[tuple[float, float]]]":
    """Give (begin, end) of every client's connecting, then waiting, then closing; in seconds.

    A client that did not come so far has a span without length.
    """
    connected = [o.ended if o.connected is None else o.connected for o in outcomes]
    replied = [o.ended if o.replied is None else o.replied for o in outcomes]
    edges = [[o.started for o in outcomes], connected, replied, [o.ended for o in outcomes]]
    return [list(zip(begin, end, strict=True)) for begin, end in pairwise(edges)]


def _bars(panel: "Axes", style: _Style, spans: list[tuple[float, float]]) -> None:
    """Draw a bar a client, the first one at 1."""
    panel.barh(
        range(1, len(spans) + 1),
        [end - begin for begin, end in spans],
        left=[begin for begin, _ in spans],
        height=0.72,
        linewidth=0.5,
        edgecolor=_EDGE,
        **style,
    )


def _areas(panel: "Axes", style: _Style, spans: list[tuple[float, float]]) -> None:
    """Draw the same as one area: thousands of hatched bars would take half a minute."""
    edges = [number + 0.5 for number in range(len(spans) + 1)]
    begins, ends = _xy([*spans, spans[-1]])
    panel.fill_betweenx(edges, begins, ends, step="post", linewidth=0.0, edgecolor=_EDGE, **style)


def _legend(runs: tuple[Run, ...], markers: dict[str, Any]) -> list[Any]:
    from matplotlib.lines import Line2D  # noqa: PLC0415 - see the docstring of `canvas`
    from matplotlib.patches import Patch  # noqa: PLC0415 - see the docstring of `canvas`

    handles: list[Any] = [Patch(edgecolor=_EDGE, linewidth=0.5, **style) for style in _STATES]
    if any(run.report.answered for run in runs):
        handles.append(Line2D([], [], linestyle="", label="done: every reply right",
                              markersize=7, markeredgewidth=1.6, **_ANSWERED))  # fmt: skip
    for cause, marker in markers.items():
        handles.append(Line2D([], [], linestyle="", marker=marker, color=_FAILED,
                              label=f"failed: {cause_name(cause)}"))  # fmt: skip
    return handles


def growth(comparison: Comparison) -> "Figure":
    """Draw makespan, memory and failures over the number of clients, a line a design."""
    from matplotlib.ticker import LogLocator, NullFormatter  # noqa: PLC0415 - see the docstring of `canvas`

    figure = new_figure(8.0, 8.0)
    panels = figure.subplots(3, 1, sharex=True)
    names = list(dict.fromkeys(comparison.name(run) for run in comparison.runs))
    for name, style in zip(names, cycle(_LINES), strict=False):
        runs = [run for run in comparison.runs if comparison.name(run) == name]
        sizes = [run.clients for run in runs]
        for panel, values in zip(panels, _grown(runs), strict=True):
            panel.plot(sizes, values, label=name, markersize=5, fillstyle="none", **style)
    labels = ("makespan, seconds", "server's memory at most, MiB", "clients not answered, %")
    for panel, label in zip(panels, labels, strict=True):
        panel.set_ylabel(label)
        panel.grid(color="#dddddd", linewidth=0.6)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_yscale("log")
    panels[0].yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    panels[0].yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    panels[0].yaxis.set_minor_formatter(NullFormatter())
    panels[1].set_ylim(bottom=0)
    panels[2].set_ylim(-4, 104)
    _count_axis(panels[2], comparison.sizes)
    handles, _ = panels[0].get_legend_handles_labels()
    figure.legend(handles=handles, loc="outside upper center", ncols=5, frameon=False)
    return figure


def _grown(runs: list[Run]) -> tuple[list[float], list[float], list[float]]:
    return (
        [run.report.makespan for run in runs],
        [run.cost.memory_peak / 2**20 if run.cost else math.nan for run in runs],
        [100 * (1 - run.report.answered / run.clients) for run in runs],
    )


def _count_axis(panel: "Axes", sizes: list[int]) -> None:
    panel.set_xscale("log")
    panel.set_xticks(sizes, [f"{size:,}" for size in sizes])
    panel.minorticks_off()
    panel.set_xlabel("clients, all at once")
