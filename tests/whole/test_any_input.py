"""Laws of everything that reads what somebody else wrote, whatever that is. See `tests.fuzz`."""

import io
import json
import math
import os
import re
import socket
import unittest
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from itertools import chain
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, TypeVar, cast

from click import ClickException
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.logger import (
    FilteringLogObserver,
    LogEvent,
    Logger,
    LogLevel,
    LogLevelFilterPredicate,
    eventAsJSON,
    globalLogPublisher,
    textFileLogObserver,
)
from twisted.python.failure import Failure

from tests.service.listening.test_proxy_header import v1, v2_of
from tests.support import MORE
from tests.support.damage import damaged, damaged_texts, pieces
from tests.support.pipes import Pipe
from tests.support.pipes import tcp as address_of
from tests.support.reports import RESET, client, plans, report, sound_reports
from tests.support.samples import COST
from tests.support.scenarios import scenarios
from tests.support.seconds import report_of_seconds
from tests.support.stages import staged_plans, staged_report
from twistecho import EchoFactory
from twistecho.base.escapes import unescape
from twistecho.base.notation import parse_rate, parse_seconds, parse_share
from twistecho.base.reply_formats import REPLY_WRITERS, ReplyFormat
from twistecho.base.seeding import parse_seed
from twistecho.cli.main import _one_line
from twistecho.cli.option_types import Parsed
from twistecho.cli.payloads import parse_weights
from twistecho.compare.comparison import Comparison, Run
from twistecho.compare.figures import cost_table
from twistecho.compare.figures import figures_table as compared
from twistecho.compare.meaning import meaning
from twistecho.compare.notes import notes
from twistecho.compare.own_command import parse_command
from twistecho.compare.plot import draw as draw_comparison
from twistecho.compare.timeline import Timeline
from twistecho.fleet.conversation.conversation import Conversation
from twistecho.fleet.output.agreement import agreement_table
from twistecho.fleet.output.comparison import to_markdown
from twistecho.fleet.output.exports import to_hdr_log, to_junit, to_stage_log
from twistecho.fleet.output.headline import headline
from twistecho.fleet.output.live_text import lines as live_lines
from twistecho.fleet.output.page import html_page
from twistecho.fleet.output.printer import PlainConsole, Printer
from twistecho.fleet.output.screen import show
from twistecho.fleet.plans.load import load_of
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.sizes import parse_sizes
from twistecho.fleet.plans.sources import parse_sources
from twistecho.fleet.plans.stages import parse_counts, parse_rates
from twistecho.fleet.plans.target import parse_target
from twistecho.fleet.reactor_engine.client import Client as ReactorClient
from twistecho.fleet.reports.agreement import Agreement
from twistecho.fleet.reports.judged import Judged, Side
from twistecho.fleet.reports.merge import merge_reports
from twistecho.fleet.reports.outcome import Outcome
from twistecho.fleet.reports.progress import Progress, add_progress
from twistecho.fleet.reports.recorder import Recording
from twistecho.fleet.reports.relative import parse_relative
from twistecho.fleet.reports.report import Report
from twistecho.fleet.reports.requirements import parse_requirement
from twistecho.fleet.reports.second import Second
from twistecho.fleet.reports.two_reports import compare_reports
from twistecho.fleet.reports.verdict import Verdict, judge
from twistecho.fleet.runs.fleet_process import FleetProcess
from twistecho.fleet.thread_engine.client import Client as ThreadClient
from twistecho.fleet.thread_engine.connecting import Gate
from twistecho.locust.gathering import Gathering
from twistecho.service.echo.limits import MOST_WORKERS, parse_workers
from twistecho.service.listening.endpoint import describe_port, endpoint_for, is_tls
from twistecho.service.listening.proxy_factory import ProxiedEchoFactory
from twistecho.service.listening.proxy_header import (
    ProxyHeaderError,
    parse_trusted,
    read_header,
)
from twistecho.service.process.notify import Notifications
from twistecho.service.process.scenario_file import scenario_from
from twistecho.service.scenario.delay import Constant
from twistecho.service.scenario.document import read_scenario, written
from twistecho.service.scenario.escapes import parse_on
from twistecho.service.scenario.framing import parse_framing
from twistecho.service.scenario.parsing import LONGEST, parse_delays, parse_faults
from twistecho.service.scenario.scenario import Scenario
from twistecho.service.workers.supervisor import EventReader

law = settings(max_examples=40, deadline=None)

