"""Sample charts, and the elements, texts and ids of an SVG."""

import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from twistecho.pictures.chart import Axis, Boxes, Chart, Line, Look

SPACE = "{http://www.w3.org/2000/svg}"


def chart(*, title: str = "Title", label: str = "line", points: int = 5) -> Chart:
    """Make a chart with a line, markers alone, boxes with a pattern and a shade."""
    places = tuple((float(n), float(n % 7)) for n in range(points))
    return Chart(
        title,
        "What it shows.",
        "What is seen.",
        x=Axis(0.0, float(points), "seconds"),
        y=Axis(0.0, 7.0),
        marks=(
            Boxes("shade", ((0.0, 1.0, 0.0, 7.0),), Look("shade"), outline=False),
            Boxes("boxes", ((1.0, 2.0, 0.0, 3.0),), Look("sky", pattern="slashes")),
            Line(label, places, Look("blue", marker="square", dashes=(4, 2))),
            Line("alone", places, Look("red", marker="cross"), joined=False),
        ),
    )


def elements(svg: str, name: str) -> list[ET.Element]:
    """Return the elements of a name; ElementTree fails if the text is not XML."""
    root = ET.fromstring(svg)  # noqa: S314 - our own
    return [each for each in root.iter() if each.tag.removeprefix(SPACE) == name]


def texts(svg: str) -> list[str]:
    """Return the texts that are drawn."""
    return ["".join(each.itertext()) for each in elements(svg, "text")]


def references(svg: str) -> Iterator[str]:
    """Yield the ids that an SVG refers to."""
    yield from re.findall(r"url\(#([^)]*)\)", svg)
    for names in re.findall(r'aria-labelledby="([^"]*)"', svg):
        yield from names.split()


def ids(svg: str) -> list[str]:
    """Return the ids of all elements."""
    return re.findall(r'\bid="([^"]*)"', svg)
