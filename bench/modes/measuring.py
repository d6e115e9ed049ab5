"""Measuring the modes, compared with the first of their part or an older version; exit codes."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.programs import Programs
from bench.sides import both_sides, commit_named, ending_in_order

from . import rounds as measured
from . import table as tables
from .catalogue import Part, chosen


def measure_modes(
    patterns: Sequence[str], rounds: int, against: str | None, file: Path | None
) -> int:
    """Measure the named modes, print the table, write it to a JSON file; return the exit code.

    It is 1 if a mode is slower than in the older version. Raises ValueError for unknown names,
    SystemExit with one line if a mode cannot be run.
    """
    parts = chosen(patterns, with_first=against is None)
    try:
        if against is None:
            table, found = _beside_first(parts, rounds)
        else:
            against = commit_named(against)
            table, found = _beside_old(parts, rounds, against)
    except RuntimeError as error:
        raise SystemExit(f"a mode cannot be measured: {error}") from None
    if not table:
        raise SystemExit("none of the named modes measures this project")
    print("\n".join(tables.lines(table, against and against[:10])))
    if file is not None:
        figures = {"against": against, "modes": tables.to_json(table, found)}
        file.write_text(json.dumps(figures, indent=1) + "\n")
    return int(bool(tables.slower(table)))


def _beside_first(parts: Sequence[Part], rounds: int) -> tuple[tables.Table, measured.Found]:
    with ending_in_order(), tempfile.TemporaryDirectory() as folder:
        found = measured.beside_first(Programs(Path(folder)), parts, rounds)
    return tables.beside_first(parts, found), found


def _beside_old(
    parts: Sequence[Part], rounds: int, commit: str
) -> tuple[tables.Table, measured.Found]:
    with ending_in_order(), both_sides(commit) as sides:
        found = measured.beside_old(sides, parts, rounds)
    return tables.beside_old(parts, found), found