FAULTS = [
    "reset", "refuse:0.5", "close:0.1,at=middle", "silent,every=3,after=2", "truncate,bytes=4",
    "corrupt,connection=1", "extra,bytes=9", "drip,bytes=2,pause=5ms", "stall,for=2",
    "late,times=3", "reset:0.5,limit=2,peer=10.0.0.0/8,match=^GET, /x", "silent,peer=fd00::/8",
    "bandwidth:0.5,rate=64Ki,direction=out", "unaccepted",
]  # fmt: skip
DELAYS = [
    "2", "20ms", "uniform:1,3", "exponential:0.2,max=3", "lognormal:median=0.05,sigma=0.8,min=1us",
    "choice:0.01@0.9,1@0.1", "choice:1,2", "trace:file,min=1", "1us", "1e-3s",
]  # fmt: skip
TARGETS = [
    "5000", "host:1", "[::1]:5000", "[fe80::1%lo]:1", "unix:/tmp/a", "tls:h:1:ca=f:server-name=n",
    "tls:h:1:insecure", "tcp:h:1", "http://h:1/", "tls:h\\:1:1", "a" * 70 + ":1", "\u00e9:1",
]  # fmt: skip
PORTS = [
    "tcp:5000:interface=127.0.0.1", "unix:/nowhere/a:mode=660", "systemd:domain=INET:index=0",
    "ssl:5000:privateKey=/nowhere/k:certKey=/nowhere/c", "tcp6:1", "unix:address=a:backlog=1", "80",
    "fd:3", "systemd:INET:name=x",
]  # fmt: skip
SOURCES = ["127.0.0.1", "127.0.0.2-127.0.0.9", "127.0.1.0/24", "::1", "fe80::/120"]
REQUIRED = [
    "stage 2: p99 < 5ms",
    "p99 < 5ms", "failed == 0", "rate>10k/s", "receive:reset<=1", "byte_rate >= 1MiB/s",
    "error_rate < 1%", "service.p99.9 != 1min",
]  # fmt: skip
FRAMINGS = [
    "read", "line", "delimiter:\r\n", "length:2,little", "length:4,inclusive", "length:1",
    "fixed:9",
]  # fmt: skip
ANSWERS = [
    "/^QUIT/221 bye\\r\\n/close", "|a|b|delay=20ms,limit=2",
    r"/(\d+)\/(.)/<\1,\2>\\/fault=drip,bytes=2",
    "/[a-z]*?/\\x5c/delay=uniform:1,3,close",
]  # fmt: skip
SCENARIO: dict[str, Any] = {
    "framing": "line", "banner": {"base64": "/w=="}, "banner_delay": 0.5, "banner_fault": "drip",
    "on": [
        {"match": "^QUIT", "reply": "221 bye\r\n", "close": True},
        {"match": "(.)", "reply": ["\\1", {"base64": "/w=="}], "delay": "1s", "fault": "extra",
         "limit": 2},
    ],
    "reply": "raw", "delay": "uniform:1,3", "delay_per": "reply", "faults": ["reset:0.1"],
    "in_band": True, "seed": 7,
}  # fmt: skip
SCENARIO_FILES = [
    json.dumps(SCENARIO),
    'framing = "length:2"\nbanner = "hi"\n[[on]]\nmatch = "a"\nreply = "b"\nlimit = 2\n',
    'delay = 0.5\nfaults = ["reset:0.1", "corrupt:0.5"]\nseed = 7\n# a comment\n',
    '{"framing": "fixed:3", "in_band": true, "faults": "stall,for=2"}',
]
TEXTS: dict[str, tuple[Callable[[str], object], list[str]]] = {
    "delay": (parse_delays, DELAYS),
    "fault": (lambda text: parse_faults([text]), FAULTS),
    "target": (parse_target, TARGETS),
    "sources": (parse_sources, SOURCES),
    "requirement": (parse_requirement, REQUIRED),
    "change": (parse_relative, ["p99 <= +5%", "rate>=-2.5%", "failures < 0%"]),
    "proxies": (lambda text: parse_trusted([text]), ["192.0.2.0/24", "::1", "unix", "fe80::/10"]),
    "port": (lambda text: describe_port(text, "127.0.0.1"), PORTS),
    "time": (parse_seconds, ["5", "5s", "20ms", "100us"]),
    "rate": (parse_rate, ["500", "500/s", "2.5k", "1M/s"]),
    "stages of a rate": (parse_rates, ["100:30s,100..2k:2min,2k:1min", "0..5/s:1h"]),
    "stages of clients": (parse_counts, ["10..200:1min,200:2min", "0..1k:20ms"]),
    "share": (parse_share, ["99%", "99", "0.99"]),
    "size": (parse_sizes, ["1k", "uniform:64,4k", "lognormal:median=1k,sigma=1,min=9,max=64Ki"]),
    "weights": (parse_weights, ["9,1", "1", "0.5,2e3"]),
    "seed": (parse_seed, ["0", "123"]),
    "workers": (lambda text: parse_workers(text, 4), ["auto", "4", "1024"]),
    "reply": (ReplyFormat.parse, list(ReplyFormat)),
    "framing": (parse_framing, FRAMINGS),
    "answer": (parse_on, ANSWERS),
    "bytes": (unescape, [r"220 ready\r\n", r"\x00\\\t", "\u00e9"]),
    "command": (parse_command, ["sh -c 'a \"b\"' {port}", "name=sh --port={port}", "sh \\{port}"]),
}  # fmt: skip
"""What reads each kind of text, and right ones."""


