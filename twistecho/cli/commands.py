"""All commands of ``twistecho`` in one group; each is imported when it is used.

What the group itself shows of them, its help and the names that a shell completes, is in a table,
so that nobody waits for commands that are not run. A command's own module holds its options alone;
the module that carries it out is imported when they make sense.
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
"""The module of each command, and its name there."""

SHORT_HELPS = {
    "ab": "Say whether target B is slower than target A, by measuring them in turn.",
    "check": "Run the same plan with both engines against the same server, and compare what they "
             "found.",
    "compare": "Run the same clients against each design of server, and show how long each client "
               "waits.",
    "diff": "Say whether run B was slower than run A, from the files of their --json.",
    "find": "Find the highest rate that TARGET sustains while every requirement is met.",
    "fleet": "Run clients against TARGET and check every byte that comes back.",
    "report": "Show, judge and merge what fleets found, from the files of their --json.",
    "scenario": "Scenarios: what `twist echo --scenario` does to messages.",
    "serve": "Serve as the notebook's servers do, and log what they log.",
}  # fmt: skip
"""The first sentence of each command's help."""


def short_help(name: str, width: int = 45) -> str:
    """Give as much of a command's first sentence as click has room for."""
    return click.Command(name, help=SHORT_HELPS[name]).get_short_help_str(width)


class _Commands(MutableMapping[str, click.Command]):
    """Commands by name. Getting one imports it; their names alone import nothing."""

    def __getitem__(self, name: str) -> click.Command:
        """Import a command. Raises KeyError where there is none of that name."""
        command: click.Command = imported(_PLACES[name])
        return command

    def __contains__(self, name: object) -> bool:
        return name in _PLACES

    def __iter__(self) -> Iterator[str]:
        return iter(_PLACES)

    def __len__(self) -> int:
        return len(_PLACES)

    def __setitem__(self, name: str, _command: click.Command) -> NoReturn:
        """Refuse. Raises TypeError."""
        raise TypeError(f"{name}: commands are added to the table")

    def __delitem__(self, name: str) -> NoReturn:
        """Refuse. Raises TypeError."""
        raise TypeError(f"{name}: commands are removed from the table")


class _Group(click.Group):
    """Tells of its commands what is in the table.

    It ends with one line after Ctrl-C; click would put an empty one before it.
    """

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Give a command, or None where there is none of that name.

        A KeyError of its import is an error, and not a name that is unknown, as click takes it for.
        """
        if cmd_name not in _PLACES:
            return None
        return self.commands[cmd_name]

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command. Raises Abort where it was interrupted."""
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
    help="Fleets of echo clients that prove what came back. The service itself is `twist echo`.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(VERSION)
def twistecho() -> None:
    """Do nothing but what the command says."""
