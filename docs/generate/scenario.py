"""The page about the keys of a scenario, in files and over HTTP."""

import json
from collections.abc import Mapping
from typing import Any

from twistecho.service.scenario import document
from twistecho.service.scenario.answers import On
from twistecho.service.scenario.document import written as document_of
from twistecho.service.scenario.document import written_on
from twistecho.service.scenario.scenario import Scenario

from .markdown import code, page, prose, table
from .openapi import described
from .schema import type_of
from .twist_echo import options


def _rows(schema: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[tuple[str, ...]]:
    needed = schema.get("required", [])
    return [
        (
            code(name),
            type_of(field, "control.md"),
            prose(field.get("description", "")),
            "must be given" if name in needed else code(json.dumps(defaults[name])),
        )
        for name, field in schema["properties"].items()
    ]


def option_of(key: str) -> str:
    """Give the option of ``twist echo`` that says the same as a key; "" where there is none."""
    known = {name for option in options() for name in option.names}
    dashed = f"--{key.replace('_', '-')}"
    return next((name for name in (dashed, dashed.removesuffix("s")) if name in known), "")


def written() -> str:
    """Write the page."""
    schemas = described()["components"]["schemas"]
    keys, head = schemas["Scenario"], ("key", "type", "meaning", "default")
    told = _rows(keys, document_of(Scenario()))
    rows = [(*row, code(option_of(row[0].strip("`")))) for row in told]
    summary, _, rest = (document.__doc__ or "").partition("\n\n")
    return page(
        "Keys of a scenario",
        prose(summary),
        "Such a document is the file of `twist echo --scenario`, in TOML or JSON, and the body of "
        "`PUT /scenario` at the [control port](control.md); a `PATCH` has some of its keys.",
        rest.strip("\n"),
        "## The scenario",
        table((*head, "option"), rows),
        "Where `twist echo` is given no seed, it draws a new one, and logs it.",
        "## An answer of `on`",
        prose(schemas["On"]["description"]),
        table(head, _rows(schemas["On"], written_on(On(b"")))),
        label="scenario-keys",
    )
