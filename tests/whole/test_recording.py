"""docs/recording.svg and the two modules that make it: the frames, the drawing and the file."""

import re
import socket
import unittest
from contextlib import closing
from unittest import mock
from xml.etree import ElementTree as ET

import pyte

from docs import recording
from docs.recording import FaintScreen, Recorder, Shell, frame_of, thinned
from docs.recording_svg import PALETTE, Frame, Row, Run, Size, animated_svg

SVG = "{http://www.w3.org/2000/svg}"
SIZE = Size(columns=10, rows=2)
MOST_BYTES = 150_000


def frame(time: float, *texts: str, cursor: tuple[int, int] | None = None) -> Frame:
    """Return a frame with these rows, in the default style."""
    return Frame(time, tuple((Run(0, text),) if text else () for text in texts), cursor)


def parsed(text: str) -> ET.Element:
    """Return the picture in a text, which has to be well-formed."""
    return ET.fromstring(text)  # noqa: S314 - our own


def drawn(*frames: Frame) -> ET.Element:
    """Draw frames as ten seconds, and read the picture."""
    return parsed(animated_svg(frames, SIZE, 10.0, title="t", description="d"))


def drawn_row(*runs: Run) -> list[ET.Element]:
    """Draw one row, and return its text elements."""
    row: Row = runs
    return list(drawn(Frame(0.0, (row,))).iter(f"{SVG}text"))


def texts(picture: ET.Element) -> list[str]:
    """Return the texts of a picture, with blanks as a terminal has them."""
    return [(each.text or "").replace("\xa0", " ") for each in picture.iter(f"{SVG}text")]


def keyframes(picture: ET.Element, name: str) -> list[tuple[str, str]]:
    """Return the keyframes of a moving element: shares of the time, and offsets."""
    style = picture.findtext(f"{SVG}style", "")
    found = re.search(rf"^@keyframes {name}\{{(.*)\}}$", style, re.MULTILINE)
    return re.findall(r"([\d.]+)%\{transform:translate\((.*?)\)\}", found[1]) if found else []


def by_id(picture: ET.Element, name: str) -> ET.Element | None:
    """Return the element with an id."""
    return picture.find(f".//*[@id='{name}']")


class RowsTests(unittest.TestCase):
    """Frames become films, one per row."""

    def test_a_row_moves_when_its_content_changes(self) -> None:
        """To the place of that content, at its time; a row that stays the same does not move."""
        picture = drawn(frame(0.0, "one", "same"), frame(2.5, "two", "same"))
        width = SIZE.width
        assert keyframes(picture, "r0") == [("0", "0px,0"), ("25.00", f"-{width:g}px,0")]
        assert keyframes(picture, "r1") == []
        assert texts(picture) == ["one", "two", "same"]

    def test_a_content_is_drawn_once_per_row(self) -> None:
        """A row that shows it again moves back."""
        picture = drawn(frame(0.0, "a"), frame(1.0, "b"), frame(2.0, "a"))
        offsets = [offset for _, offset in keyframes(picture, "r0")]
        assert texts(picture) == ["a", "b"]
        assert offsets[0] == offsets[2] != offsets[1]

    def test_the_last_frame_is_shown_without_animations(self) -> None:
        """The attributes hold it; the animation is only for viewers that do not reduce motion."""
        picture = drawn(frame(0.0, "one"), frame(2.5, "two", cursor=(3, 1)))
        row, cursor = by_id(picture, "r0"), by_id(picture, "cursor")
        assert row is not None
        assert cursor is not None
        assert row.get("transform") == f"translate(-{SIZE.width:g},0)"
        assert cursor.get("transform") == "translate(25.2,19)"
        style = picture.findtext(f"{SVG}style", "")
        outside = re.sub(r"@media \(prefers-reduced-motion:no-preference\)\{.*\}\n", "", style)
        assert "animation" in style
        assert "animation" not in outside

    def test_a_hidden_cursor_is_outside_the_picture(self) -> None:
        """It returns where it is shown again."""
        moves = keyframes(drawn(frame(0.0), frame(1.0, cursor=(0, 1))), "cursor")
        assert moves == [("0", "0px,-1900px"), ("10.00", "0px,19px")]

    def test_missing_rows_are_empty(self) -> None:
        """A frame may have fewer rows than the terminal."""
        assert texts(drawn(frame(0.0))) == []

    def test_no_frames_are_an_error(self) -> None:
        """There is nothing to draw."""
        with self.assertRaisesRegex(ValueError, "at least one frame"):
            drawn()


