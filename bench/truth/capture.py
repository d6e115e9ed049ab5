"""The traffic on the wire: tcpdump, the file it writes, and the messages and replies in the file.

If tcpdump loses packets, the observer is `bench/peers/observer.c`, whose records are read too.
"""

import struct
import subprocess
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

_NANOSECONDS = {0xA1B2C3D4: 1000, 0xA1B23C4D: 1}
"""The nanoseconds in a unit of the fraction of a second, by the first word of a file."""

_ETHERNET = 1
_IPV4 = 0x0800
_SIGNED = 1 << 31
_IP = struct.Struct(
    ">12xHBxH5xB2xII"
)  # after Ethernet's addresses: type, length, protocol, from, to
_TCP = struct.Struct(">HHI4xBB")
_SYN = 2
SERVER = 0x7F000001
"""The address on which every server listens: 127.0.0.1."""

_RECORD = struct.Struct("=qIHHI4x")
"""A record of the observer: its struct."""

_FLUSHED = 1.2
"""Seconds after which tcpdump has read all packets: the kernel passes them on each second."""

_LONGEST = 10.0
"""Seconds within which tcpdump ends after SIGTERM."""

_WITH_NEWS = "(tcp[13] & 2 != 0 or ip[2:2] - ((ip[0] & 15) << 2) - ((tcp[12] & 240) >> 2) != 0)"
"""Packets that begin a connection or carry bytes; pure acknowledgements are a third of all."""


class CaptureError(RuntimeError):
    """tcpdump is missing, may not listen, or wrote an invalid file: the message tells which."""


class Segment(NamedTuple):
    """A piece of a connection: when it passed, in nanoseconds since 1970, and its bytes.

    ``client`` is the client's address, as a number, and port. ``begins`` is true for a SYN or the
    answer to one; ``at`` is the sequence number of the first byte.
    """

    when: int
    client: tuple[int, int]
    outgoing: bool
    begins: bool
    at: int
    length: int


@dataclass
class Stream:
    """One direction of a connection: when each whole message of ``size`` bytes had passed.

    Bytes count when they pass for the first time. ``holes`` counts pieces that were never seen.
    """

    size: int
    began: int | None = None
    whole: list[int] = field(default_factory=list)
    holes: int = 0
    _first: int = 0
    _passed: int = 0

    def take(self, segment: Segment) -> None:
        """Add a piece, in the order of their times."""
        if segment.begins:
            if self.began is None:
                self.began, self._first = segment.when, segment.at + 1
            return
        begin = (segment.at - self._first + _SIGNED) % (2 * _SIGNED) - _SIGNED
        self.holes += begin > self._passed
        self._passed = max(self._passed, begin + segment.length)
        more = self._passed // self.size - len(self.whole)
        if more > 0:
            self.whole += [segment.when] * more


@dataclass
class Flow:
    """One client's connection: the bytes it sent, and those it received."""

    sent: Stream
    came: Stream

    @property
    def connect(self) -> int | None:
        """Nanoseconds from the first SYN to the answer, or None if there was none."""
        if self.sent.began is None or self.came.began is None:
            return None
        return self.came.began - self.sent.began


def flows(segments: Iterable[Segment], size: int) -> dict[tuple[int, int], Flow]:
    """Join segments by the client's address and port; all messages have one size."""
    found: dict[tuple[int, int], Flow] = {}
    for segment in segments:
        flow = found.get(segment.client)
        if flow is None:
            flow = found[segment.client] = Flow(Stream(size), Stream(size))
        (flow.sent if segment.outgoing else flow.came).take(segment)
    return found


