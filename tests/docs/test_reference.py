"""The reference that is written from the code names everything that there is."""

import re
import tempfile
from functools import cache
from pathlib import Path
from typing import Any
from unittest import TestCase

import click
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.registry import Collector
from twisted.internet.task import Clock

import docs.generate
from docs.generate import all_exit_codes, commands, faults, option, texts, write_reference
from docs.generate.exit_codes import exit_codes_of
from docs.generate.openapi import described as control_description
from docs.generate.schema import described as report_schema
from tests.support import DOCS
from twistecho.base.processes import INTERRUPTED
from twistecho.cli.commands import SHORT_HELPS
from twistecho.fleet.output.metrics import FleetCollector
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.stages import parse_rates
from twistecho.fleet.reports.outcome import REASONS, Phase
from twistecho.fleet.reports.verdict import INVALID
from twistecho.service.echo.factory import EchoFactory
from twistecho.service.process.metrics import EchoCollector
from twistecho.service.process.options import Options
from twistecho.service.scenario.document import ON_KEYS, read_scenario
from twistecho.service.scenario.fault import Kind
from twistecho.service.scenario.fault_options import MATCHING, parsers_of
from twistecho.service.scenario.fields import FIELDS
from twistecho.service.workers.metrics import WorkersCollector

FOUND_OUT = {0, 1, 2, INTERRUPTED}
JUDGED = FOUND_OUT | {INVALID}
EXIT_CODES = {
    "twist echo": {1, 2, 130, 143},
    "twistecho ab": JUDGED,
    "twistecho check": JUDGED,
    "twistecho compare": FOUND_OUT,
    "twistecho diff": JUDGED,
    "twistecho find": JUDGED,
    "twistecho fleet": JUDGED,
    "twistecho report": JUDGED,
    "twistecho scenario check": {0, 2, INTERRUPTED},
    "twistecho serve": FOUND_OUT,
}


@cache
def pages() -> dict[str, str]:
    """Write all pages, once."""
    return dict(docs.generate.pages())


def first_cells(page: str) -> set[str]:
    """Give what stands as code in the first cells of a page's tables."""
    return set(re.findall(r"^\| `([^`]+)` \|", pages()[page], re.MULTILINE))


def options_on(page: str) -> set[str]:
    """Give the names of all options that a page describes."""
    heads = re.findall(r"^:::\{option\} (.+)$", pages()[page], re.MULTILINE)
    return {
        name
        for head in heads
        for name in re.findall(r"(?<!\S)--?[a-z][a-z-]*", head, re.IGNORECASE)
    }


class OptionsTests(TestCase):
    """Options, with their defaults."""

    def test_every_option_that_the_help_of_twist_echo_shows_is_there(self) -> None:
        """The long ones, and the short ones."""
        shown = re.findall(r"^ +(?:(-\w), )?(--[a-z-]+)", Options().getUsage(), re.MULTILINE)
        names = {name for pair in shown for name in pair if name}
        assert len(names) > 30
        assert options_on("twist-echo") == names

    def test_every_option_of_every_command_is_there(self) -> None:
        """Flags that have a negative are there by both names."""
        contexts = list(commands.contexts())
        assert {context.command_path.split()[1] for context in contexts} == set(SHORT_HELPS)
        for context in contexts:
            with self.subTest(context.command_path):
                params = context.command.get_params(context)
                options = [param for param in params if isinstance(param, click.Option)]
                names = {name for each in options for name in (*each.opts, *each.secondary_opts)}
                assert options_on(commands.file_of(context)) == names

    def test_a_default_is_shown_whether_the_parser_or_the_help_names_it(self) -> None:
        """It is not in the text besides."""
        for page, head, default in (
            ("twist-echo", "--port, -p VALUE", "5000"),
            ("twist-echo", "--host VALUE", "127.0.0.1"),
            ("twist-echo", "--max-connections VALUE", str(Options()["max-connections"])),
            ("twistecho-fleet", "--timeout, -t TIME", "30s"),
            ("twistecho-fleet", "--ramp N", "all at once"),
        ):
            with self.subTest(page=page, head=head):
                begin = f":::{{option}} {head}\n"
                body = pages()[page].partition(begin)[2].partition("\n:::")[0]
                assert body.endswith(f"Default: `{default}`")
                assert "[default" not in body

    def test_a_default_is_taken_out_of_a_help(self) -> None:
        """The text around it stays."""
        made = option.Option.of_help(("--x",), "N", "How many.  [default: all of them]")
        assert (made.meaning, made.default) == ("How many.", "all of them")


class FaultsTests(TestCase):
    """Kinds of fault."""

    def test_every_kind_has_a_meaning(self) -> None:
        """Each is taken from the docstring that defines the notation."""
        meanings = faults.meanings()
        assert set(meanings) == {str(kind) for kind in Kind}
        assert all(meanings.values())
        assert {str(kind) for kind in Kind} <= first_cells("faults")

    def test_every_option_of_a_kind_stands_beside_it(self) -> None:
        """Its own in its row; the conditions have a table, which names the kinds."""
        rows = pages()["faults"].splitlines()
        for kind in Kind:
            row = next(row for row in rows if row.startswith(f"| `{kind}` |"))
            every = {*parsers_of(kind, scheduled=True), *["match"] * (kind in MATCHING)}
            for name in every:
                with self.subTest(kind=str(kind), option=name):
                    condition = next((row for row in rows if row.startswith(f"| `{name}` |")), "")
                    assert f"`{name}`: " in row or f"`{kind}`" in condition


