"""What is seen of a run: the right figures, at the right time, on the right kind of stream."""

import io
import os
import re
import threading
import time
from typing import TextIO
from unittest import TestCase
from unittest.mock import patch

from twistecho.fleet.output import live
from twistecho.fleet.output.live import Display, Writing
from twistecho.fleet.output.live_text import lines
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.progress import Progress
from twistecho.fleet.reports.second import Second

PLAN = Plan(clients=20, repeat=100)
FAR = Progress(12.4, 18, 2, 500, {"receive:reset": 2}, Second(11, {1_000: 98, 250_000: 2}))


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


class DisplayTests(TestCase):
    """Where and when it is said. Waiting is shortened, not relied upon."""

    def shown(self, stream: TextIO, wanted: int) -> str:
        """Show a run that lasts until it was asked so often how far it is; give what came."""
        asked = threading.Semaphore(0)

        def progress() -> Progress:
            asked.release()
            return FAR

        with (
            patch.multiple(live, _SHOWN_AFTER=0.0, _RENEWED_EVERY=0.001, _PLAIN_EVERY=0.001),
            Display(stream, PLAN, progress),
        ):
            for _ in range(wanted):
                assert asked.acquire(timeout=20)
        return stream.getvalue() if isinstance(stream, io.StringIO) else ""

    def test_a_stream_that_is_no_terminal_gets_whole_plain_lines(self) -> None:
        """One at a time, with neither colour nor cursor movements in it."""
        text = self.shown(io.StringIO(), 3)
        assert "\x1b" not in text
        assert set(text.splitlines()) == {"; ".join(lines(PLAN, FAR))}
        assert text.endswith("\n")

    def test_a_terminal_gets_lines_that_are_renewed_and_go_away(self) -> None:
        """The cursor goes up again, and at the end every line is erased."""
        text = self.shown(Terminal(), 3)
        assert "p99 250 ms" in text
        assert text.count("\x1b[2K") >= 3 * 3
        assert text.rstrip("\n").rindex("\x1b[2K") > text.rindex("p99 250 ms")
        # The cursor is hidden meanwhile, and shown at last.
        assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")

    def test_the_bar_is_drawn_as_wide_as_the_terminal_lets_it_be(self) -> None:
        """No line is wider, at any width; a bar that is of no use is left out."""
        for width in (20, 40, 60, 80, 110):
            with self.subTest(width=width), patch.dict(os.environ, COLUMNS=str(width)):
                drawn = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.shown(Terminal(), 3))
                found = [line for line in re.split(r"[\r\n]+", drawn) if line]
                assert max(map(len, found)) < width
                assert any("━" in line for line in found) == (width > 20)
                assert any("100/s" in line for line in found)

    def test_a_terminal_that_knows_no_other_characters_gets_ascii(self) -> None:
        """The bar too."""
        raw = io.BytesIO()

        class AsciiTerminal(io.TextIOWrapper):
            """A terminal of a plain locale."""

            def isatty(self) -> bool:
                """Say so."""
                return True

        stream = AsciiTerminal(raw, encoding="ascii")
        self.shown(stream, 3)
        stream.flush()
        assert b"---" in raw.getvalue()
        assert b"100/s, p50" in raw.getvalue()

    def test_a_terminal_that_cannot_move_its_cursor_gets_plain_lines(self) -> None:
        """As a file does."""
        with patch.dict(os.environ, TERM="dumb"):
            text = self.shown(Terminal(), 3)
        assert set(text.splitlines()) == {"; ".join(lines(PLAN, FAR))}

    def test_without_colour_the_lines_are_renewed_all_the_same(self) -> None:
        """NO_COLOR is about colour alone."""
        with patch.dict(os.environ, NO_COLOR="1", TERM="xterm-256color"):
            text = self.shown(Terminal(), 3)
        assert "\x1b[2K" in text
        assert not re.search(r"\x1b\[[0-9;]*m", text)

    def test_quiet_shows_nothing_and_asks_nothing(self) -> None:
        """Neither on a terminal nor elsewhere: nobody is there who could."""
        before = threading.active_count()
        for stream in (Terminal(), io.StringIO()):
            with Display(stream, PLAN, lambda: FAR, quiet=True):
                assert threading.active_count() == before
            assert stream.getvalue() == ""

    def test_a_short_run_shows_nothing(self) -> None:
        """It is over before anybody could read it."""
        for stream in (Terminal(), io.StringIO()):
            with Display(stream, PLAN, lambda: FAR):
                pass
            assert stream.getvalue() == ""

    def test_a_reader_that_has_gone_does_not_end_the_run(self) -> None:
        """What cannot be written is not written, and nothing is raised or left running."""
        before = threading.active_count()

        class Gone(io.StringIO):
            """A stream that nobody reads."""

            def write(self, _text: str) -> int:
                """Fail as a pipe does."""
                raise BrokenPipeError

        class GoneTerminal(Gone, Terminal):
            """A terminal that has been closed."""

        for stream in (Gone(), GoneTerminal()):
            with patch.object(live, "_SHOWN_AFTER", 0.0), Display(stream, PLAN, lambda: FAR) as it:
                assert it._thread is not None
                it._thread.join(20)
                assert not it._thread.is_alive()
        assert threading.active_count() == before


class WritingTests(TestCase):
    """Which file is written, where that takes its time."""

    def written(self, stream: io.StringIO) -> None:
        """Say that a file is written, until that has been said."""
        with (
            patch.multiple(live, _WRITING_AFTER=0.0, _SHOWN_AFTER=0.0),
            Writing(stream, "run\x1b.html") as writing,
        ):
            assert writing._thread is not None
            while "html" not in stream.getvalue():
                assert writing._thread.is_alive() or "html" in stream.getvalue()
                time.sleep(0.001)

    def test_a_terminal_is_told_and_the_line_goes_away(self) -> None:
        """Its name as text, whatever it has in it."""
        stream = Terminal()
        self.written(stream)
        text = stream.getvalue()
        assert r"writing run\x1b.html" in text
        assert text.rindex("\x1b[2K") > text.rindex("writing")

    def test_anything_else_gets_a_plain_line(self) -> None:
        """Once."""
        stream = io.StringIO()
        self.written(stream)
        assert stream.getvalue() == "writing run\\x1b.html\n"

    def test_what_is_soon_written_is_not_told_of_nor_what_is_quiet(self) -> None:
        """Nothing at all."""
        for quiet in (False, True):
            for stream in (Terminal(), io.StringIO()):
                with Writing(stream, "run.html", quiet=quiet):
                    pass
                assert stream.getvalue() == ""