def refused_in_one_line(error: ValueError) -> None:
    """Hold that what people are shown of it is a line that does nothing to a terminal."""
    assert str(error)
    failed = ClickException(str(error))
    assert _one_line(failed).isprintable(), _one_line(failed)


class TextTests(unittest.TestCase):
    """A text is a value, or refused in one line."""

    @settings(max_examples=150 * MORE, deadline=None)
    @given(st.data())
    def test_any_text_is_a_value_or_refused_in_one_line(self, data: st.DataObject) -> None:
        """Whatever it is to be; a value that has it knows its own text again."""
        name = data.draw(st.sampled_from(sorted(TEXTS)))
        parse, right = TEXTS[name]
        text = data.draw(damaged_texts(right))
        try:
            found = parse(text)
        except ValueError as error:
            refused_in_one_line(error)
            return
        assert parse(text) == found
        if name in {"requirement", "change", "target", "delay", "fault"}:
            assert isinstance(found, Constant) or parse(str(found)) == found
        if name == "workers":
            assert 1 <= cast("int", found) <= MOST_WORKERS

    @law
    @given(damaged_texts(["1", "# a", "", "20ms", "5s"]))
    def test_a_trace_of_any_lines(self, text: str) -> None:
        """Is delays that can be waited for, or refused in one line."""
        try:
            delay = parse_delays("trace:f", lines_of=lambda _: io.StringIO(text))
        except ValueError as error:
            refused_in_one_line(error)
            return
        assert 0 <= delay.seconds(1, 10**9) <= delay.longest < math.inf

    @law
    @given(damaged_texts(PORTS))
    def test_any_endpoint_is_made_or_refused(self, text: str) -> None:
        """A bad description is a ValueError, a bad world an OSError."""
        text = text.replace("stdio", "")
        assert isinstance(is_tls(text), bool)
        try:
            endpoint_for(MemoryReactorClock(), text)
        except (ValueError, OSError) as error:
            assert str(error)

    def test_a_click_parameter_says_what_the_parser_said(self) -> None:
        """In a line of its own, without what a terminal would obey."""
        with self.assertRaises(ClickException) as refused:
            Parsed("time", parse_seconds).convert("\x1b[2J5\n", None, None)
        assert _one_line(refused.exception).isprintable()


class ScenarioFileTests(unittest.TestCase):
    """What is in files of scenarios."""

    @law
    @given(
        damaged_texts(SCENARIO_FILES) | damaged(SCENARIO).map(json.dumps),
        st.sampled_from(["toml", "json"]),
    )
    def test_any_file_is_a_scenario_or_refused_in_one_line(self, text: str, ending: str) -> None:
        """That names it; a scenario serves any bytes, and is written and read again."""
        with TemporaryDirectory() as folder:
            path = os.path.join(folder, f"a.{ending}")  # noqa: PTH118 - as it is given
            with open(path, "wb") as file:  # noqa: PTH123 - likewise
                file.write(text.encode("utf-8", "surrogatepass"))
            try:
                scenario = scenario_from(path)
            except ValueError as error:
                assert str(error).startswith(path)
                refused_in_one_line(error)
                return
        assert scenario.describe().isprintable()
        assert read_scenario(json.loads(json.dumps(written(scenario)))) == scenario
        serve(scenario, [b"QUIT\r\n", b"!reset x\r\n", bytes(range(256)) * 8, b"\n"])

    @law
    @given(scenarios(), st.lists(st.binary(max_size=300), max_size=5))
    def test_any_bytes_are_served_in_any_scenario(
        self, scenario: Scenario, reads: list[bytes]
    ) -> None:
        """No peer can cause a traceback, nor have bytes count that are not there."""
        serve(scenario, reads)


