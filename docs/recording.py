"""Record docs/recording.svg, the animated picture of a terminal in README.md.

Run it in the repository's folder, when the machine has nothing else to do; it takes 15 s:

    pip install -e '.[recording]' && python -m docs.recording

It needs Bash, nc (Debian: netcat-openbsd), and port 5000 on loopback. The commands below run for
real, in a pseudo-terminal of a fixed size. pyte follows the screen: a terminal emulator in plain
Python, typed, without dependencies that are compiled, and without a display of its own.

The recording differs from the run in two ways: the commands are typed at an even speed, and where
the screen stays the same for longer than `LONGEST_WAIT`, the rest of that time is left out.
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
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import groupby, pairwise
from pathlib import Path

import pyte

from docs.recording_svg import Frame, Row, Run, Size, animated_svg

COMMANDS = (
    "twist echo --port 5000 --delay 700ms --fault reset:0.02 --seed 30 & sleep 2",
    "printf hi | nc -N localhost 5000",
    "twistecho fleet localhost:5000 --clients 50 --duration 4s --require 'p99 < 800ms'",
)
"""The commands that are typed; each one ends before the next one is typed.

The seed was chosen so that nc's connection is not reset, and some of the fleet's are.
"""

PORT = 5000
TITLE = "twistecho in a terminal"
DESCRIPTION = (
    "Three commands are typed. The first starts the echo service, which sends each reply 0.7 s"
    " late and resets the connection at 2 % of the messages; it logs where it listens. The second"
    " sends hi with nc and shows the late reply. The third runs fifty clients for four seconds: a"
    " live bar shows rate, latencies and failures; then a table shows the verdict, the latencies,"
    " and how many clients failed, with the cause receive:reset."
)
SIZE = Size(columns=100, rows=22)
LONGEST_WAIT = 0.8
"""The longest time in seconds for which the screen stays the same while a command runs."""

BEFORE_TYPING, BEFORE_ENTER, AT_THE_END = 1.0, 0.4, 6.0
"""Seconds at a prompt, before Enter, and at the last frame."""

PICTURE = Path(__file__).with_name("recording.svg")

_KEY, _SPACE = 0.038, 0.065  # seconds after a key
_LEAST = 0.03  # seconds for which a frame is shown
_GIVE_UP = 60.0  # seconds without output
_FAINT, _BRIGHT_BLACK = 2, 90  # of the control sequence that sets a style
_PROMPT = "$"
_SHELL = ("bash", "--noprofile", "--norc", "+o", "history", "-i")
_ENVIRONMENT = {
    "PS1": rf"\n\[\e[1;36m\]{_PROMPT}\[\e[0m\] ",
    "TERM": "xterm-256color",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "INPUTRC": "/dev/null",
}


class FaintScreen(pyte.Screen):
    """A screen that shows faint text in bright black: pyte has no faint text."""

    def select_graphic_rendition(self, *attrs: int) -> None:
        """Set the style of the characters that follow."""
        if 38 not in attrs and 48 not in attrs:  # where a 2 may be part of a colour
            attrs = tuple(_BRIGHT_BLACK if each == _FAINT else each for each in attrs)
        super().select_graphic_rendition(*attrs)


class Shell:
    """Bash in a pseudo-terminal of its own; commands of this Python's environment come first."""

    def __init__(self, size: Size) -> None:
        self._pid, self._terminal = pty.fork()
        if not self._pid:
            termios.tcsetwinsize(0, (size.rows, size.columns))
            path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
            os.execvpe(_SHELL[0], _SHELL, {**_ENVIRONMENT, "PATH": path})  # noqa: S606

    def write(self, keys: str) -> None:
        """Send keys."""
        os.write(self._terminal, keys.encode())

    def read(self, seconds: float) -> bytes:
        """Return the next output, or nothing if there is none for ``seconds``. Raises OSError."""
        ready, _, _ = select.select([self._terminal], [], [], seconds)
        return os.read(self._terminal, 65536) if ready else b""

    def end(self) -> None:
        """End the service and the shell."""
        with suppress(OSError):  # reading fails once all programs in the terminal have ended
            self.write("kill %1; wait; exit\n")
            while self.read(10.0):
                pass
        os.kill(self._pid, signal.SIGHUP)  # which Bash, if it still runs, passes on to its jobs
        os.close(self._terminal)
        os.waitpid(self._pid, 0)


