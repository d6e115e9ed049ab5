"""Carries out ``twistecho serve``: runs one of the notebook's servers."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import NoReturn

import click

from twistecho.base.processes import INTERRUPTED, raise_open_files
from twistecho.base.reply_formats import ReplyFormat
from twistecho.designs.catalogue import DESIGNS
from twistecho.designs.settings import ListenError, Server, Settings
from twistecho.service.scenario.delay import Constant
from twistecho.service.scenario.delay_per import DelayPer

from .streams import OutputError


def serve(
    *,
    design: str,
    ports: tuple[int, ...],
    host: str,
    reply: str | None,
    backlog: int | None,
    delay: Constant,
    delay_per: str,
) -> None:
    """Carry out `twistecho serve`."""
    chosen = DESIGNS[design]
    ports = ports or chosen.ports
    if len(ports) > 1 and len(chosen.ports) == 1:
        raise click.UsageError(f"--port: {design} listens on one port")
    settings = Settings(
        ports=ports,
        host=host,
        delay=delay,
        delay_per=DelayPer(delay_per),
        reply=ReplyFormat(reply) if reply else chosen.reply,
        backlog=chosen.backlog if backlog is None else backlog,
        log=partial(_log, os.getpid()),
    )
    raise_open_files()
    with _terminable():
        try:
            _serve(chosen.make(settings), settings)
        except ListenError as error:
            raise click.ClickException(str(error)) from None
        except KeyboardInterrupt:  # the usual way to end a server
            click.echo("Interrupted", err=True)
            sys.exit(INTERRUPTED)


def _serve(server: Server, settings: Settings) -> None:
    try:
        for host, port in server.addresses:
            where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            settings.log(f"Listening on {where}: {settings.describe()}")
        server.serve()
    finally:
        server.close()


def _log(server: int, line: str) -> None:
    # One write per line: threads and children share the stream.
    try:
        _write(line)
    except OutputError:
        time.sleep(0.1)  # the server may still be forking this process: do not interrupt that
        os.kill(server, signal.SIGUSR1)  # only the server's main thread can end it


def _write(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@contextmanager
def _terminable() -> Iterator[None]:
    """While the block runs, exit in order on SIGTERM, and try to write to the output on SIGUSR1."""
    handlers = {signal.SIGTERM: _terminate, signal.SIGUSR1: _try_output}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(0)


def _try_output(_signal: int, _frame: FrameType | None) -> None:
    _write("")