def segments(data: bytes, port: int) -> Iterator[Segment]:
    """Read a file of tcpdump: the segments from and to the server that carry bytes or a SYN.

    A packet that is cut by the end of the file is left out. Raises CaptureError for a file of
    another kind.
    """
    for when, frame in _frames(data):
        if len(frame) < _IP.size:
            continue
        kind, version, length, protocol, source, target = _IP.unpack_from(frame)
        head = 14 + (version & 15) * 4
        if kind != _IPV4 or protocol != 6 or len(frame) < head + _TCP.size:
            continue
        from_port, to_port, at, offset, flags = _TCP.unpack_from(frame, head)
        carried = length - (version & 15) * 4 - (offset >> 4) * 4
        # A client may have the server's port number too, at an address of its own.
        outgoing = (target, to_port) == (SERVER, port)
        if (outgoing or (source, from_port) == (SERVER, port)) and (carried or flags & _SYN):
            client = (source, from_port) if outgoing else (target, to_port)
            yield Segment(when, client, outgoing, bool(flags & _SYN), at, carried)


def noted(data: bytes) -> Iterator[Segment]:
    """Read the records of the observer in C; they do not contain beginnings of connections."""
    passed: Counter[tuple[int, int, int]] = Counter()
    for when, address, port, outgoing, length in _RECORD.iter_unpack(data):
        stream = (address, port, outgoing)
        yield Segment(when, (address, port), bool(outgoing), False, passed[stream], length)
        passed[stream] += length


def _frames(data: bytes) -> Iterator[tuple[int, memoryview]]:
    """Yield each packet of a file with its time in nanoseconds, in either byte order."""
    order = next((each for each in "<>" if _magic(data, each) in _NANOSECONDS), None)
    if order is None or len(data) < 24 or struct.unpack_from(f"{order}I", data, 20)[0] != _ETHERNET:
        raise CaptureError("not a file of packets from a loopback")
    unit = _NANOSECONDS[_magic(data, order)]
    record, view, at = struct.Struct(f"{order}IIII"), memoryview(data), 24
    while at + record.size <= len(data):
        seconds, fraction, kept, _ = record.unpack_from(data, at)
        at += record.size
        if at + kept > len(data):
            return
        yield seconds * 1_000_000_000 + fraction * unit, view[at : at + kept]
        at += kept


def _magic(data: bytes, order: str) -> int:
    """Return the first word of a file in a byte order; -1 if it is too short."""
    return int(struct.unpack_from(f"{order}I", data)[0]) if len(data) >= 4 else -1


class Capture:
    """A running tcpdump: its file, and after its end the number of packets it has ``lost``."""

    def __init__(self, port: int, file: Path) -> None:
        self.port, self.file, self.lost = port, file, 0
        options = ("-i", "lo", "-n", "--nano", "-s", "96", "-B", "65536", "-w", "-")
        try:
            with file.open("wb") as written:
                self._process = subprocess.Popen(
                    ["tcpdump", *options, f"tcp port {port} and {_WITH_NEWS}"],  # noqa: S607
                    stdout=written,
                    stderr=subprocess.PIPE,
                    text=True,
                )
        except OSError as error:
            raise CaptureError(f"tcpdump: {error.strerror}") from None

    def wait(self) -> None:
        """Wait until it listens. Raises CaptureError if it does not."""
        assert self._process.stderr is not None
        said = self._process.stderr.readline().strip()
        if "listening on" not in said:
            raise CaptureError(said or "tcpdump ended without output")

    def end(self) -> None:
        """End it, and note how many packets it reports as dropped."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            _, said = self._process.communicate(timeout=_LONGEST)
        except subprocess.TimeoutExpired:
            self._process.kill()
            _, said = self._process.communicate()
        lines = [line.split() for line in said.splitlines() if "dropped by kernel" in line]
        self.lost = sum(int(words[0]) for words in lines)

    def segments(self) -> Iterator[Segment]:
        """Read the segments that it has captured."""
        return segments(self.file.read_bytes(), self.port)


@contextmanager
def captured(port: int, folder: Path) -> Iterator[Capture]:
    """Watch a port of the loopback for the block's time. Raises CaptureError if it cannot."""
    capture = Capture(port, folder / "packets")
    try:
        capture.wait()
        yield capture
        time.sleep(_FLUSHED)
    finally:
        capture.end()
