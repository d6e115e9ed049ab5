"""The page about exit codes: all commands beside each other."""

from collections.abc import Iterator

import twistecho.cli.main
from twistecho.service.process.options import Options

from .commands import contexts, file_of
from .exit_codes import exit_codes_of
from .markdown import code, page, paragraphs, prose, table
from .twist_echo import PROGRAM


def by_command() -> Iterator[tuple[str, str, list[tuple[str, str]]]]:
    """Give each command, the file of its page, and its exit codes with their meanings."""
    for context in contexts():
        yield context.command_path, file_of(context), exit_codes_of(context.command.help or "")[1]
    yield PROGRAM, "twist-echo", exit_codes_of(Options.longdesc)[1]


def written() -> str:
    """Write the page."""
    rows = [
        ("" if at else f"[{code(command)}]({file}.md)", code(number), prose(meaning))
        for command, file, codes in by_command()
        for at, (number, meaning) in enumerate(codes)
    ]
    return page(
        "Exit codes",
        "Of `twistecho`, whichever its command:",
        *(
            prose(part)
            for part in paragraphs(twistecho.cli.main.__doc__ or "")
            if "xit code" in part
        ),
        table(("command", "code", "meaning"), rows),
        label="exit-codes",
    )
