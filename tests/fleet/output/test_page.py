"""The HTML page: complete in one file, safe whatever a peer said, legible in a real browser."""

import json
import re
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from html import escape, unescape
from html.parser import HTMLParser
from pathlib import Path
from unittest import TestCase

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.charts import ids, references
from tests.support.programs import program
from tests.support.stages import report_of
from tests.support.stalls import stalled
from twistecho.fleet.output.page import _text, html_page
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.histograms import Measured
from twistecho.fleet.reports.report import Part, Report
from twistecho.fleet.reports.requirements import parse_requirement
from twistecho.fleet.reports.verdict import Verdict, judge
from twistecho.pictures.looks import stylesheet

_VOID = {"meta", "link", "br", "hr", "img", "input", "wbr"}
_HOSTILE = "<script>alert(1)</script>\"'&\x1b[2J\x00"

# Asks the browser itself how the page lies: its width against the window's, and its colours.
_PROBE = """<script>addEventListener("load", () => {
  const wide = [...document.querySelectorAll("body *")]
    .filter(e => !e.closest(".stages table"))  // which is moved by itself where it is too wide
    .filter(e => e.getBoundingClientRect().right > innerWidth + 1).length;
  parent.document.body.dataset.found = JSON.stringify({
    scrolls: document.documentElement.scrollWidth > innerWidth, wide: wide,
    width: innerWidth, paper: getComputedStyle(document.body).backgroundColor,
    ink: getComputedStyle(document.body).color,
    line: getComputedStyle(document.querySelector("figure svg path.s-blue")).stroke,
    overlaps: [...document.querySelectorAll("figure svg")].map(svg => {
      const texts = [...svg.querySelectorAll("text")].map(e => e.getBoundingClientRect());
      return texts.filter((a, i) => texts.some((b, j) => i < j && a.left < b.right
        && b.left < a.right && a.top < b.bottom - 2 && b.top < a.bottom - 2)).length;
    }),
    text: Math.min(...[...document.querySelectorAll("svg text")]
      .map(e => e.getBoundingClientRect().height)),
    loaded: performance.getEntriesByType("resource").map(e => e.name)});
})</script></body>"""

LIGHT, DARK = 1, 0


@cache
def page_of(make: Callable[[], Report]) -> str:
    """Give the page of a made report."""
    return html_page(judge(make()))


def hostile() -> Report:
    """Make a report in which everything that others write is an attempt on the page."""
    report = stalled(_HOSTILE)
    plan = replace(report.plan, messages=(_HOSTILE.encode(),))
    parts = (Part(_HOSTILE * 9, 3, 4, 5.0, problem=_HOSTILE),)
    return replace(report, plan=plan, engine=_HOSTILE, parts=parts)


def many_stages() -> Report:
    """Make a report of thirty stages, some of them very short."""
    stages = (f"{10 * n}..{10 * n + 90}:{1 if n % 3 else 0.1}s" for n in range(1, 31))
    return report_of(Plan(clients=1, rate=",".join(stages)))


class _Tags(HTMLParser):
    """Reads a page strictly: every element that opens is closed, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def tags(page: str) -> _Tags:
    """Read a page; AssertionError where its elements do not nest."""
    reader = _Tags()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


class PageTests(TestCase):
    """The page as text."""

    def test_the_page_holds_the_figures_and_all_that_there_is_to_tell(self) -> None:
        """Target, figures, causes with their meaning, parts, plan, four charts."""
        page = html_page(judge(stalled("example:7")))
        for text in (
            "example:7",
            "990 ms",
            "receive:<wbr>reset",
            "nothing listens there",
            "warm-up",
        ):
            assert text in page, text
        assert tags(page).seen.count("figure") == 4

    def test_the_page_says_what_to_think_of_the_run(self) -> None:
        """Invalid before missed, missed before failed, and all right where it is."""
        whole = replace(stalled(), plan=replace(stalled().plan, clients=20),
                        outcomes=stalled().outcomes[:20])  # fmt: skip
        missed, met = (parse_requirement(text) for text in ("p99 < 5ms", "failed < 9"))
        results = (missed.check(stalled()), met.check(stalled()))
        for verdict, said in (
            (Verdict(stalled(), (), ()), "Not every message was answered right"),
            (Verdict(stalled(), (), results[1:]), "All requirements met, though"),
            (Verdict(stalled(), (), results), "1 requirement missed"),
            (Verdict(stalled(), ("the fleet was late",), results), "the fleet was late"),
            (Verdict(whole, (), ()), "Every message was answered right"),
            (Verdict(replace(whole, interrupted=True), (), ()), "interrupted"),
        ):
            page = html_page(verdict)
            assert said in page, said
            assert ("INVALID" in page) == bool(verdict.invalid)
            assert (page.count(">missed<"), page.count(">met<")) == (
                sum(not result.met for result in verdict.results),
                sum(result.met for result in verdict.results),
            )

    def test_nothing_that_others_say_becomes_markup(self) -> None:
        """Target, engine, messages, parts, figures, requirements and reasons are all escaped."""
        requirement = replace(parse_requirement("p99 < 5ms"), text=_HOSTILE)
        page = html_page(Verdict(hostile(), (_HOSTILE,), (requirement.check(hostile()),)))
        assert "script" not in tags(page).seen
        assert page.count("&lt;script&gt;") >= 10
        assert not set(page) & {"\x1b", "\x00"}

    def test_the_page_refers_to_nothing_outside_itself(self) -> None:
        """Links lead within the page or are data; the policy forbids the rest."""
        page = page_of(hostile)
        assert all(link.startswith(("#", "data:")) for link in tags(page).links)
        assert "default-src 'none'" in page
        assert not re.findall(r"url\((?!#)|@import", page)

    def test_charts_share_no_ids_and_leave_their_colours_to_the_page(self) -> None:
        """Four pictures in one document do not take each other's clips and patterns."""
        charts = "".join(re.findall(r"<svg.*?</svg>", page_of(stalled), re.DOTALL))
        assert len(ids(charts)) == len(set(ids(charts))) > 0
        assert set(references(charts)) <= set(ids(charts))
        unclassed = re.sub(r'<[^>]*class="[^>]*>', "", charts)
        assert not re.findall(r'="#[0-9a-f]{6}"', unclassed)
        assert stylesheet() in page_of(stalled)

    def test_the_same_report_gives_the_same_page(self) -> None:
        """So that pages can be compared."""
        assert html_page(judge(stalled())) == page_of(stalled)

    def test_a_run_without_a_single_reply_has_a_page(self) -> None:
        """Without charts and without tables of nothing."""
        nothing = replace(stalled(), outcomes=(), measured=Measured())
        seen = tags(html_page(judge(replace(nothing, plan=Plan())))).seen
        assert "figure" not in seen
        assert seen.count("table") == 2

    def test_what_was_required_and_what_failed_come_before_the_charts(self) -> None:
        """With the outcome in a word; the plan is the last."""
        results = [parse_requirement(text).check(stalled()) for text in ("p99 < 5ms", "failed < 9")]
        page = html_page(Verdict(stalled(), (), tuple(results)))
        places = [page.index(text) for text in (
            "<strong>", ">Requirements<", ">missed<", ">met<", ">Clients that failed<", "<figure>",
            ">Figures<", ">Plan<",
        )]  # fmt: skip
        assert places == sorted(places)

    def test_a_page_of_a_long_run_is_small(self) -> None:
        """However long the run was."""
        intervals = stalled().measured.intervals
        many = tuple(replace(intervals[n % 10], start=float(n)) for n in range(2500))
        found = replace(stalled(), measured=replace(stalled().measured, intervals=many))
        assert len(html_page(judge(found)).encode()) < 100_000

    @settings(max_examples=50)
    @given(st.text())
    def test_any_text_is_shown_without_markup_or_control_characters(self, text: str) -> None:
        """Whatever it is, the browser sees one piece of printable text, which loses none."""
        shown = _text(text)
        assert shown.isprintable()
        assert not set(shown) & set("<>\"'")
        printable = "".join(filter(str.isprintable, text))
        assert unescape(_text(printable)) == printable


