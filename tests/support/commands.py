"""The ``twistecho`` command, in this process if it needs no reactor, or in one of its own."""

import io
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any, NamedTuple

import pytest

from twistecho.cli.main import main
from twistecho.testing.servers import EchoServers


class Ended(NamedTuple):
    """The exit code of a command, and its output."""

    code: object
    out: str
    err: str


def twistecho(*arguments: str) -> Ended:
    """Run the command and return its exit code and output."""
    buffers = [io.BytesIO(), io.BytesIO()]
    streams = [io.TextIOWrapper(buffer, encoding="utf-8") for buffer in buffers]
    with redirect_stdout(streams[0]), redirect_stderr(streams[1]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        for stream in streams:
            stream.flush()
    out, err = (written.getvalue().decode() for written in buffers)
    return Ended(ended.value.code, out, err)


def twistecho_apart(*arguments: str) -> Ended:
    """Run the command in a process of its own and return its exit code and output."""
    ended = subprocess.run(
        [sys.executable, "-m", "twistecho", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def refused(*arguments: str) -> str:
    """Run an invalid command; return the one line that it prints."""
    ended = twistecho(*arguments)
    assert ended.code == 2, ended
    assert ended.out == ""
    [line] = ended.err.splitlines()
    return line


@contextmanager
def echoing(**options: Any) -> Iterator[str]:
    """Run a service for commands, with stamped replies by default; yield its target."""
    with EchoServers() as servers:
        server = servers(**{"reply": "stamped", **options})
        yield f"{server.host}:{server.port}"