class CausesTests(TestCase):
    """Causes of failure."""

    def test_every_phase_and_every_reason_is_there(self) -> None:
        """Those with a meaning are in the table."""
        for name in (*Phase, *REASONS):
            assert f"`{name}`" in pages()["causes"], name
        assert {"refused", "mismatch", "extra", "timeout"} <= first_cells("causes")

    def test_every_cause_that_the_page_about_faults_explains_is_there_whole(self) -> None:
        """So whoever searches for one finds it."""
        text = (DOCS / "faults.md").read_text(encoding="utf-8")
        explained = re.findall(
            r"^\| `((?:connect|send|receive|close):[a-z-]+)`", text, re.MULTILINE
        )
        assert len(explained) > 10
        assert [cause for cause in explained if f"`{cause}`" not in pages()["causes"]] == []


def names_in(schema: Any) -> set[str]:
    """Give the names of all fields that a schema describes, at any depth."""
    inside = schema.values() if isinstance(schema, dict) else schema
    names = {name for each in inside if isinstance(each, dict | list) for name in names_in(each)}
    return names | set(schema.get("properties", {}) if isinstance(schema, dict) else ())


class FieldsTests(TestCase):
    """Fields of JSON documents."""

    def test_every_field_of_the_report_is_there(self) -> None:
        """At any depth."""
        schema = report_schema()
        del schema["$defs"]["line"]
        for name in names_in(schema):
            assert f"`{name}`" in pages()["report"], name

    def test_every_field_of_a_line_is_there(self) -> None:
        """And those of its figures."""
        defined = report_schema()["$defs"]
        assert names_in([defined["line"], defined["figures"]]) <= first_cells("json-lines")

    def test_every_key_of_a_scenario_is_there(self) -> None:
        """Those of an answer, too."""
        assert {*FIELDS, "seed", *ON_KEYS} <= first_cells("scenario")

    def test_the_default_of_a_key_is_what_a_missing_one_means(self) -> None:
        """An example of each table."""
        assert read_scenario({}).reply == "stamped"
        assert re.search(
            r"^\| `reply` \|.*\| `\"stamped\"` \| `--reply` \|$", pages()["scenario"], re.MULTILINE
        )

    def test_every_request_of_the_control_port_is_there(self) -> None:
        """And the types of what they hold."""
        described = control_description()
        heads = set(re.findall(r"^###? `?([^`\n]+)`?$", pages()["control"], re.MULTILINE))
        requests = {
            f"{method.upper()} {path}"
            for path, all_ in described["paths"].items()
            for method in all_
        }
        assert requests | set(described["components"]["schemas"]) <= heads


def scraped(collector: Collector) -> set[str]:
    """Give the names of what Prometheus is told."""
    registry = CollectorRegistry()
    registry.register(collector)
    found = re.findall(r"^# TYPE (\S+) ", generate_latest(registry).decode(), re.MULTILINE)
    return {name for name in found if not name.endswith("_created")}


class MetricsTests(TestCase):
    """Metrics."""

    def test_every_metric_of_a_service_and_of_its_workers_is_there(self) -> None:
        """By the names that Prometheus shows."""
        service = scraped(EchoCollector(EchoFactory(Clock())))
        workers = scraped(WorkersCollector(lambda: (1, 0)))
        assert len(service) > 10
        assert service | workers <= first_cells("metrics")

    def test_every_metric_of_a_fleet_is_there(self) -> None:
        """Those of a closed, an open and a staged load."""
        for plan in (Plan(), Plan(rate=1.0), Plan(rate=parse_rates("1:1s,2:1s"))):
            assert scraped(FleetCollector(plan)) <= first_cells("metrics")

    def test_labels_are_named(self) -> None:
        """They are known from samples alone."""
        assert "| `twistecho_faults_total` | counter | `kind` |" in pages()["metrics"]
        assert (
            "| `twistecho_fleet_clients_failed_total` | counter | `cause` |" in pages()["metrics"]
        )


class ExitCodesTests(TestCase):
    """Exit codes."""

    def test_every_command_has_its_codes(self) -> None:
        """And on a page of all of them."""
        found = {
            command: {int(number) for number, _ in codes}
            for command, _, codes in all_exit_codes.by_command()
        }
        assert found == EXIT_CODES
        for command in EXIT_CODES:
            assert f"[`{command}`]" in pages()["exit-codes"]

    def test_a_help_is_divided(self) -> None:
        """A semicolon that no code follows belongs to a meaning."""
        told, codes = exit_codes_of("Do it.\n\nExit codes: 0 done; well; 1 not\ndone.\n\nMore.")
        assert told == "Do it.\n\n\n\nMore."
        assert codes == [("0", "done; well"), ("1", "not done")]

    def test_a_help_without_any_is_refused(self) -> None:
        """So a new command cannot be without."""
        for text in ("Do it.", "Exit codes: none."):
            with self.assertRaises(ValueError):
                exit_codes_of(text)


class FilesTests(TestCase):
    """What is written."""

    def test_old_pages_go_and_equal_ones_stay_untouched(self) -> None:
        """So that Sphinx reads again only what has changed."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_reference(folder)
            old, page, changed = (folder / each for each in ("old.md", "causes.md", "faults.md"))
            old.write_text("# Old")
            changed.write_text("")
            written = page.stat().st_mtime_ns
            write_reference(folder)
            assert not old.exists()
            assert page.stat().st_mtime_ns == written
            assert changed.read_text(encoding="utf-8") == pages()["faults"]

    def test_every_part_is_included_by_a_page(self) -> None:
        """And every page of the reference is in its index."""
        hand = "".join(
            page.read_text(encoding="utf-8")
            for page in DOCS.rglob("*.md")
            if "generated" not in page.parts
        )
        for name in texts.written():
            assert f"generated/texts/{name}.md" in hand, name
        for name in pages():
            if not name.startswith("texts/"):
                assert f"\ngenerated/{name}\n" in hand, name