class Recorder:
    """Types commands into a shell, and keeps the frames of its screen in ``frames``."""

    def __init__(self, shell: Shell, size: Size) -> None:
        self.frames: list[Frame] = []
        self._now = 0.0
        self._shell = shell
        self._screen = FaintScreen(size.columns, size.rows)
        self._stream = pyte.ByteStream(self._screen)
        self._follow(self._is_at_prompt)

    def run(self, command: str) -> None:
        """Type a command, and record its output until the next prompt. Raises OSError."""
        self._now += BEFORE_TYPING
        for key in command:
            self._press(key)
            self._now += _SPACE if key == " " else _KEY
        self._now += BEFORE_ENTER
        self._press("\n")
        self._follow(self._is_at_prompt)

    def _press(self, key: str) -> None:
        """Press a key, and record its effect on the screen."""
        self._shell.write(key)
        before = len(self.frames)
        self._follow(lambda: len(self.frames) > before)

    def _follow(self, is_done: Callable[[], bool]) -> None:
        """Record output until ``is_done``."""
        while not is_done():
            began = time.monotonic()
            output = self._shell.read(_GIVE_UP)
            if not output:
                raise TimeoutError(f"no output for {_GIVE_UP:g} s")
            self._now += min(LONGEST_WAIT, time.monotonic() - began)
            self._stream.feed(output)
            self.frames.append(frame_of(self._screen, self._now))

    def _is_at_prompt(self) -> bool:
        cursor = self._screen.cursor
        line = self._screen.display[cursor.y]
        return line.rstrip() == _PROMPT and cursor.x == len(_PROMPT) + 1


def thinned(frames: Sequence[Frame], least: float) -> list[Frame]:
    """Return the frames without those that were shown for less than ``least`` seconds.

    The last frame stays.
    """
    kept = [frame for frame, later in pairwise(frames) if later.time - frame.time >= least]
    return kept + list(frames[-1:])


def frame_of(screen: pyte.Screen, time: float) -> Frame:
    """Return the contents of a screen: characters, their colours, and whether they are bold."""
    rows = tuple(_row_of(screen, number) for number in range(screen.lines))
    cursor = screen.cursor
    return Frame(time, rows, None if cursor.hidden else (cursor.x, cursor.y))


def _row_of(screen: pyte.Screen, number: int) -> Row:
    return tuple(run for run in _runs(screen, number) if run.text.strip())


def _runs(screen: pyte.Screen, number: int) -> Iterator[Run]:
    """Yield the runs of a row: neighbours with the same style."""
    cells = [(column, screen.buffer[number][column]) for column in range(screen.columns)]
    for (colour, bold), run in groupby(cells, lambda cell: (cell[1].fg, cell[1].bold)):
        found = list(run)
        yield Run(found[0][0], "".join(cell.data for _, cell in found), colour, bold)


def record() -> list[Frame]:
    """Run the commands, and return the frames of the terminal. Raises OSError."""
    shell = Shell(SIZE)
    try:
        recorder = Recorder(shell, SIZE)
        for command in COMMANDS:
            recorder.run(command)
    finally:
        shell.end()
    return thinned(recorder.frames, _LEAST)


def problem() -> str | None:
    """Return in one line why nothing can be recorded here, or None."""
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
    """Record, and write the picture; exit with status 1 and one line if that is not possible."""
    if found := problem():
        sys.exit(f"recording: {found}")
    try:
        frames = record()
    except OSError as error:
        sys.exit(f"recording: {error}")
    seconds = frames[-1].time + AT_THE_END
    text = animated_svg(frames, SIZE, seconds, title=TITLE, description=DESCRIPTION)
    PICTURE.write_text(text, encoding="utf-8")
    print(f"{PICTURE.name}: {seconds:.1f} s, {len(frames)} frames, {len(text.encode()):,} bytes")  # noqa: T201


if __name__ == "__main__":
    main()
