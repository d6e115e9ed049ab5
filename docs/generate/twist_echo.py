"""The page about ``twist echo``: its options, as Twisted's parser knows them."""

from collections.abc import Iterator

from twistecho.service.process.options import Options

from .exit_codes import codes_table, exit_codes_of
from .markdown import block, directive, page, prose
from .option import Option

PROGRAM = "twist echo"


def options() -> Iterator[Option]:
    """Give all options, in the order of the parser."""
    parser = Options()
    for long in parser.longOpt:
        name = long.removesuffix("=")
        names = [key for key, of in parser.synonyms.items() if of == name]
        written = sorted((f"-{'-' * (len(key) > 1)}{key}" for key in names), key=len, reverse=True)
        default = parser.defaults.get(name)
        yield Option.of_help(
            tuple(written),
            "VALUE" * long.endswith("="),
            parser.docs[name],
            None if default in (None, 0) and not long.endswith("=") else _text(default),
        )


def _text(default: object) -> str:
    return "" if default is None else str(default)


def written() -> str:
    """Write the page."""
    told, codes = exit_codes_of(Options.longdesc)
    return page(
        f"`{PROGRAM}`",
        block("text", f"{PROGRAM} {Options.synopsis}"),
        prose(told),
        "## Options",
        "Options of `twist` itself, such as `--reactor` and `--log-format`, stand before `echo`.",
        directive("program", PROGRAM),
        *(option.described() for option in options()),
        "## Exit codes",
        codes_table(codes),
        label="twist-echo",
    )
