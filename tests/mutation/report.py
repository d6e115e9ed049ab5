"""Which changes are tried, and which survivors are known to be harmless."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .mutants import Mutant

FILE = Path(__file__).with_name("harmless.toml")

Key = tuple[str, str, str, str]


@dataclass(frozen=True)
class Known:
    """The content of harmless.toml: the reasons, and the least share of branches taken."""

    reasons: dict[Key, str]
    branches: float

    def stale(self, mutants: Iterable[Mutant]) -> list[Key]:
        """Return the entries that no change of today's code matches."""
        there = {mutant.key for mutant in mutants}
        return [key for key in self.reasons if key not in there]


def known() -> Known:
    """Read harmless.toml. Raises ValueError if an entry has no reason, or is there twice."""
    read = tomllib.loads(FILE.read_text(encoding="utf-8"))
    reasons: dict[Key, str] = {}
    for entry in read["harmless"]:
        key = (f"twistecho/{entry['module']}", entry["in"], entry["before"], entry["after"])
        if not entry["reason"].strip() or key in reasons:
            raise ValueError(f"harmless.toml: entry without a reason, or repeated: {key}")
        reasons[key] = entry["reason"]
    return Known(reasons, read["branches"])


def sample(mutants: Iterable[Mutant], number: int, seed: int) -> list[Mutant]:
    """Draw ``number`` changes; a change of the code affects only the drawn changes in it."""
    return sorted(mutants, key=lambda mutant: (mutant.rank(seed), mutant.number))[:number]


def in_harmless_toml(mutant: Mutant) -> str:
    """Return a change as an entry for harmless.toml."""
    module = mutant.path.removeprefix("twistecho/")
    return "\n".join((
        f"# {mutant.path}:{mutant.lines[0]}",
        "[[harmless]]",
        f"module = '{module}'",
        f"in = '{mutant.where}'",
        f"before = '''{mutant.before}'''",
        f"after = '''{mutant.after}'''",
        "reason = ''",
    ))  # fmt: skip