def serve(scenario: Scenario, reads: list[bytes]) -> None:
    """Have a service read these bytes; hold that nothing is logged as failed, or left behind."""
    failures: list[LogEvent] = []
    observer: Any = lambda event: failures.append(event) if "log_failure" in event else None  # noqa: E731 - for mypy
    globalLogPublisher.addObserver(observer)
    try:
        clock = Clock()
        factory = EchoFactory(clock, scenario=scenario)
        pipe = Pipe()
        protocol = factory.buildProtocol(None)
        assert protocol is not None
        protocol.makeConnection(pipe)
        for data in reads:
            protocol.dataReceived(data)
            clock.advance(0.5)
        protocol.connectionLost(Failure(ConnectionDone()))
    finally:
        globalLogPublisher.removeObserver(observer)
    assert failures == []
    assert factory.counts.dropped["failed"] == 0
    assert (factory.connections.budget.used, len(factory.connections.timers)) == (0, 0)


class InBandTests(unittest.TestCase):
    """What peers ask for in messages."""

    @law
    @given(
        damaged_texts([f"!{fault}" for fault in FAULTS] + ["!delay 2 x", "!none", "!late,times=9"]),
        st.sampled_from(DELAYS[:5]),
        st.sampled_from(FAULTS[3:]),
    )
    def test_any_message_meets_what_can_be_met(self, text: str, delay: str, fault: str) -> None:
        """In a time that ends: the service's own, or an hour; and what is sent is bytes."""
        scenario = Scenario(
            reply="raw", delay=parse_delays(delay), faults=parse_faults([fault]), in_band=True
        )
        message = text.encode("utf-8", "surrogatepass")[:1024] or b"!"
        decision = scenario.decide(1, 2, message)
        assert scenario.decide(1, 2, message) == decision
        held = decision.delay
        if decision.fault is not None:
            sent = scenario.pieces(decision.fault, message, 1, 2)
            held += decision.fault.seconds * max(0, len(sent) - 1)
            assert sum(map(len, sent)) <= 2 * len(message) + 65536
        own = scenario.delay.seconds(1, 2)
        assert 0 <= held <= max(LONGEST, own, scenario.longest)
        if decision.obeyed:
            assert held <= max(LONGEST, own)


