"""A page for each command of ``twistecho``: how it is called, what it does, and its options."""

from collections.abc import Iterator, Mapping

import click

from twistecho.cli.commands import twistecho

from .exit_codes import codes_table, exit_codes_of
from .markdown import block, code, directive, page, paragraphs, prose
from .option import Option

GROUP = "twistecho"


def contexts(
    group: click.Group = twistecho, above: click.Context | None = None
) -> Iterator[click.Context]:
    """Give all commands, those of groups within the group too, each as called by its name."""
    name = group.name or GROUP
    settings = dict(group.context_settings)
    here = click.Context(group, info_name=name, parent=above, **settings)
    for each in group.list_commands(here):
        command = group.get_command(here, each)
        if isinstance(command, click.Group):
            yield from contexts(command, here)
        elif command is not None:
            yield click.Context(command, info_name=each, parent=here)


def options(context: click.Context) -> Iterator[Option]:
    """Give a command's options in the order of its help."""
    for param in context.command.get_params(context):
        if isinstance(param, click.Option):
            yield Option.of_help(
                (*param.opts, *param.secondary_opts),
                "" if param.is_flag else param.make_metavar(context),
                param.help or "",
                _default(param, context),
            )


def _default(param: click.Option, context: click.Context) -> str:
    return str(param.get_help_extra(context).get("default", ""))


def described(context: click.Context) -> str:
    """Write the page of one command."""
    pieces = " ".join(context.command.collect_usage_pieces(context))
    told, codes = exit_codes_of(context.command.help or "")
    return page(
        code(context.command_path),
        block("text", f"{context.command_path} {pieces}"),
        *(prose(part) for part in paragraphs(told)),
        "## Options",
        directive("program", context.command_path),
        *(option.described() for option in options(context)),
        "## Exit codes",
        codes_table(codes),
        label=file_of(context),
    )


def file_of(context: click.Context) -> str:
    """Name the file of a command's page, without its ending."""
    return context.command_path.replace(" ", "-")


def written() -> Mapping[str, str]:
    """Write the pages of all commands, by their files' names."""
    return {file_of(context): described(context) for context in contexts()}
