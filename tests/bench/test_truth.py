"""The observer of the fleet's times: reading packets, and judging figures."""

import struct
import unittest
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from bench.truth.__main__ import Run, _unseen, main
from bench.truth.capture import (
    SERVER,
    Capture,
    CaptureError,
    Flow,
    Segment,
    Stream,
    flows,
    noted,
    segments,
)
from bench.truth.cases import ALL_CASES, CASES, LOADS
from bench.truth.verdict import (
    Line,
    Printed,
    Schedule,
    Truth,
    at,
    judge,
    judge_connect,
    printed,
    rank,
    seen,
)
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.histograms import Latencies, Measured
from twistecho.fleet.reports.report import make_report

PORT, CLIENT = 5000, (0x7F010001, 40000)
SYN, ACK, RST = 2, 16, 4
MS = 1_000_000


def frame(*, out: bool, at: int, data: int = 0, flags: int = ACK, port: int = PORT) -> bytes:
    """Make the part of a packet that tcpdump keeps: the heads of Ethernet, IPv4 and TCP."""
    ends = [CLIENT, (SERVER, port)]
    (source, from_port), (target, to_port) = ends if out else ends[::-1]
    tcp = struct.pack(">HHIIBBHHH", from_port, to_port, at % 2**32, 0, 8 << 4, flags, 0, 0, 0)
    ip = struct.pack(">BBHHHBBHII", 0x45, 0, 52 + data, 0, 0, 64, 6, 0, source, target)
    return bytes(12) + b"\x08\x00" + ip + tcp + bytes(12)


