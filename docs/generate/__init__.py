"""The reference, written from the code: options, faults, causes, fields, metrics, exit codes.

Each module makes one page, or several, as Markdown. What things mean is taken from where they are
defined: helps, docstrings, the schema of reports and the description of the control port.
"""

from collections.abc import Mapping
from pathlib import Path

from . import (
    all_exit_codes,
    causes,
    commands,
    faults,
    metrics,
    openapi,
    scenario,
    schema,
    texts,
    twist_echo,
)


def pages() -> Mapping[str, str]:
    """Write all pages and parts of pages, by their files' names without the ending."""
    return {
        "twist-echo": twist_echo.written(),
        **commands.written(),
        "faults": faults.written(),
        "causes": causes.written(),
        "scenario": scenario.written(),
        "control": openapi.written(),
        "report": schema.report(),
        "json-lines": schema.json_lines(),
        "metrics": metrics.written(),
        "exit-codes": all_exit_codes.written(),
        **{f"texts/{name}": text for name, text in texts.written().items()},
    }


def write_reference(folder: Path) -> None:
    """Write all pages into a folder; other pages there go, and equal ones stay untouched."""
    made = {folder / f"{name}.md": text for name, text in pages().items()}
    for old in set(folder.rglob("*.md")) - made.keys():
        old.unlink()
    for file, text in made.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