class BrowserTests(TestCase):
    """The page in a real browser, which runs without a window and without a network."""

    def setUp(self) -> None:
        """Find the browser and make room for the page and the browser's own files."""
        self.chromium = program("chromium", "chromium")
        directory = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)

    def probe(self, make: Callable[[], Report], *, width: int, scheme: int) -> dict[str, object]:
        """Open the page of a report in a window so wide, and give what the browser measures."""
        requirements = [parse_requirement("p99 < 5ms")]
        page = html_page(replace(judge(make(), requirements), invalid=("x" * 300,)))
        # The policy forbids scripts: the probe is let in for the test alone.
        page = page.replace(
            "default-src 'none';", "default-src 'none'; script-src 'unsafe-inline';"
        )
        page = escape(page.replace("</body>", _PROBE))
        # A frame, since no window of the browser's is as narrow as a phone.
        frame = f'<iframe width="{width}" height="900" style="border: 0" srcdoc="{page}"></iframe>'
        path = self.directory / "page.html"
        path.write_text(f"<!DOCTYPE html><body>{frame}</body>", encoding="utf-8")
        command = [
            self.chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--disable-dev-shm-usage", f"--user-data-dir={self.directory / 'profile'}",
            "--window-size=1400,1000", f"--blink-settings=preferredColorScheme={scheme}",
            "--dump-dom", path.as_uri(),
        ]  # fmt: skip
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        [found] = re.findall(r'data-found="([^"]*)"', ran.stdout)
        result = json.loads(found.replace("&quot;", '"'))
        assert isinstance(result, dict)
        return result

    def test_the_page_is_legible_on_a_phone_and_in_the_dark(self) -> None:
        """Nothing sticks out at a phone's width; paper, ink and lines follow the scheme."""
        found = self.probe(hostile, width=390, scheme=DARK)
        assert found["width"] == 390
        assert not found["scrolls"], found
        assert found["wide"] == 0, found
        assert found["loaded"] == []
        assert found["paper"] == "rgb(20, 24, 29)"
        assert found["ink"] == "rgb(230, 233, 236)"
        assert found["line"] == "rgb(90, 180, 240)"
        assert found["overlaps"] == [0] * 4
        assert isinstance(found["text"], float | int)
        assert found["text"] >= 8

    def test_many_stages_are_legible(self) -> None:
        """Their names are over nothing, on a phone and on a desk; nothing sticks out."""
        for width in (390, 1280):
            found = self.probe(many_stages, width=width, scheme=LIGHT)
            assert not found["scrolls"], found
            assert found["wide"] == 0, found
            assert found["overlaps"] == [0] * 4

    def test_the_page_is_legible_on_a_desk_in_the_light(self) -> None:
        """The same page, wide and bright; the smallest text of a chart is no mere pattern."""
        found = self.probe(stalled, width=1280, scheme=LIGHT)
        assert not found["scrolls"]
        assert found["wide"] == 0
        assert found["loaded"] == []
        assert found["paper"] == "rgb(255, 255, 255)"
        assert found["line"] == "rgb(0, 114, 178)"
        assert found["overlaps"] == [0] * 4
        assert isinstance(found["text"], float | int)
        assert found["text"] >= 8
