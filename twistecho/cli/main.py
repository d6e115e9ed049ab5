"""The ``twistecho`` command: runs fleets and shows the results.

Exit codes, the first that applies: 130 after Ctrl-C or SIGTERM; 2 for a wrong command line; 3 if
the figures cannot be believed; 1 if a message was not answered right, a requirement was not met or
the engines disagree (for `check` with faults, agreeing is enough); else 0.

Imports are inside `main`, or later still, so that Ctrl-C during an import is handled too.
"""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from twistecho.base.processes import INTERRUPTED, ended_at_once

from .streams import OutputError, flush, prepare_streams, silence

if TYPE_CHECKING:
    import click


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command with ``arguments``, by default those of the process."""
    try:
        try:
            prepare_streams()
            _run(arguments)
        finally:
            flush()
    except KeyboardInterrupt:
        _fail("interrupted", INTERRUPTED)
    except OutputError as error:
        silence()
        if str(error):
            _fail(str(error), 1)
        sys.exit(1)
    sys.exit(0)


def _run(arguments: Sequence[str] | None) -> None:
    with ended_at_once():
        import click  # noqa: PLC0415 - see the module's docstring

        from .commands import twistecho  # noqa: PLC0415 - likewise

    if arguments is None:
        arguments = sys.argv[1:]
    try:
        twistecho.main(args=arguments or ["--help"], standalone_mode=False)
    except click.ClickException as error:
        _fail(_one_line(error), error.exit_code)
    except click.Abort:
        _fail("interrupted", INTERRUPTED)


def _fail(problem: str, code: int) -> NoReturn:
    sys.stderr.write(f"Error: {problem}\n")
    sys.stderr.flush()
    sys.exit(code)


def _one_line(error: "click.ClickException") -> str:
    from twistecho.base.notation import escaped  # noqa: PLC0415 - see the module's docstring

    return escaped(" ".join(error.format_message().split()))
