"""The page about the requests of the control port, from its description in OpenAPI."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from .markdown import block, code, page, prose, table
from .schema import described_type, document, type_of

FILE = "control.openapi.json"

Described = Mapping[str, Any]


def described() -> dict[str, Any]:
    """Read the description."""
    return document(FILE)


def requests() -> Iterator[tuple[str, str, Described]]:
    """Give each request: its method, its path, and what is said of it."""
    for path, operations in described()["paths"].items():
        for method, operation in operations.items():
            yield method.upper(), path, operation


def written() -> str:
    """Write the page."""
    whole = described()
    return page(
        "Requests of the control port",
        prose(whole["info"]["description"]),
        f"The same for programs: {{download}}`{FILE} <../../{FILE}>`, OpenAPI "
        f"{whole['openapi']}. [Steering](../../operating.md#steering) says who may send them.",
        *(part for request in requests() for part in _request(*request, whole["components"])),
        "## What requests and answers hold",
        *_types(whole["components"]["schemas"]),
        label="control-port",
    )


def _types(defined: Described) -> Iterator[str]:
    for name, schema in defined.items():
        yield f"### {name}"
        yield from described_type(schema, defined)


def _request(method: str, path: str, told: Described, components: Described) -> Iterator[str]:
    yield f"## `{method} {path}`"
    yield prose(told["summary"])
    parameters = told.get("parameters", [])
    if parameters:
        yield table(("parameter", "in", "type", "meaning"), map(_parameter, parameters))
    for kind, content in told.get("requestBody", {}).get("content", {}).items():
        yield f"Body, {code(kind)}: {type_of(content['schema'])}. For example:"
        yield block("json", json.dumps(content["example"], indent=2))
    yield table(("status", "meaning", "body"), _answers(told["responses"], components["responses"]))


def _parameter(told: Described) -> tuple[str, ...]:
    return code(told["name"]), told["in"], type_of(told["schema"]), prose(told["description"])


def _answers(told: Described, shared: Described) -> Iterator[tuple[str, ...]]:
    for status, response in told.items():
        found = shared[response["$ref"].rpartition("/")[2]] if "$ref" in response else response
        content = found.get("content", {})
        bodies = dict.fromkeys(
            type_of(each["schema"]) if "json" in kind else code(kind)
            for kind, each in content.items()
        )
        yield code(status), prose(found["description"]), ", ".join(bodies)
