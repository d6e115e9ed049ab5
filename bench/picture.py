"""The picture: for every case, each peer's figure beside ours."""

from collections.abc import Mapping
from pathlib import Path

from .cases import CASES
from .found import Found, rows


def plot(all_found: Mapping[str, Found], path: Path) -> None:
    """Draw one panel per case into a file."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - only plots need it

    height = sum(0.5 + 0.22 * len(found) for found in all_found.values())
    figure = Figure(figsize=(8, height), layout="constrained")
    panels = figure.subplots(
        len(all_found), squeeze=False, height_ratios=[2 + len(f) for f in all_found.values()]
    )[:, 0]
    for panel, (case, found) in zip(panels, all_found.items(), strict=True):
        lines = list(rows(case, found))[::-1]
        colors = ["tab:orange" if line is lines[-1] else "tab:gray" for line in lines]
        panel.barh([line.peer for line in lines], [line.value for line in lines], color=colors)
        panel.set_title(f"{CASES[case].title}: {CASES[case].unit}", fontsize=9, loc="left")
        panel.tick_params(labelsize=7)
    figure.savefig(path, dpi=110)
