"""The JSON Schema of reports describes what is written: every field, of both engines.

What is not named there is passed over by readers, so the schema allows it. Here it is refused.
"""

import json
import tempfile
import unittest
from pathlib import Path
from typing import Any

import jsonschema_rs
from hypothesis import given, settings

from tests.support import MORE
from tests.support.commands import echoing, twistecho_apart
from tests.support.reports import RESET, client, report, sound_reports, timed
from tests.support.stages import staged_report
from twistecho.fleet.output.json_lines import to_json_line
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.merge import merge_reports
from twistecho.fleet.reports.progress import Progress
from twistecho.fleet.reports.report import Report
from twistecho.fleet.reports.report_json import SCHEMA
from twistecho.fleet.reports.second import Second

PATH = Path(__file__).parents[2] / "docs" / f"report-{SCHEMA}.schema.json"
DESCRIBED: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))


def closed(schema: Any) -> Any:
    """Give a schema that allows no field but those that it names."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: closed(value) for name, value in schema.items()}
    if isinstance(schema.get("properties"), dict):
        found["additionalProperties"] = False
    return found


STRICT = closed(DESCRIBED)
REPORT = jsonschema_rs.Draft202012Validator(STRICT)
LINE = jsonschema_rs.Draft202012Validator(
    {"$ref": "#/$defs/line", "$defs": STRICT["$defs"]},
)


def named(schema: Any) -> list[dict[str, Any]]:
    """List all schemas of objects whose fields are named."""
    inside = schema.values() if isinstance(schema, dict) else schema
    nested = [one for each in inside if isinstance(each, dict | list) for one in named(each)]
    own = isinstance(schema, dict) and isinstance(schema.get("properties"), dict)
    return [schema, *nested] if own else nested


class SchemaTests(unittest.TestCase):
    """The schema itself."""

    def test_it_is_a_schema_of_this_version(self) -> None:
        """Its name says so, the file's ``schema`` must, and so must a line's."""
        jsonschema_rs.meta.validate(DESCRIBED)
        for one in (DESCRIBED, DESCRIBED["$defs"]["line"]):
            assert one["properties"]["schema"]["const"] == SCHEMA

    def test_every_field_is_needed_and_says_what_it_is(self) -> None:
        """None is left to be guessed."""
        for one in named(DESCRIBED):
            assert one["required"] == list(one["properties"])
            for name, field in one["properties"].items():
                assert field.get("description") or "$ref" in field, name

    def test_what_a_newer_version_adds_is_allowed(self) -> None:
        """Readers pass it over."""
        data = report(client(0, 1)).to_dict() | {"more": 1}
        jsonschema_rs.Draft202012Validator(DESCRIBED).validate(data)
        assert not REPORT.is_valid(data)


class MadeTests(unittest.TestCase):
    """Reports with everything that there may be in one."""

    @settings(max_examples=20 * MORE, deadline=None)
    @given(sound_reports())
    def test_any_report_is_described(self, found: Report) -> None:
        """As it is read back."""
        REPORT.validate(json.loads(found.to_json()))

    def test_parts_shares_and_marks_are_described(self) -> None:
        """And messages that are no text."""
        plan = Plan(clients=2, messages=(b"\xff" * 10,), protocol="module:Class")
        one = report(client(0, 1), client(1, 0, 1, RESET), plan=plan)
        two = report(client(0, 1), client(1, 1), plan=plan)
        found = merge_reports([one, two], ["one", "two"])
        marked = report(client(0, 3), measured=timed(report(client(0, 3)).measured, own=0.05))
        data = marked.to_dict()
        assert data["summary"]["marked"]
        for each in (found.to_dict(), data):
            REPORT.validate(json.loads(json.dumps(each)))

    def test_stages_are_described(self) -> None:
        """What was found of each, and what of it is repeated for people."""
        data = staged_report(late=3, unsent=2).to_dict()
        assert len(data["stages"]) == len(data["summary"]["stages"]) == 2
        REPORT.validate(json.loads(json.dumps(data)))

    def test_another_schema_is_none(self) -> None:
        """Nor is a field of another type."""
        data = report(client(0, 1)).to_dict()
        assert not REPORT.is_valid(data | {"schema": SCHEMA - 1})
        assert not REPORT.is_valid(data | {"began": "today"})
        del data["measured"]["latency_seconds"]["p99.99"]
        assert not REPORT.is_valid(data)

    def test_lines_are_described(self) -> None:
        """Of a second in which nothing came, too."""
        for second in (Second(0, {}), Second(3, {100: 1}, 1, 10, {"receive:reset": 2})):
            for plan in (Plan(), Plan(rate=5.0), Plan(rate="5:3s,9:1s")):
                LINE.validate(json.loads(to_json_line(second, Progress(4.0), plan)))


class RealTests(unittest.TestCase):
    """What commands write."""

    def test_real_reports_and_lines_are_described(self) -> None:
        """Of both engines and of several processes; a line for each of the report's seconds."""
        with echoing(reply="raw") as target, tempfile.TemporaryDirectory() as folder:
            path, lines = Path(folder, "json"), Path(folder, "lines")
            for how in (("-e", "reactor"), ("-e", "threads"), ("-P", "2")):
                with self.subTest(how=how):
                    twistecho_apart(
                        "fleet", target, "-r", "raw", "-c4", "--rate", "100", "--duration", "1.2s",
                        "--json", str(path), "--json-lines", str(lines), *how,
                    )  # fmt: skip
                    data = json.loads(path.read_text())
                    REPORT.validate(data)
                    told = [json.loads(line) for line in lines.read_text().splitlines()]
                    for line in told:
                        LINE.validate(line)
                    assert [line["start"] for line in told] == [
                        interval["start"] for interval in data["measured"]["intervals"]
                    ]
                    for name in ("answered", "bytes_returned", "connected"):
                        assert sum(line[name] for line in told) == sum(
                            interval[name] for interval in data["measured"]["intervals"]
                        )
