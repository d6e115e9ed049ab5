"""The runner of the pages' blocks: what it takes, and what it does not let pass."""

import tempfile
from pathlib import Path
from unittest import TestCase

from . import shapes
from .blocks import PageError, blocks_of, steps_of
from .reader import follow
from .shell import commands_in


def fenced(language: str, text: str) -> str:
    """Return a block."""
    return f"```{language}\n{text}\n```\n"


class FollowTests(TestCase):
    """Small pages."""

    def follow(self, *parts: str) -> None:
        """Run a page."""
        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder, "page.md")
            page.write_text("\n".join(parts), encoding="utf-8")
            follow(page)

    def refuse(self, reason: str, *parts: str) -> None:
        """Run a page, and hold that it fails for a reason."""
        with self.assertRaisesRegex(PageError, reason):
            self.follow(*parts)

    def test_blocks_share_a_folder_and_a_shell(self) -> None:
        """Files, variables and the folder last from block to block."""
        self.follow(
            fenced("sh", "mkdir one\ncd one\nname=file"),
            fenced("sh", 'echo hello >"$name"'),
            fenced(
                "python", "from pathlib import Path\nprint(Path('one/file').read_text(), end='')"
            ),
            fenced("text", "hello"),
        )

    def test_a_service_runs_until_the_page_ends(self) -> None:
        """On another port than the page names, in every block."""
        self.follow(
            fenced("sh", "twist echo --port 5000 --reply raw"),
            fenced(
                "console", "$ twistecho fleet localhost:5000\n✓ OK   all 20 messages answered right"
            ),
            fenced(
                "python", "import socket\nsocket.create_connection(('127.0.0.1', 5000)).close()"
            ),
        )

    def test_a_command_that_fails_is_named(self) -> None:
        """With its line; an unknown option is exit code 2."""
        self.refuse(
            r"page\.md:2: ls --no-such\nexit code 2",
            "",
            fenced("sh", "ls --no-such"),
        )

    def test_a_service_that_does_not_begin_is_named(self) -> None:
        """With what it printed."""
        self.refuse("does not listen: .*no-such", fenced("sh", "twist echo --no-such"))

    def test_output_of_another_shape_is_refused(self) -> None:
        """Figures may differ, words may not."""
        self.follow(fenced("console", "$ echo took 12 ms\ntook 7.5 ms"))
        self.refuse("shown: took", fenced("console", "$ echo lasted 12 ms\ntook 7.5 ms"))

    def test_an_example_must_work(self) -> None:
        """A program, a test, a scenario, a line of JSON."""
        self.refuse("ZeroDivisionError", fenced("python", "1 / 0"))
        self.refuse(
            "1 failed", fenced("python", "def test_it(echo_server):\n    assert not echo_server")
        )
        self.refuse("framing", fenced("toml", 'framing = "words"'))
        self.refuse("faults", fenced("json", '{"faults": ["none-such"]}'))

    def test_a_cell_may_wait(self) -> None:
        """At its top level, as in a notebook."""
        self.follow(fenced("python", "import asyncio\nawait asyncio.sleep(0)"))

    def test_a_block_with_a_reason_is_left_out(self) -> None:
        """And what is printed below it is not compared."""
        self.follow("<!-- not run: root -->", fenced("sh", "no-such"), fenced("text", "anything"))


class BlocksTests(TestCase):
    """Reading a page."""

    def test_what_is_unknown_is_refused(self) -> None:
        """A language, a reason, and a comment with no block behind it."""
        for text, said in (
            (fenced("perl", "1"), "page.md:1: no known language: 'perl'"),
            ("<!-- not run: dull -->\n" + fenced("sh", "ls"), "page.md:2: no known reason: 'dull'"),
            ("<!-- not run: root -->\nText\n" + fenced("sh", "ls"), "not right before a block"),
        ):
            with self.subTest(text=text), self.assertRaisesRegex(PageError, said):
                blocks_of("page.md", text)

    def test_a_block_has_its_place(self) -> None:
        """Its page and line; in a list it is indented."""
        [block] = blocks_of("page.md", "- one\n\n  ```sh\n  ls\n  ```\n")
        assert block == ("page.md:3", "sh", "ls\n", None)

    def test_a_console_has_commands_and_output(self) -> None:
        """A command goes on after a backslash."""
        [block] = blocks_of("page.md", fenced("console", "$ one \\\n  two\nout\n$ three"))
        assert steps_of(block) == [("one \\\n  two", "out"), ("three", "")]

    def test_a_script_is_split_into_commands(self) -> None:
        """A loop is one."""
        script = "# first\nls\nfor a in 1 2; do\n  echo $a\ndone\necho \\\n  b\n"
        assert commands_in(script) == ["ls", "for a in 1 2; do\n  echo $a\ndone", "echo \\\n  b"]


class ShapesTests(TestCase):
    """What is changed in a command, and what of output is compared."""

    def test_ports_are_replaced_where_they_stand_as_words(self) -> None:
        """Not inside of larger numbers."""
        text = (
            "twist echo --port 5000 --max-messages 15000; twistecho fleet localhost:5000 -n 50001"
        )
        assert shapes.ports_in(text) == {"5000"}
        changed = shapes.mapper({"5000": "7"})(text)
        assert changed == text.replace("t 5000", "t 7").replace(":5000", ":7")

    def test_loads_are_shortened(self) -> None:
        """Durations, warm-ups, stages and repeats, not rates or delays."""
        assert shapes.shorter("--rate 500 --warmup 2s --duration 25s --delay 5ms") == (
            "--rate 500 --warmup 0.2s --duration 0.5s --delay 5ms"
        )
        assert shapes.shorter("--rate 200:3s,200..2k:6s") == "--rate 200:0.5s,200..2k:0.5s"
        assert shapes.shorter("twistecho fleet x -n 1000") == "twistecho fleet x -n 20"
        assert shapes.shorter("curl localhost:8474/scenario").endswith(" localhost:8474/scenario")

    def test_figures_and_bars_are_no_part_of_a_shape(self) -> None:
        """Nor are the cells after the first."""
        assert shapes.shape("p99   1.2 ms") == "p#"
        assert shapes.shape("  12 ██▍ F") == shapes.shape("   3 ·█▏ F")
        assert shapes.shape("✓ OK   all 20 right    x:1") == "✓ OK all # right"