HEADERS = st.one_of(
    st.builds(v1, st.ip_addresses(), st.integers(0, 65535)),
    st.builds(v2_of, st.ip_addresses(), st.integers(0, 65535), st.binary(max_size=20)),
    st.sampled_from([b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN \xff\x1b x\r\n"]),
)


@st.composite
def headers(draw: st.DrawFn) -> bytes:
    """Draw a PROXY header, as a rule with a byte or two that are others, and with bytes behind."""
    header = bytearray(draw(HEADERS))
    for _ in range(draw(st.integers(0, 2))):
        header[draw(st.integers(0, len(header) - 1))] = draw(st.integers(0, 255))
    return bytes(header) + draw(st.binary(max_size=30))


class ProxyHeaderTests(unittest.TestCase):
    """What proxies say of their clients."""

    @settings(max_examples=100, deadline=None)
    @given(headers())
    def test_the_answer_never_changes_once_it_is_given(self, data: bytes) -> None:
        """Nothing, until it is whole or refused; then the same, whatever follows."""
        answers: list[object] = []
        for size in range(len(data) + 1):
            try:
                answers.append(read_header(data[:size]))
            except ProxyHeaderError as error:
                assert str(error).isprintable()
                answers.append("refused")
        given = [answer for answer in answers if answer is not None]
        assert answers == [None] * (len(answers) - len(given)) + given[:1] * len(given)
        header = given[0] if given and given[0] != "refused" else None
        if header is not None:
            size, found = cast("Any", header)
            assert len(answers) - len(given) == size  # not before its last byte
            assert found is None or (ip_address(found[0]) and 0 <= found[1] <= 65535)

    @law
    @given(headers(), st.data())
    def test_the_service_does_the_same_however_it_is_cut(
        self, data: bytes, drawn: st.DataObject
    ) -> None:
        """The replies, the end, and what is counted."""
        assert self.done([data]) == self.done(drawn.draw(pieces(data)))

    def done(self, cut: list[bytes]) -> tuple[object, ...]:
        """Have a service read these pieces; tell what became of them."""
        factory = ProxiedEchoFactory(Clock(), proxies=parse_trusted(["192.0.2.1"]), reply="raw")
        pipe = Pipe()
        protocol = factory.buildProtocol(address_of("192.0.2.1"))
        assert protocol is not None
        pipe.protocol = protocol  # type: ignore[attr-defined]  # as a transport's
        protocol.makeConnection(pipe)
        for piece in cut:
            if not (pipe.aborted or pipe.disconnecting):
                pipe.protocol.dataReceived(piece)  # type: ignore[attr-defined]
        peers = [str(connection.peer) for connection in factory.connections]
        waiting = len(factory.headerless)
        return pipe.value(), pipe.aborted, peers, waiting, dict(factory.connections.tally.refused)


def sound_comparison(one: Report) -> dict[str, Any]:
    """Give the data of a comparison in which this report stands twice."""
    runs = (Run("threaded", one, COST), Run("forking", one, COST, "killed by SIGKILL"))
    return cast("dict[str, Any]", json.loads(Comparison({"delay": "1"}, runs).to_json()))


REQUIREMENTS = [
    parse_requirement(f"{name} < 1{unit}")
    for name, unit in {
        "p99": "s", "min": "s", "mean": "s", "service.max": "s", "makespan": "s", "rate": "/s",
        "byte_rate": "B/s", "error_rate": "%", "failed": "", "receive:reset": "", "unsent": "",
        "stage 1: p99": "s", "stage 2: failed": "", "stage 2: offered": "/s",
    }.items()
]  # fmt: skip


def shown(found: Report, verdict: Verdict, *, width: int | None = None) -> str:
    """Show a report as a command does."""
    printer = Printer(io.StringIO())
    printer.table(agreement_table(Agreement(found, found)))
    if width is not None:
        printer.console = PlainConsole(file=printer.console.file, force_terminal=True, width=width,
                                       color_system=None)  # fmt: skip
    show(printer, verdict, ["file"])
    show(printer, verdict, quiet=True)
    return cast("io.StringIO", printer.console.file).getvalue()


def use(found: Report) -> str:
    """Do everything with a report that commands do, but draw it; give the tables."""
    assert Report.from_json(json.dumps(found.to_dict(), allow_nan=False)) == found
    verdict = judge(found, REQUIREMENTS)
    to_junit(verdict).encode()
    to_hdr_log(found).encode()
    to_stage_log(found).encode()
    assert found.disagreements(found) == []
    both = merge_reports([found, found], ["a", "b"])
    json.dumps(both.to_dict(), allow_nan=False)
    text = shown(found, verdict) + shown(both, judge(both), width=60)
    for wrong in ("nan", "inf ", "inf/s", "\x1b"):
        assert wrong not in text.replace(found.target, ""), text
    return text


Read = TypeVar("Read")


@st.composite
def accepted(draw: st.DrawFn, read: Callable[[Any], Read], whole: Any) -> Read:
    """Draw what is read from damaged data that is accepted all the same: one in ten is."""
    for _ in range(40):
        with suppress(ValueError):
            return read(draw(damaged(whole)))
    return reject()


class ReportTests(unittest.TestCase):
    """Files of reports: what is accepted can be used like any other."""

    @settings(max_examples=8 * MORE, deadline=None)
    @given(st.data())
    def test_a_damaged_report_is_refused_or_can_be_used(self, data: st.DataObject) -> None:
        """Shown, judged, exported, put together, written and read again."""
        whole = data.draw(sound_reports() | st.just(staged_report(late=2, unsent=1))).to_dict()
        try:
            found = Report.from_dict(data.draw(damaged(whole)))
        except ValueError as error:
            assert str(error).isprintable()
            return
        try:
            use(found)
        except ValueError as error:  # of putting it together with itself
            assert "not a report" not in str(error)
            assert str(error).startswith(("clients: ", "rate: ")), error

    @settings(max_examples=8 * MORE, deadline=None)
    @given(st.data())
    def test_a_damaged_report_can_be_compared(self, data: st.DataObject) -> None:
        """With the whole one, or it is refused in one line; what is found is shown."""
        whole = report_of_seconds([0.01] * 22, each=3)
        try:
            other = Report.from_dict(data.draw(damaged(whole.to_dict())))
            found = compare_reports(whole, other, ("a", "b"))
        except ValueError as error:
            assert str(error).isprintable()
            return
        judged = Judged((Side("a", "a"), Side("b", other.target)), found, 1.0)
        assert json.loads(judged.to_json())["pairs"] >= 20
        assert to_markdown(judged).startswith("**")

    @settings(max_examples=3, deadline=None)
    @given(accepted(Report.from_dict, report(client(0, 3), client(1, 1, 2, RESET)).to_dict()))
    def test_a_damaged_report_can_be_drawn(self, found: Report) -> None:
        """As a page with its pictures."""
        assert html_page(judge(found, REQUIREMENTS)).encode().count(b"<figure") <= 4

    @settings(max_examples=6, deadline=None)
    @given(st.data())
    def test_a_damaged_comparison_is_refused_or_can_be_shown(self, data: st.DataObject) -> None:
        """Its tables and its timelines."""
        whole = sound_comparison(report(client(0, 3), client(1, 1, 2, RESET)))
        try:
            found = Comparison.from_json(json.dumps(data.draw(damaged(whole))))
        except ValueError as error:
            assert str(error).isprintable()
            return
        assert Comparison.from_json(found.to_json()) == found
        for size in found.sizes:
            printer = Printer(io.StringIO())
            printer.table(compared(found, size))
            printer.table(cost_table(found, size))
            assert Timeline(found, size).lines()
            assert meaning(found, size).endswith(".")
        assert isinstance(notes(found), list)

    @settings(max_examples=2, deadline=None)
    @given(
        accepted(
            lambda data: Comparison.from_json(json.dumps(data)),
            sound_comparison(report(client(0, 3), client(1, 1, 2, RESET))),
        )
    )
    def test_a_damaged_comparison_can_be_drawn(self, found: Comparison) -> None:
        """Into a picture."""
        assume(found.runs)
        with TemporaryDirectory() as folder:
            draw_comparison(found, f"{folder}/picture.svg")

    @law
    @given(st.data())
    def test_damaged_progress_is_refused_or_can_be_shown(self, data: st.DataObject) -> None:
        """Alone and added up."""
        second = Second(1, {100: 3, 2000: 1})
        whole = Progress(2.5, 1, 2, 3, {"receive:reset": 1}, second).to_dict()
        plan = data.draw(plans)
        try:
            found = Progress.from_dict(data.draw(damaged(json.loads(json.dumps(whole)))))
        except ValueError as error:
            assert str(error).isprintable()
            return
        assert add_progress([found]).answered == found.answered
        both = add_progress([found, found])
        assert all("nan" not in line for one in (found, both) for line in live_lines(plan, one))

    @law
    @given(st.data())
    def test_what_a_part_of_a_fleet_says(self, data: st.DataObject) -> None:
        """Any line is taken, or refused as a line that was cut off is."""
        whole = {"report": report().to_dict(), "progress": Progress(1.0).to_dict(), "error": "x"}
        part = FleetProcess(cast("Any", "threads"), parse_target("1"), Plan(), lambda: None)
        said = data.draw(damaged(whole))
        for line in ({name: said[name]} for name in said):
            try:
                part._take(line)
            except ValueError as error:
                assert str(error).isprintable()

    @law
    @given(st.data())
    def test_what_a_worker_of_locust_says(self, data: st.DataObject) -> None:
        """Is taken, or refused in one line; the rest is put together all the same."""
        whole = {"testing": True, "reports": {"a": [report().to_dict()], "b": []}}
        gathering = Gathering()
        gathering.begin(["w"])
        try:
            assert isinstance(gathering.take("w", data.draw(damaged(whole))), bool)
        except ValueError as error:
            assert str(error).isprintable()


class PlanTests(unittest.TestCase):
    """Files of plans: what is accepted can be carried out."""

    @settings(max_examples=100, deadline=None)
    @given(st.data())
    def test_a_damaged_plan_is_refused_or_can_be_carried_out(self, data: st.DataObject) -> None:
        """By its own functions, and by a client's conversation."""
        whole = data.draw(plans | staged_plans).to_dict()
        try:
            plan = Plan.from_json(json.dumps(data.draw(damaged(whole))))
        except ValueError as error:
            assert str(error).isprintable()
            return
        assert Plan.from_json(plan.to_json()) == plan
        assert headline(plan, "1:1")
        first, last = plan.numbers[0], plan.numbers[-1]
        for number in (first, last):
            turn = plan.turn_of(number)
            load = load_of(plan, number, turn)
            dues = [load.due(1.0) for _ in range(3)]
            assert math.isfinite(turn)
            assert dues == sorted(dues)
            assert all(map(math.isfinite, dues)) or plan.stages
        assert plan.messages_of(0)(10**12)
        if not plan.ordered and (plan.stages is None or plan.stages.share is None):
            for part in plan.divide(min(3, plan.clients)):
                assert isinstance(part, Plan)
        if plan.protocol is None:
            talk = Conversation(plan, first, Recording())
            talk.connecting(0.0)
            talk.connected(0.1)
            talk.begin(0.2)
            talk.wake(0.3)
            talk.failed("timeout", 0.4)
            assert talk.outcome is not None


MESSAGES = st.binary(min_size=1, max_size=9)


class Fleetless:
    """What a client of the reactor engine needs of its fleet, without one."""

    def __init__(self) -> None:
        self.deadlines = self.due = cast("Any", {})
        self.began = 0.0
        self.monotonic = Clock().seconds

    def settle(self, number: int) -> None:
        """Take no note."""

    def ended(self, client: ReactorClient) -> None:
        """Take no note."""

    def keep(self, client: ReactorClient) -> bool:  # noqa: ARG002 - see `Clients`
        """Keep nothing."""
        return False


class Wire(StringTransport):
    """A transport that notes its end."""

    over = False

    def abortConnection(self) -> None:
        """Note it."""
        self.over = True

    def loseWriteConnection(self) -> None:
        """Take no note: the other side's FIN comes as it comes."""


class Cut(socket.socket):
    """A socket that gives what has come in pieces of certain sizes."""

    sizes: list[int]

    def recv(self, _size: int, /) -> bytes:  # type: ignore[override]
        """Give the next piece; when all have been given, the end."""
        return super().recv(self.sizes.pop(0)) if self.sizes else super().recv(1)


class EngineTests(unittest.TestCase):
    """Both engines find the same in the same stream, in whatever pieces it comes."""

    @law
    @given(st.data())
    def test_the_books_are_the_same(self, data: st.DataObject) -> None:
        """Right replies, wrong ones, too much and too little, then FIN."""
        reply = data.draw(st.sampled_from(ReplyFormat))
        plan = Plan(
            clients=1,
            messages=tuple(data.draw(st.lists(MESSAGES, min_size=1, max_size=3))),
            repeat=data.draw(st.integers(1, 2)),
            reply="auto" if data.draw(st.booleans()) else reply,
            pipeline=data.draw(st.integers(1, 3)),
        )  # fmt: skip
        write = REPLY_WRITERS[reply]
        ctime = "Sat Jul 22 18:43:57 2017"
        sent = [plan.messages_of(0)(number) for number in range(plan.messages_per_client or 0)]
        stream = bytearray(b"".join(write(message, ctime) for message in sent))
        if data.draw(st.booleans()):
            at = data.draw(st.integers(0, len(stream) - 1))
            stream[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        cut = data.draw(pieces(bytes(stream)))
        books = [self.by_reactor(plan, [cut]), self.by_thread(plan, [cut])]
        assert books[0] == books[1]
        assert books[0].balance == (0, 0)
        whole = self.by_reactor(plan, [[bytes(stream)] if stream else []])
        assert str(whole) == str(books[0]) or plan.messages_per_client != 1

    @law
    @given(st.data())
    def test_the_books_are_the_same_over_connections(self, data: st.DataObject) -> None:
        """Each carries a few messages; one of the replies is wrong, or none is."""
        plan = Plan(
            clients=1,
            messages=(b"{message}", *data.draw(st.lists(MESSAGES, max_size=2))),
            repeat=data.draw(st.integers(1, 3)),
            reply=data.draw(st.sampled_from(ReplyFormat)),
            reconnect=data.draw(st.integers(1, 3)),
        )
        write, each = REPLY_WRITERS[ReplyFormat(plan.reply)], plan.reconnect or 1
        replies = [
            write(plan.messages_of(0)(number), "Sat Jul 22 18:43:57 2017")
            for number in range(plan.messages_per_client or 0)
        ]
        wrong = data.draw(st.integers(0, len(replies)))
        if wrong < len(replies):
            at = data.draw(st.integers(0, len(replies[wrong]) - 1))
            replies[wrong] = replies[wrong][:at] + data.draw(st.binary(max_size=3))
        cut = [data.draw(pieces(reply)) for reply in replies]
        cuts = [[*chain(*cut[at : at + each])] for at in range(0, len(cut), each)]
        books = [self.by_reactor(plan, cuts), self.by_thread(plan, cuts)]
        assert books[0] == books[1]
        assert books[0].balance == (0, 0)
        if wrong == len(replies):
            assert (books[0].answered, books[0].connects) == (True, len(cuts))

    def by_reactor(self, plan: Plan, cuts: list[list[bytes]]) -> Outcome:
        """Have a client of the reactor engine read these pieces, then FIN, of each connection."""
        talk = Conversation(plan, 0, Recording())
        for cut in cuts:
            talk.connecting(0.0)
            one = ReactorClient(Fleetless(), talk)
            wire = Wire()
            one.makeConnection(wire)
            for piece in cut:
                if not wire.over:
                    one.dataReceived(piece)
            one.connectionLost(Failure(ConnectionDone()))
            if not talk.reconnects:
                break
        assert talk.outcome is not None
        return talk.outcome

    def by_thread(self, plan: Plan, cuts: list[list[bytes]]) -> Outcome:
        """Have a client of the threads engine read them, sent by sockets that then say FIN."""
        talk = Conversation(plan, 0, Recording())
        for cut in cuts:
            talk.connecting(0.0)
            self.talk_by_thread(talk, cut)
            if not talk.reconnects:
                break
        assert talk.outcome is not None
        return talk.outcome

    def talk_by_thread(self, talk: Conversation, cut: list[bytes]) -> None:
        """Have the conversation over one connection."""
        ours, theirs = socket.socketpair()
        gates = [Gate(), Gate()]
        try:
            with theirs, Cut(ours.family, ours.type, 0, ours.detach()) as connection:
                connection.sizes = [len(piece) for piece in cut]
                theirs.sendall(b"".join(cut))
                theirs.shutdown(socket.SHUT_WR)
                begin, stop = gates
                one = ThreadClient(connection, talk, lambda: 0.0, begin=begin, stop=stop)
                one.say(talk.connected(0.0))
                one.run()
        finally:
            for gate in gates:
                gate.close()


LOGGED = [
    eventAsJSON({"log_format": "a {b}", "b": 1, "log_level": LogLevel.info, "log_time": 1.0}),
    eventAsJSON({"log_level": LogLevel.warn, "log_time": 1.0, "log_namespace": "a.b"}),
    '{"log_level": 1}',
    '{"__class_uuid__": "E76887E2-20ED-49BF-A8F8-BA25CC586F2D"}',
    '{"log_level": {"name": "x", "__class_uuid__": "02E59486-F24D-46AD-8224-3ACDF2A5732A"}}',
    '{"__class_uuid__": 1}',
    "[" * 100_000,
    "Traceback (most recent call last):",
]
EVENTS = damaged([json.loads(event) for event in LOGGED[:2]]).map(
    lambda events: "\n".join(map(json.dumps, events))
)


class EnvironmentTests(unittest.TestCase):
    """What managers and workers say."""

    @law
    @given(st.lists(damaged_texts(LOGGED) | EVENTS, min_size=1, max_size=3), st.data())
    def test_any_line_of_a_worker_is_logged(self, lines: list[str], data: st.DataObject) -> None:
        """And nothing is raised, which would end what hears the worker."""
        stream = "\n".join(lines).encode("utf-8", "surrogatepass") + b"\n"
        cut = data.draw(pieces(stream)) if len(stream) < 3000 else [stream]
        assert self.logged([stream]) == self.logged(cut)

    def logged(self, cut: list[bytes]) -> int:
        """Count the events that come of a stream."""
        events: list[LogEvent] = []
        text = FilteringLogObserver(textFileLogObserver(io.StringIO()), [LogLevelFilterPredicate()])
        observers: list[Any] = [events.append, text]
        reader = EventReader()
        reader.tag, reader.service = "0", cast("Any", SimpleNamespace(log=Logger()))
        reader.makeConnection(None)
        for observer in observers:
            globalLogPublisher.addObserver(observer)
        try:
            for piece in cut:
                reader.dataReceived(piece)
        finally:
            for observer in observers:
                globalLogPublisher.removeObserver(observer)
        assert not any("log_failure" in event for event in events)
        return len(events)

    @settings(max_examples=300, deadline=None)
    @given(
        damaged_texts(["", "5000000", "0", "\u0661", "1e6", "-1"]).map(lambda text: text[:18]),
        damaged_texts(["", str(os.getpid()), "1"]),
        damaged_texts(["/nowhere/a", "@a", "", "vsock:1"]),
    )
    def test_any_environment_of_a_manager_is_borne(self, usec: str, pid: str, path: str) -> None:
        """What is no number of microseconds is no watchdog."""
        environ = {"WATCHDOG_USEC": usec, "WATCHDOG_PID": pid, "NOTIFY_SOCKET": path}
        clock = Clock()
        told = Notifications(clock, environ)
        told.ready()
        number = re.fullmatch("[0-9]+", usec) and int(usec)
        wanted = number and pid in {"", str(os.getpid())} and path.startswith(("/", "@"))
        assert len(clock.getDelayedCalls()) == bool(wanted)
        told.stopping()
        told.stop()
        assert clock.getDelayedCalls() == []
