"""JSON Schema as tables: the page about the report, and the one about the lines of a run."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from twistecho.fleet.reports.report_json import SCHEMA

from .markdown import code, page, prose, table

FILE = f"report-{SCHEMA}.schema.json"
_LINE = "line"

Schema = Mapping[str, Any]


def document(file: str) -> dict[str, Any]:
    """Read a JSON file of docs."""
    text = (Path(__file__).parents[1] / file).read_text(encoding="utf-8")
    read: dict[str, Any] = json.loads(text)
    return read


def described() -> dict[str, Any]:
    """Read the schema of reports."""
    return document(FILE)


def type_of(schema: Schema, where: str = "") -> str:
    """Say in Markdown what a value may be; what is defined elsewhere is a link to there.

    Definitions are sections of the page that is named ``where``, or of this one.
    """
    return " or ".join(dict.fromkeys(_types(schema, where)))


def _types(schema: Schema, where: str) -> Iterator[str]:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        yield f"[{name}]({where}#{name.lower()})"
    elif "const" in schema:
        yield code(json.dumps(schema["const"]))
    elif "enum" in schema:
        yield ", ".join(code(json.dumps(value)) for value in schema["enum"])
    elif "anyOf" in schema or "allOf" in schema:
        for each in schema.get("anyOf", []) + schema.get("allOf", []):
            yield from _types(each, where)
    else:
        names = schema.get("type", "any")
        for name in [names] if isinstance(names, str) else names:
            yield _inside(name, schema, where)


def _inside(name: str, schema: Schema, where: str) -> str:
    if name == "array" and "items" in schema:
        return f"list of {type_of(schema['items'], where)}"
    if name == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {type_of(schema['additionalProperties'], where)}"
    if name == "object" and "properties" in schema:
        return "object with " + ", ".join(map(code, schema["properties"]))
    return {"string": "text", "integer": "whole number"}.get(name, name)


def fields(schema: Schema, defined: Schema) -> str:
    """Write a table of the fields of an object; one without a meaning has that of its type."""
    rows = [
        (code(name), type_of(field), prose(_meaning(field, defined)))
        for name, field in schema["properties"].items()
    ]
    return table(("field", "type", "meaning"), rows)


def _meaning(field: Schema, defined: Schema) -> str:
    of_type = defined.get(field.get("$ref", "").rpartition("/")[2], {})
    return str(field.get("description") or of_type.get("description", ""))


def report() -> str:
    """Write the page about the report."""
    whole = described()
    defined = whole["$defs"]
    sections = [part for name in defined if name != _LINE for part in _section(name, defined)]
    return page(
        "The report as JSON",
        prose(whole["description"])
        + f" The same for programs: {{download}}`{FILE} <../../{FILE}>`, a JSON Schema.",
        fields(whole, defined),
        *sections,
        label="report-fields",
    )


def _section(name: str, defined: Schema) -> Iterator[str]:
    yield f"## {name}"
    yield from described_type(defined[name], defined)


def described_type(schema: Schema, defined: Schema) -> Iterator[str]:
    """Give what is said of a type, and its fields where it has any."""
    yield prose(schema.get("description", ""))
    yield fields(schema, defined) if "properties" in schema else f"Type: {type_of(schema)}."


def json_lines() -> str:
    """Write the page about the lines of a run."""
    defined = described()["$defs"]
    line = defined[_LINE]
    return page(
        "One line of JSON per second",
        prose(line["description"])
        + " `twistecho fleet --json-lines FILE` writes them during the run.",
        fields(line, defined),
        *_section("figures", defined),
        label="json-lines",
    )
