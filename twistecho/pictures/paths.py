"""Lines, boxes and markers as short SVG paths, in pixels.

Points that have no place on an axis are left out.
"""

from collections.abc import Sequence
from math import isfinite, nan

from .chart import Boxes, Line
from .frame import Frame


def short(value: float) -> str:
    """Write a length in pixels, to a tenth of a pixel: smaller differences cannot be seen."""
    return f"{value:.1f}".removesuffix(".0").replace("-0.", "-.")


def line_path(frame: Frame, line: Line) -> str:
    """Return the path through a line's points, with its gaps; single points are left out."""
    pieces: list[list[str]] = [[]]
    for value, height in line.points:
        x, y = frame.x(value), nan if height is None else frame.y(height)
        if isfinite(x) and isfinite(y):
            pieces[-1].append(f"{short(x)} {short(y)}")
        else:
            pieces.append([])
    return "".join("M" + "L".join(points) for points in pieces if len(points) > 1)


def boxes_path(frame: Frame, boxes: Boxes) -> str:
    """Return the path around all boxes."""
    corners = (
        (frame.x(left), frame.x(right), frame.y(bottom), frame.y(top))
        for left, right, bottom, top in boxes.boxes
    )
    return "".join(rectangle(*each) for each in corners if all(map(isfinite, each)))


def rectangle(left: float, right: float, bottom: float, top: float) -> str:
    """Return the path around a rectangle; an empty one if it would be invisible."""
    begin, end, low, high = short(left), short(right), short(bottom), short(top)
    return "" if begin == end or low == high else f"M{begin} {low}H{end}V{high}H{begin}z"


def marker_path(
    shape: Sequence[Sequence[tuple[float, float]]], size: float, place: tuple[float, float]
) -> str:
    """Return the path of a marker whose middle is at a place."""
    ways = []
    for stroke in shape:
        points = [f"{short(place[0] + size * x)} {short(place[1] + size * y)}" for x, y in stroke]
        ways.append("M" + "L".join(points) + "z" * (len(stroke) > 2))
    return "".join(ways)
