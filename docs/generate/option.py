"""An option of a command, as a page shows it."""

import re
from dataclasses import dataclass
from typing import Self

from .markdown import code, directive, prose

_DEFAULT = re.compile(r"\s*\[default: (?P<value>[^\]]*)\]")


@dataclass(frozen=True)
class Option:
    """An option: all its names, what it takes ("" for a flag), its help and its default."""

    names: tuple[str, ...]
    value: str
    meaning: str
    default: str

    @classmethod
    def of_help(
        cls, names: tuple[str, ...], value: str, text: str, default: str | None = None
    ) -> Self:
        """Make an option; a default that its help names in brackets is taken from there."""
        named = _DEFAULT.search(text)
        if named:
            text = _DEFAULT.sub("", text)
            default = named["value"]
        return cls(names, value, text.strip(), default or "")

    def described(self) -> str:
        """Write it as Sphinx's directive, which has an anchor and stands in the index."""
        head = ", ".join(self.names) + f" {self.value}" * bool(self.value)
        default = f"\n\nDefault: {code(self.default)}" if self.default else ""
        return directive("option", head, prose(self.meaning) + default)
