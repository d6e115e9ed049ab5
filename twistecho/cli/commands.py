"""All commands of ``twistecho`` in one group; each is imported when it is used.

The group's own help and the names for shell completion come from a table, so that showing them
imports no command. A command's own module holds its options only; the module that carries it out is
imported once the options have been parsed.
"""

from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING, Any, NoReturn

import click

from twistecho.base.version import VERSION

from .later import imported

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_PLACES = {
    "ab": ".ab:ab",
    "check": ".check:check",
    "compare": ".compare:compare",
    "diff": ".diff:diff",
    "find": ".find:find",
    "fleet": ".fleet:fleet",
    "report": ".report:show_reports",
    "scenario": ".scenario:scenario",
    "serve": ".serve:serve",
}
"""The module of each command, and its name in that module."""

SHORT_HELPS = {
    "ab": "Report whether target B is slower than target A, by measuring them in turn.",
    "check": "Run the same plan with both engines against the same server, and compare the "
             "results.",
    "compare": "Run the same clients against each design of server, and show how long each client "
               "waits.",
    "diff": "Report whether run B was slower than run A, from their --json files.",
    "find": "Find the highest rate that TARGET sustains while every requirement is met.",
    "fleet": "Run clients against TARGET and check every byte that comes back.",
    "report": "Show, judge and merge the results of fleets, from their --json files.",
    "scenario": "Scenarios: what `twist echo --scenario` does to messages.",
    "serve": "Run one of the notebook's servers; it logs as the notebook's does.",
}  # fmt: skip
"""The first sentence of each command's help."""


def short_help(name: str, width: int = 45) -> str:
    """Return the beginning of a command's first sentence that fits into click's column."""
    return click.Command(name, help=SHORT_HELPS[name]).get_short_help_str(width)


class _Commands(MutableMapping[str, click.Command]):
    """Commands by name. Reading one imports it; listing the names imports nothing."""

    def __getitem__(self, name: str) -> click.Command:
        """Import a command. Raises KeyError for an unknown name."""
        command: click.Command = imported(_PLACES[name])
        return command

    def __contains__(self, name: object) -> bool:
        return name in _PLACES

    def __iter__(self) -> Iterator[str]:
        return iter(_PLACES)

    def __len__(self) -> int:
        return len(_PLACES)

    def __setitem__(self, name: str, _command: click.Command) -> NoReturn:
        """Raise TypeError: commands are fixed."""
        raise TypeError(f"{name}: commands are added to the table")

    def __delitem__(self, name: str) -> NoReturn:
        """Raise TypeError: commands are fixed."""
        raise TypeError(f"{name}: commands are removed from the table")


class _Group(click.Group):
    """A group that describes its commands from the table, without importing them.

    After Ctrl-C it ends with one line; click alone would print an empty line before it.
    """

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, or None for an unknown name.

        A KeyError raised by importing the command is passed on; click would report it as an unknown
        name.
        """
        if cmd_name not in _PLACES:
            return None
        return self.commands[cmd_name]

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command. Raises Abort after Ctrl-C."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise click.Abort from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands, as click does but without importing them."""
        names = self.list_commands(ctx)
        width = formatter.width - 6 - max(map(len, names))
        with formatter.section("Commands"):
            formatter.write_dl([(name, short_help(name, width)) for name in names])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        """Complete the name of a command, or an option, without importing the commands."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - for shells alone

        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        found = [CompletionItem(name, help=short_help(name)) for name in names]
        return found + click.Command.shell_complete(self, ctx, incomplete)


@click.group(
    cls=_Group,
    commands=_Commands(),
    help="Fleets of echo clients that check every reply. The service itself is `twist echo`.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(VERSION)
def twistecho() -> None:
    """Do nothing here: the command does the work."""
