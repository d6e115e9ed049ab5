"""Record docs/recording.svg, the animated picture of a terminal in README.md.

    pip install -e '.[recording]' && python -m docs.recording

from the repository's folder. It takes half a minute. It needs Bash, nc of OpenBSD (Debian: netcat-openbsd),
and port 5000 on loopback. The commands below run for real, in a pseudo-terminal of a fixed size;
pyte, an emulator in plain Python that is typed and draws nothing itself, follows what they print.

The recording differs from what ran in two ways: commands are typed at an even speed, and a
wait in which the screen stays the same is cut to `LONGEST_WAIT`.
"""

import os
import pty
import select
import shutil
import signal
import socket
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import groupby
from pathlib import Path

import pyte

from docs.recording_svg import Frame, Row, Run, Size, animated_svg, thinned

COMMANDS = (
    "twist echo --port 5000 --delay 300ms --fault reset:0.02 --seed 7 & sleep 2",
    "printf hi | nc -N localhost 5000",
    "twistecho fleet localhost:5000 --clients 20 --duration 4s --require 'p99 < 400ms'",
)
"""What is typed, one command after the other; each one ends before the next one begins."""

PORT = 5000
TITLE = "twistecho in a terminal"
DESCRIPTION = (
    "Three commands are typed. The first starts the echo service, which delays each reply by 300 ms"
    " and resets 2 % of the connections' messages; it logs where it listens. The second sends hi with nc, and"
    " the reply comes late. The third runs twenty clients for four seconds: a live bar shows rate, latencies"
    " and failures; then a table shows the verdict, the latencies, and the resets by cause."
)
SIZE = Size(columns=84, rows=22)
LONGEST_WAIT = 1.0
"""Seconds that the screen stays the same at most, while a command runs."""

BEFORE_TYPING, AFTER_TYPING, AT_THE_END = 1.2, 0.4, 7.0
"""Seconds at a prompt, before Enter, and at the last frame."""

PICTURE = Path(__file__).with_name("recording.svg")
_KEY, _SPACE_KEY = 0.045, 0.08  # seconds for a key, and for the space between two words
_LEAST = 0.04  # seconds that a frame is seen
_GIVE_UP = 60.0  # seconds without output, after which a command hangs
_FAINT, _BRIGHT_BLACK = 2, 90  # as the terminal's control sequences have them
_PROMPT = "$"
_ENVIRONMENT = {
    "PS1": rf"\n\[\e[1;36m\]{_PROMPT}\[\e[0m\] ",
    "TERM": "xterm-256color",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "HOME": "/nonexistent",
    "INPUTRC": "/dev/null",
}
_SHELL = ("bash", "--noprofile", "--norc", "+o", "history", "-i")


class FaintScreen(pyte.Screen):
    """A screen that shows faint text, which pyte does not know of, in bright black."""

    def select_graphic_rendition(self, *attrs: int) -> None:
        """Set the style of the characters that follow."""
        if 38 not in attrs and 48 not in attrs:  # where a 2 may be part of a colour
            attrs = tuple(_BRIGHT_BLACK if each == _FAINT else each for each in attrs)
        super().select_graphic_rendition(*attrs)


class Shell:
    """Bash in a pseudo-terminal of its own."""

    def __init__(self, size: Size) -> None:
        self._pid, self._terminal = pty.fork()
        if not self._pid:
            termios.tcsetwinsize(0, (size.rows, size.columns))
            own = str(Path(sys.executable).parent)
            path = os.pathsep.join((own, os.environ.get("PATH", os.defpath)))
            os.execvpe(_SHELL[0], _SHELL, {**_ENVIRONMENT, "PATH": path})

    def write(self, text: str) -> None:
        """Send keys."""
        os.write(self._terminal, text.encode())

    def read(self, seconds: float) -> bytes:
        """Return what is printed next, or nothing if that takes longer than ``seconds``."""
        if not select.select([self._terminal], [], [], seconds)[0]:
            return b""
        return os.read(self._terminal, 65536)

    def end(self) -> None:
        """End the service, and then the shell."""
        self.write("kill %1; wait; exit\n")
        with suppress(OSError):  # a pseudo-terminal that nobody has open any more cannot be read
            while self.read(10.0):
                pass
        os.kill(self._pid, signal.SIGHUP)
        os.waitpid(self._pid, 0)
        os.close(self._terminal)