def capture(
    packets: Sequence[tuple[int, bytes]], *, order: str = "<", nano: bool = True, link: int = 1
) -> bytes:
    """Make a file of packets, each with its time in nanoseconds."""
    magic, unit = (0xA1B23C4D, 1) if nano else (0xA1B2C3D4, 1000)
    parts = [struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 96, link)]
    for when, packet in packets:
        seconds, rest = divmod(when, 10**9)
        parts.append(struct.pack(f"{order}IIII", seconds, rest // unit, len(packet), 2000))
        parts.append(packet)
    return b"".join(parts)


OPENED = [
    (10 * MS, frame(out=True, at=99, flags=SYN)),
    (12 * MS, frame(out=False, at=499, flags=SYN | ACK)),
]


def flow_of(packets: Sequence[tuple[int, bytes]], size: int = 10) -> Flow:
    """Read the only connection of a file."""
    (flow,) = flows(segments(capture([*OPENED, *packets]), PORT), size).values()
    return flow


class FileTests(unittest.TestCase):
    """Files of packets."""

    def test_both_byte_orders_and_both_units_are_read(self) -> None:
        """The first word says which they are."""
        for order in "<>":
            for nano in (True, False):
                with self.subTest(order=order, nano=nano):
                    data = capture([(3_000_001_000, OPENED[0][1])], order=order, nano=nano)
                    expected = [Segment(3_000_001_000, CLIENT, True, True, 99, 0)]
                    assert list(segments(data, PORT)) == expected

    def test_a_cut_last_packet_is_left_out(self) -> None:
        """For any end of the file, the whole packets before it are read."""
        data = capture(OPENED)
        for end in range(24, len(data)):
            read = list(segments(data[:end], PORT))
            assert len(read) == (end >= len(capture(OPENED[:1])))

    def test_what_is_no_such_file_is_refused(self) -> None:
        """In one line."""
        for data in (b"", b"\x4d\x3c\xb2", b"x" * 40, capture(OPENED, link=101), capture([])[:20]):
            with self.subTest(data=data[:4]), self.assertRaisesRegex(CaptureError, "not a file"):
                list(segments(data, PORT))

    def test_packets_of_others_are_left_out(self) -> None:
        """Other ports, other protocols, other addresses of the same port, pure acknowledgements."""
        udp = bytearray(OPENED[0][1])
        udp[23] = 17
        version_6 = bytearray(OPENED[0][1])
        version_6[12:14] = b"\x86\xdd"
        strangers = [
            frame(out=True, at=1, data=5, port=PORT + 1),
            bytes(udp),
            bytes(version_6),
            b"short",
            frame(out=True, at=1),
            frame(out=False, at=1, flags=RST),
        ]
        assert not list(segments(capture([(1, packet) for packet in strangers]), PORT))

    def test_a_client_may_have_the_servers_port_number(self) -> None:
        """At an address of its own."""
        packets = [(1, frame(out=out, at=1, data=5, port=CLIENT[1])) for out in (True, False)]
        found = list(segments(capture(packets), CLIENT[1]))
        assert [(each.client, each.outgoing) for each in found] == [(CLIENT, True), (CLIENT, False)]

    def test_records_of_the_server_are_read(self) -> None:
        """Each stream's bytes follow each other."""
        address, port = CLIENT
        rows = [(7, 1, 4), (8, 1, 6), (9, 0, 10)]
        data = b"".join(struct.pack("=qIHHI4x", w, address, port, o, size) for w, o, size in rows)
        (flow,) = flows(noted(data), 10).values()
        assert (flow.sent.whole, flow.came.whole, flow.connect) == ([8], [9], None)


class StreamTests(unittest.TestCase):
    """Messages and replies in segments."""

    def test_connecting_is_from_the_first_syn_to_the_first_answer(self) -> None:
        """Even if packets are sent again."""
        again = [(packet[0] + 5 * MS, packet[1]) for packet in OPENED]
        assert flow_of([]).connect == flow_of(again).connect == 2 * MS

    def test_one_that_was_not_answered_did_not_connect(self) -> None:
        """There is no time."""
        (flow,) = flows(segments(capture(OPENED[:1]), PORT), 10).values()
        assert flow.connect is None

    def test_several_messages_in_a_segment_went_together(self) -> None:
        """A part of another one does not count."""
        assert flow_of([(20, frame(out=True, at=100, data=25))]).sent.whole == [20, 20]

    def test_a_reply_in_two_segments_has_come_with_the_second(self) -> None:
        """Not before it is whole."""
        packets = [(20, frame(out=False, at=500, data=4)), (30, frame(out=False, at=504, data=6))]
        assert flow_of(packets).came.whole == [30]

    def test_what_is_sent_again_counts_when_it_passed_first(self) -> None:
        """Also if more bytes come with it."""
        packets = [
            (20, frame(out=True, at=100, data=10)),
            (30, frame(out=True, at=100, data=10)),
            (40, frame(out=True, at=100, data=20)),
            (50, frame(out=True, at=99, data=1)),
        ]
        assert flow_of(packets).sent == Stream(10, 10 * MS, [20, 40], 0, 100, 20)

    def test_a_piece_that_was_never_seen_is_a_hole(self) -> None:
        """It is counted."""
        packets = [(20, frame(out=True, at=100, data=10)), (30, frame(out=True, at=120, data=10))]
        assert flow_of(packets).sent.holes == 1

    @given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 40), max_size=30))
    def test_however_it_is_cut_each_message_is_found(self, first: int, cuts: list[int]) -> None:
        """Sequence numbers begin anywhere, and begin again at 2**32."""
        stream = Stream(10)
        stream.take(Segment(0, CLIENT, True, True, first, 0))
        passed, ends = 0, []
        for when, length in enumerate(cuts, 1):
            number = (first + 1 + passed) % 2**32
            stream.take(Segment(when, CLIENT, True, False, number, length))
            ends += [when] * ((passed + length) // 10 - passed // 10)
            passed += length
        assert stream.whole == ends
        assert stream.holes == 0


def talk(number: int, *pairs: tuple[int, int]) -> tuple[tuple[int, int], Flow]:
    """Make a client's flow, from the times of its messages and replies, in ms."""
    sent = Stream(1, 0, [MS * each for each, _ in pairs])
    return (number, 1), Flow(sent, Stream(1, 2 * MS, [MS * each for _, each in pairs]))


class TruthTests(unittest.TestCase):
    """The true times of an observed run."""

    def test_wire_and_connect_are_as_they_passed(self) -> None:
        """In seconds, in ascending order."""
        truth = seen(dict([talk(7, (5, 9), (9, 10))]), 7, Schedule(1))
        assert (truth.wire, truth.connect) == ([0.001, 0.004], [0.002])

    def test_a_closed_load_waits_on_the_wire_only(self) -> None:
        """The time between a reply and the next message is the client's."""
        truth = seen(dict([talk(7, (5, 9), (109, 110))]), 7, Schedule(1))
        assert truth.response == truth.wire

    def test_an_open_load_waits_for_the_reply_before(self) -> None:
        """Due every 10 ms: the server's 25 ms delay the next one, which then takes 1 ms."""
        flow = talk(0, (0, 25), (25, 26), (26, 27), (30, 31))
        assert seen(dict([flow]), 0, Schedule(1, 100.0)).response == [0.001, 0.007, 0.016, 0.025]

    def test_the_fleets_own_queue_is_not_in_it(self) -> None:
        """Even if a due message was sent late."""
        flow = talk(0, (0, 1), (510, 511), (1020, 1021))
        assert seen(dict([flow]), 0, Schedule(1, 100.0)).response == [0.001, 0.001, 0.001]

    def test_clients_take_turns(self) -> None:
        """The second client's first message is due half a period later; it went when the first did.

        So the schedule began before, and the first client was late.
        """
        found = dict([talk(3, (10, 11)), talk(4, (10, 12))])
        assert seen(found, 3, Schedule(2, 100.0)).response == [0.001, 0.002]
        waiting = dict([talk(3, (0, 1), (20, 21)), talk(4, (10, 35), (35, 36))])
        assert seen(waiting, 3, Schedule(2, 100.0)).response == [0.001, 0.001, 0.006, 0.025]

    def test_each_process_has_a_schedule_of_its_own(self) -> None:
        """Which began when its own first message was sent."""
        found = dict([talk(0, (0, 1)), talk(1, (10, 11)), talk(2, (700, 701))])
        schedule = Schedule(3, 200.0, parts=2)
        assert seen(found, 0, schedule).response == [0.001] * 3

    def test_holes_are_told(self) -> None:
        """They make the observer unreliable."""
        key, flow = talk(0, (0, 1))
        flow.came.holes = 2
        assert seen({key: flow}, 0, Schedule(1)).holes == 2


class WitnessTests(unittest.TestCase):
    """Runs without anything to compare with."""

    def unseen(self, run: Run, answered: int, name: str = "closed-1-none-reactor") -> list[str]:
        """Return the reasons, for a run of one client."""
        case = next(case for case in ALL_CASES if case.name == name)
        truth = seen(run.flows, 0, Schedule(1))
        return list(_unseen(case, run, truth, figures("response", 0.001, answered)))

    def test_a_run_that_was_seen_whole_has_no_reason(self) -> None:
        """Its rate is of replies, from the first message to the last reply."""
        run = Run({}, 0, dict([talk(0, (10, 11), (109, 110))]), 0)
        assert self.unseen(run, 2) == []
        assert run.rate == 20.0

    def test_each_reason_is_told(self) -> None:
        """Packets lost, pieces never seen, other counts, nothing at all."""
        key, flow = talk(0, (10, 11))
        torn, silent = talk(0, (10, 11)), talk(0)
        torn[1].sent.holes = 1
        for flows_seen, lost, answered, expected in (
            ({key: flow}, 3, 1, "tcpdump lost 3 packets: its times are not reliable"),
            (dict([torn]), 0, 1, "1 pieces were never seen: tcpdump's times are not reliable"),
            ({key: flow}, 0, 2, "1 replies were seen, 2 are in the report"),
            (dict([silent]), 0, 0, "no reply was seen"),
        ):
            with self.subTest(expected=expected):
                assert self.unseen(Run({}, 0, flows_seen, lost), answered) == [expected]
        assert Run({}, 0, dict([silent]), 0).rate == 0.0

    def test_connections_count_where_they_are_compared(self) -> None:
        """A noted server does not record when connections began."""
        key, flow = talk(0, (10, 11))
        flow.came.began = None
        run = Run({}, 0, {key: flow}, 0)
        assert self.unseen(run, 1) == []
        name = "connect-1-none-reactor"
        assert self.unseen(run, 1, name) == ["0 of 1 connections were seen"]


class RankTests(unittest.TestCase):
    """Percentiles are ranks."""

    def test_a_percentile_is_the_value_of_its_rank(self) -> None:
        """Of 160 replies 99 % are 158.4: the 159th."""
        cases = [(99, 160, 159), (50, 1, 1), (50, 2, 1), (50, 3, 2), (90, 10, 9), (99, 100, 99)]
        for percent, count, expected in cases:
            with self.subTest(percent=percent, count=count):
                assert rank(percent, count) == expected
                assert at(percent, range(1, count + 1)) == expected

    def test_a_reports_histograms_are_read_so(self) -> None:
        """With 2 of 160 at 1 s, p99 is 1 s; a missing figure is left out."""
        latencies = Latencies()
        latencies.add_counts([(1000, 158), (1_000_000, 2)])
        report = make_report("reactor", "5000", Plan(), (), Measured(latency=latencies.encode()))
        found = printed(report.to_dict())
        assert set(found.values) == {"response"}
        assert abs(found.values["response"][99] - 1.0) < 0.001
        assert abs(found.values["response"][90] - 0.001) < 1e-6
        assert found.counts == {"response": 160}

    def test_wire_times_and_marks_are_read(self) -> None:
        """The effective number of samples; of the marks those of percentiles."""
        wire = Latencies()
        wire.add_counts([(500, 10)])
        measured = Measured(wire=wire.encode(), timed=7, timed_squares=25)
        data = make_report("reactor", "5000", Plan(), (), measured).to_dict()
        data["summary"]["marked"] = {"response": ["mean", "p50", "p99", "p99.9", "max"]}
        with patch("bench.truth.verdict.invalid", return_value=()):
            found = printed(data)
        assert found.counts == {"wire": 4}
        assert found.marked == {("response", 50), ("response", 99)}
        assert not found.invalid


def figures(name: str, value: float, count: int = 1000, **more: Any) -> Printed:
    """Make a report that prints one value of a figure at all percentiles."""
    values = {name: dict.fromkeys((50, 90, 99), value)}
    known: dict[str, Any] = {"marked": frozenset(), "invalid": False, "answered": count}
    return Printed(values, {name: count}, **(known | more))


def lines(name: str, true: float, found: Printed) -> list[Line]:
    """Judge a run in which all times were equal."""
    truth = Truth([true] * 1000, [true] * 1000, [true] * 1000)
    judged = [*judge(truth, found), *judge_connect(truth, found)]
    return [line for line in judged if line.name == name]


class JudgeTests(unittest.TestCase):
    """The figures that hold."""

    def assert_holds(self, name: str, printed_ms: float, *, holds: bool) -> None:
        """Check the verdict on a printed value if 10 ms are true."""
        judged = lines(name, 0.010, figures(name, printed_ms / 1e3))
        assert [line.holds for line in judged] == [holds] * 3

    def test_a_wire_time_is_within_5_percent_and_a_tenth_of_a_millisecond(self) -> None:
        """To either side."""
        for value, holds in ((9.41, True), (9.39, False), (10.59, True), (10.61, False)):
            self.assert_holds("wire", value, holds=holds)

    def test_others_are_within_10_percent_and_a_fifth(self) -> None:
        """To either side."""
        for name in ("response", "connect"):
            for value, holds in ((8.81, True), (8.79, False), (11.19, True), (11.21, False)):
                self.assert_holds(name, value, holds=holds)

    def test_what_is_marked_may_be_anything(self) -> None:
        """That percentile of that figure only."""
        marked = frozenset({("response", 90), ("connect", 50)})
        judged = lines("response", 0.010, figures("response", 1.0, marked=marked))
        assert [(line.marked, line.holds) for line in judged] == [
            (False, False),
            (True, True),
            (False, False),
        ]

    def test_an_invalid_report_marks_all(self) -> None:
        """But a wire time must be right even then."""
        assert all(
            each.holds for each in lines("response", 0.01, figures("response", 1.0, invalid=True))
        )
        assert not any(
            each.holds for each in lines("wire", 0.01, figures("wire", 1.0, invalid=True))
        )

    def test_what_is_missing_does_not_hold(self) -> None:
        """It cannot be checked."""
        judged = lines("wire", 0.010, figures("response", 0.010))
        assert [(line.printed, line.holds) for line in judged] == [(None, False)] * 3

    def test_a_sample_may_be_off_by_chance_and_no_more(self) -> None:
        """100 of 10,000 have their median within 15 % of the ranks; all of them, nowhere else."""
        ordered = [number / 1e3 for number in range(1, 10_001)]
        truth = Truth(ordered, ordered, [])
        for drawn, value, holds in (
            (100, 5.7, True),
            (100, 7.2, False),
            (10_000, 5.2, True),
            (10_000, 5.7, False),
        ):
            with self.subTest(drawn=drawn, value=value):
                judged = list(judge(truth, figures("wire", value, count=drawn)))
                assert judged[0].holds == holds


class CommandTests(unittest.TestCase):
    """The cases and the command."""

    def test_cases_have_names_of_their_own(self) -> None:
        """Some 30 by default, all part of ``--all``; every share is of a measured load."""
        assert 25 <= len(CASES) <= 40
        assert set(CASES) < set(ALL_CASES)
        assert len({case.name for case in ALL_CASES}) == len(ALL_CASES)
        assert {case.load for case in ALL_CASES} == set(LOADS)

    def test_without_tcpdump_it_ends_with_one_line(self) -> None:
        """Also if it may not listen."""
        for problem in ("tcpdump: No such file or directory", "lo: You don't have permission"):
            with (
                self.subTest(problem=problem),
                patch("bench.truth.__main__.Bench.problems", side_effect=CaptureError(problem)),
                patch("sys.stderr") as said,
            ):
                assert main(["--case", "closed-1-none-reactor"]) == 1
                assert [call.args[0] for call in said.write.mock_calls] == [problem, "\n"]

    def test_a_tcpdump_that_is_not_there_is_named(self) -> None:
        """For any reason."""
        with (
            patch("bench.truth.capture.subprocess.Popen", side_effect=FileNotFoundError(2, "none")),
            patch("pathlib.Path.open"),
            self.assertRaisesRegex(CaptureError, "^tcpdump: none$"),
        ):
            Capture(PORT, Path("none"))