class RunTests(unittest.TestCase):
    """Runs become text elements."""

    def test_markup_and_control_characters_are_escaped(self) -> None:
        """The file stays well-formed, and each character keeps its column."""
        (element,) = drawn_row(Run(0, "<a>&\x1b\x00\ud800\x85\u2028"))
        assert element.text == "<a>&" + "\N{REPLACEMENT CHARACTER}" * 5

    def test_title_and_description_are_escaped(self) -> None:
        """They are for screen readers."""
        text = animated_svg([frame(0.0)], SIZE, 1.0, title="<&\x07>", description='"<b>"')
        picture = parsed(text)
        assert picture.findtext(f"{SVG}title") == "<&\N{REPLACEMENT CHARACTER}>"
        assert picture.findtext(f"{SVG}desc") == '"<b>"'

    def test_a_run_begins_at_its_column(self) -> None:
        """Blanks around it are not drawn; those in it are kept, and its width is fixed."""
        (element,) = drawn_row(Run(2, " a   b c  "))
        assert element.text == "a\xa0\xa0\xa0b c"
        assert (element.get("x"), element.get("textLength")) == ("25.2", "58.8")

    def test_blanks_alone_are_not_drawn(self) -> None:
        """Nor is a run without characters."""
        assert drawn_row(Run(0, "   "), Run(3, "")) == []

    def test_lines_touch_each_other(self) -> None:
        """Their characters are made as wide as their columns; letters are only spaced."""
        line, word = drawn_row(Run(0, "━━╺━"), Run(5, "word"))
        assert line.get("lengthAdjust") == "spacingAndGlyphs"
        assert word.get("lengthAdjust") is None

    def test_colours_are_names_or_digits(self) -> None:
        """A bright colour without an entry is the plain one."""
        colours = ("red", "00ffAF", "brightblack", "brightblue", "default")
        found = drawn_row(*(Run(number, "x", colour) for number, colour in enumerate(colours)))
        expected = [PALETTE["red"], "#00ffAF", PALETTE["brightblack"], PALETTE["blue"], None]
        assert [each.get("fill") for each in found] == expected

    def test_another_colour_is_an_error(self) -> None:
        """So no text gets into the file as a colour."""
        for colour in ("", "bright", "12345", "1234567", 'red"', "url(#a)", "00ff00\n"):
            with self.subTest(colour=colour), self.assertRaisesRegex(ValueError, "not a colour"):
                drawn_row(Run(0, "x", colour))

    def test_bold_is_a_class(self) -> None:
        """Other text has none."""
        plain, bold = drawn_row(Run(0, "a"), Run(1, "b", bold=True))
        assert (plain.get("class"), bold.get("class")) == (None, "b")


class FramesTests(unittest.TestCase):
    """The screen becomes frames."""

    def screen(self, output: bytes) -> pyte.Screen:
        """Return a screen after some output."""
        screen = FaintScreen(SIZE.columns, SIZE.rows)
        pyte.ByteStream(screen).feed(output)
        return screen

    def test_runs_have_a_column_a_colour_and_a_weight(self) -> None:
        """Neighbours of one style are one run; blank runs are left out."""
        found = frame_of(self.screen(b"a\x1b[1;31mbc\x1b[0m  \x1b[38;5;2md\r\n"), 1.5)
        (first, second) = found.rows
        assert [(run.column, run.text.rstrip()) for run in first] == [(0, "a"), (1, "bc"), (5, "d")]
        assert [run.bold for run in first] == [False, True, False]
        assert [run.colour for run in first] == ["default", "red", "00cd00"]
        assert (second, found.time, found.cursor) == ((), 1.5, (0, 1))

    def test_faint_text_is_bright_black(self) -> None:
        """Until the style is reset."""
        ((faint, plain), _) = frame_of(self.screen(b"\x1b[2ma\x1b[0mb"), 0.0).rows
        assert (faint.colour, plain.colour) == ("brightblack", "default")

    def test_a_hidden_cursor_is_none(self) -> None:
        """The live bar hides it."""
        assert frame_of(self.screen(b"\x1b[?25l"), 0.0).cursor is None

    def test_frames_that_are_hardly_shown_are_left_out(self) -> None:
        """The last one stays, and so does the order."""
        frames = [frame(time) for time in (0.0, 0.01, 0.5, 0.51, 0.52)]
        assert [each.time for each in thinned(frames, 0.03)] == [0.01, 0.52]
        assert thinned([], 0.03) == []