class Recorder:
    """Types commands into a shell, and keeps what its screen shows."""

    def __init__(self, shell: Shell, size: Size) -> None:
        self.frames: list[Frame] = []
        self.now = 0.0
        self._shell = shell
        self._screen = FaintScreen(size.columns, size.rows)
        self._stream = pyte.ByteStream(self._screen)

    def run(self, command: str) -> None:
        """Type a command, and follow its output until the next prompt."""
        self.wait(BEFORE_TYPING)
        for key in command:
            self._press(key)
            self.wait(_SPACE_KEY if key == " " else _KEY)
        self.wait(AFTER_TYPING)
        self._press("\n")
        self.follow(self._is_at_prompt)

    def wait(self, seconds: float) -> None:
        """Let time go by in the recording, but not here."""
        self.now += seconds

    def follow(self, is_done: Callable[[], bool]) -> None:
        """Record what is printed until something is done. Raises TimeoutError."""
        while not is_done():
            began = time.monotonic()
            data = self._shell.read(_GIVE_UP)
            if not data:
                raise TimeoutError("\n".join(self._screen.display))
            self.wait(min(LONGEST_WAIT, time.monotonic() - began))
            self._stream.feed(data)
            self.frames.append(frame_of(self._screen, self.now))

    def until_prompt(self) -> None:
        """Record until the shell prompts."""
        self.follow(self._is_at_prompt)

    def _press(self, key: str) -> None:
        """Press a key, and record what it does to the screen."""
        self._shell.write(key)
        before = len(self.frames)
        self.follow(lambda: len(self.frames) > before)

    def _is_at_prompt(self) -> bool:
        line = self._screen.display[self._screen.cursor.y]
        return line.rstrip() == _PROMPT and self._screen.cursor.x == len(_PROMPT) + 1


def frame_of(screen: pyte.Screen, now: float) -> Frame:
    """Return what a screen shows."""
    rows = tuple(_row(screen, number) for number in range(screen.lines))
    cursor = screen.cursor
    return Frame(now, rows, None if cursor.hidden else (cursor.x, cursor.y))


def _row(screen: pyte.Screen, number: int) -> Row:
    return tuple(run for run in _runs(screen, number) if run.text.strip())


def _runs(screen: pyte.Screen, number: int) -> Iterator[Run]:
    """Yield the runs of a row: neighbours of one style."""
    cells = [(column, screen.buffer[number][column]) for column in range(screen.columns)]
    for (colour, bold), run in groupby(cells, lambda cell: (cell[1].fg, cell[1].bold)):
        found = list(run)
        yield Run(found[0][0], "".join(cell.data for _, cell in found), colour, bold)


def record() -> list[Frame]:
    """Run the commands, and return what the terminal showed. Raises OSError."""
    shell = Shell(SIZE)
    try:
        recorder = Recorder(shell, SIZE)
        recorder.until_prompt()
        for command in COMMANDS:
            recorder.run(command)
    finally:
        shell.end()
    return recorder.frames


def problem() -> str | None:
    """Return what is missing for a recording, in one line, or None."""
    for program in ("bash", "nc"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", PORT))
        except OSError as error:
            return f"port {PORT}: {error.strerror}"
    return None


def main() -> None:
    """Record, and write the picture."""
    if said := problem():
        sys.exit(f"docs.recording: {said}")
    frames = thinned(record(), _LEAST)
    seconds = frames[-1].time + AT_THE_END
    text = animated_svg(frames, SIZE, seconds, title=TITLE, description=DESCRIPTION)
    PICTURE.write_text(text, encoding="utf-8")
    print(f"{PICTURE.name}: {seconds:.1f} s, {len(frames)} frames, {len(text.encode()):,} bytes")


if __name__ == "__main__":
    main()
