"""docs/tutorial.md: its blocks, in the order of the page, do what it says.

They run as they stand, but that the two ports are free ones, that what installs is left out, and
that the service of the first terminal runs in the background until its reply has come.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest import TestCase

from tests.support import DOCS
from tests.support.peers import unused_port

PAGE = (DOCS / "tutorial.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def steps() -> list[str]:
    """Give the blocks as shell scripts: Python is saved, or added to a file, by a here-document."""
    made = []
    for block in _BLOCK.finditer(PAGE):
        language, text = block.groups()
        if language == "python":
            paragraph = PAGE[: block.start()].split("\n\n")[-2]
            file = re.findall(r"`(\w+\.py)`", paragraph)[-1]
            arrow = ">>" if "to the end of" in paragraph else ">"
            text = f"cat {arrow}{file} <<'END'\n{text}END\n"
        made.append(text)
    return made


class TutorialTests(TestCase):
    """Whoever follows the page arrives."""

    def setUp(self) -> None:
        """Make a folder, and choose ports."""
        kept = tempfile.TemporaryDirectory()
        self.addCleanup(kept.cleanup)
        self.folder = Path(kept.name)
        self.addCleanup(self.shell, 'test ! -f echo.pid || kill "$(cat echo.pid)"')
        self.ports = {"5000": str(unused_port()), "5001": str(unused_port())}

    def shell(self, script: str) -> "subprocess.CompletedProcess[str]":
        """Run a script there with this Python's commands; the first that fails ends it."""
        for port, free in self.ports.items():
            script = script.replace(port, free)
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            ["/bin/bash", "-e", "-c", script],
            cwd=self.folder,
            env={**os.environ, "PATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )

    def test_every_step_does_what_the_page_says(self) -> None:
        """The delayed reply, a test that passes, fails, and passes again, and what a fleet says."""
        install, serve, ask, *rest = steps()
        assert "pip install . pytest" in install
        waiting = "until nc -z localhost 5000; do sleep 0.1; done"
        late = self.shell(
            f"{serve.rstrip()} >echo.log 2>&1 &\n{waiting}\n{ask}\nkill %1; wait %1 || true"
        )
        assert late.stdout.startswith("Resposta eco => b'hi' as "), late.stdout
        client, test, passes, more, fails, mended, passes_again, fleet, required = rest
        for script, code, said in (
            (client + test + passes, 0, "1 passed"),
            (more + fails, 1, "1 failed, 1 passed"),
            (mended + passes_again, 0, "2 passed"),
            (fleet, 0, "OK   2 requirements met"),
            (required, 0, "exit code 1\n"),
        ):
            ended = self.shell(script)
            assert said in ended.stdout, ended.stdout
            assert ended.returncode == code, ended.stdout
            if code:
                assert "ConnectionResetError: [Errno 104]" in ended.stdout
                assert "connection 0, message 0: b'hi'" in ended.stdout
        (self.folder / "echo.pid").unlink()  # the last step has ended it