class Echoing(Shell):
    """A stand-in for Bash, without a terminal: it echoes keys, and answers each command."""

    def __init__(self, answer: str) -> None:
        self._answer = answer
        self._output = "\r\n$ "

    def write(self, keys: str) -> None:
        """Echo the keys; Enter is followed by the answer."""
        self._output += f"\r\n{self._answer}" if keys == "\n" else keys

    def read(self, seconds: float) -> bytes:
        """Return all output since the last call."""
        del seconds
        output, self._output = self._output, ""
        return output.encode()


class RecorderTests(unittest.TestCase):
    """Commands are typed, and the screen is recorded."""

    def test_a_command_is_typed_key_by_key(self) -> None:
        """Each key is a frame, after its pause; the output follows Enter, and then the prompt."""
        recorder = Recorder(Echoing("yes\r\n$ "), Size(columns=10, rows=5))
        recorder.run("a b")
        shown = [
            "/".join(run.text.strip() for row in each.rows for run in row)
            for each in recorder.frames
        ]
        assert shown == ["$", "$ a", "$ a", "$ a b", "$ a b/yes/$"]
        typed = [each.time for each in recorder.frames]
        assert typed == sorted(typed)
        assert typed[1] >= recording.BEFORE_TYPING
        assert typed[4] - typed[3] >= recording.BEFORE_ENTER

    def test_long_waits_are_cut(self) -> None:
        """However long the shell took, the recording takes `LONGEST_WAIT`."""
        with mock.patch("docs.recording.time.monotonic", side_effect=range(0, 1000, 9)):
            recorder = Recorder(Echoing("$ "), SIZE)
        assert [each.time for each in recorder.frames] == [recording.LONGEST_WAIT]

    def test_a_command_that_hangs_is_an_error(self) -> None:
        """There is no prompt, and no more output."""
        recorder = Recorder(Echoing("no prompt"), SIZE)
        with self.assertRaisesRegex(TimeoutError, "no output for 60 s"):
            recorder.run("a")

    def test_a_port_in_use_is_named(self) -> None:
        """Before anything runs."""
        with closing(socket.create_server(("127.0.0.1", 0))) as taken:
            port = taken.getsockname()[1]
            with mock.patch.object(recording, "PORT", port), mock.patch("shutil.which"):
                assert recording.problem() == f"port {port}: Address already in use"

    def test_a_missing_program_is_named(self) -> None:
        """Likewise."""
        with mock.patch("shutil.which", return_value=None):
            assert recording.problem() == "bash is not installed"


class FileTests(unittest.TestCase):
    """The picture in the repository."""

    def setUp(self) -> None:
        """Read it."""
        self.text = recording.PICTURE.read_text(encoding="utf-8")
        self.picture = parsed(self.text)

    def test_it_is_light(self) -> None:
        """It comes with the README."""
        assert len(self.text.encode()) < MOST_BYTES

    def test_it_is_drawing_alone(self) -> None:
        """It has no scripts and no handlers, and refers to nothing outside itself."""
        drawing = {"svg", "title", "desc", "style", "g", "rect", "circle", "text"}
        assert {each.tag for each in self.picture.iter()} <= {SVG + name for name in drawing}
        names = {name for each in self.picture.iter() for name in each.attrib}
        assert [name for name in names if name.startswith("on") or "href" in name] == []
        outside = self.text.replace('xmlns="http://www.w3.org/2000/svg"', "")
        for reference in ("url(", "@import", "@font-face", "http:", "https:", "<!", "<?"):
            assert reference not in outside

    def test_it_lasts_20_to_25_seconds(self) -> None:
        """Then it begins again."""
        style = self.picture.findtext(f"{SVG}style", "")
        seconds = re.findall(r"animation:([\d.]+)s step-end infinite", style)
        assert len(seconds) == 1
        assert 20.0 <= float(seconds[0]) <= 25.0

    def test_it_shows_the_commands_and_what_they_print(self) -> None:
        """Those that stand in the script, the service, a reply, the live bar and the verdict."""
        shown = texts(self.picture)
        for command in recording.COMMANDS:
            assert command in shown
        everything = "\n".join(shown)
        for output in ("Listening on 127.0.0.1", "Resposta eco => b'hi' as", "━", "p99", "reset"):
            assert output in everything

    def test_screen_readers_get_its_texts(self) -> None:
        """The title and the description of the script."""
        assert self.picture.get("aria-labelledby") == "title description"
        assert self.picture.findtext(f"{SVG}title") == recording.TITLE
        assert self.picture.findtext(f"{SVG}desc") == recording.DESCRIPTION
