"""What a command imports before it answers, and what is known of it without importing it."""

import ast
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from unittest import TestCase, mock

import click
import pytest

from tests.support.commands import twistecho as run
from tests.support.stalls import stalled
from twistecho.cli import commands
from twistecho.cli.commands import SHORT_HELPS, short_help, twistecho
from twistecho.designs.catalogue import DESIGNS
from twistecho.designs.names import NAMES

LIBRARIES = {"twisted", "rich", "msgspec", "hdrh", "psutil", "re2", "importlib.metadata"}
"""What takes its time to be imported."""


def loaded_by(*arguments: str) -> set[str]:
    """Run the command in a process of its own; give the names of the modules that it has loaded."""
    code = (
        "import sys\n"
        "from twistecho.cli.main import main\n"
        "try: main(sys.argv[2:])\n"
        "finally: open(sys.argv[1], 'w').write('\\n'.join(sys.modules))"
    )
    with tempfile.TemporaryDirectory() as folder:
        names = Path(folder) / "modules"
        subprocess.run(
            [sys.executable, "-c", code, str(names), *arguments],
            capture_output=True,
            timeout=60,
            check=False,
        )
        return set(names.read_text().split())


def among(loaded: set[str], unwanted: set[str]) -> list[str]:
    """Name the loaded modules that are, or are in, one of those that are unwanted."""
    return sorted(name for name in loaded if any(f"{name}.".startswith(f"{u}.") for u in unwanted))


def places() -> Iterator[tuple[str, str]]:
    """Name what the command imports later: each place, and the module that names it."""
    for path in Path(commands.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                module, _, name = node.value.partition(":")
                if name.isidentifier() and (module.startswith((".", "twistecho."))):
                    yield node.value, path.stem


class ImportTests(TestCase):
    """Seen in new processes."""

    def test_the_version_needs_click_alone(self) -> None:
        """Neither the service nor the fleet, nor any command."""
        loaded = loaded_by("--version")
        assert "twistecho.cli.commands" in loaded
        parts = {"twistecho.service", "twistecho.fleet", "twistecho.cli.fleet"}
        assert among(loaded, LIBRARIES | parts) == []

    def test_help_needs_no_more_than_the_options(self) -> None:
        """Of any command: nothing that carries it out, or reads what options are given."""
        parts = {
            "twistecho.fleet.output",
            "twistecho.fleet.plans.plan",
            "twistecho.fleet.reports.report",
            "twistecho.service.scenario.delay",
            "twistecho.service.scenario.parsing",
        }
        assert "twistecho.cli.report" in loaded_by("report", "--help")
        for name in SHORT_HELPS:
            with self.subTest(name):
                loaded = loaded_by(name, "--help")
                assert among(loaded, LIBRARIES | parts) == []
                assert among(loaded, {f"twistecho.cli.run_{name}"}) == []

    def test_a_target_that_is_none_is_refused_before_the_rest_is_imported(self) -> None:
        """Likewise a report that cannot be read: nothing will be shown."""
        for arguments in (("fleet", "nonsense"), ("find", "1", "--rate=0")):
            loaded = loaded_by(*arguments)
            assert "twistecho.cli.main" in loaded
            assert among(loaded, {"twisted", "rich", "hdrh", "twistecho.fleet.output"}) == []
        assert among(loaded_by("report", "/nonexistent"), {"twisted", "rich"}) == []

    def test_what_was_found_before_is_told_without_twisted(self) -> None:
        """Twisted is for those who connect; what writes a file, for those who want it written."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "report.json"
            file.write_text(stalled(seconds=25).to_json())
            loaded = loaded_by("report", str(file))
            assert "twistecho.fleet.output.screen" in loaded
            assert among(loaded, {"twisted", "twistecho.pictures.svg"}) == []
            loaded = loaded_by("diff", str(file), str(file))
            assert "twistecho.fleet.output.comparison" in loaded
            assert among(loaded, {"twisted"}) == []


class TableTests(TestCase):
    """What is known without an import is true."""

    def test_the_version_is_the_one_that_is_installed(self) -> None:
        """Packaging reads the same constant."""
        assert run("--version").out.endswith(f", version {version('twistecho')}\n")

    def test_every_place_exists(self) -> None:
        """Each command, each function that reads an option or carries a command out."""
        found = list(places())
        assert len(found) > 30
        for place, named_in in found:
            with self.subTest(place, named_in=named_in):
                module, _, name = place.partition(":")
                assert callable(getattr(import_module(module, "twistecho.cli"), name))

    def test_short_helps_are_those_of_the_commands(self) -> None:
        """However much room there is."""
        assert list(twistecho.commands) == list(SHORT_HELPS)
        for name, command in twistecho.commands.items():
            assert command.name == name
            for width in (10, 30, 45, 60, 80, 200):
                with self.subTest(name, width=width):
                    assert short_help(name, width) == command.get_short_help_str(width)

    def test_the_list_of_commands_is_click_s(self) -> None:
        """The same as with all of them imported."""
        context = click.Context(twistecho)
        for width in (40, 80, 120):
            ours, theirs = (click.HelpFormatter(width=width) for _ in range(2))
            twistecho.format_commands(context, ours)
            click.Group.format_commands(twistecho, context, theirs)
            assert ours.getvalue() == theirs.getvalue()

    def test_the_names_of_designs_are_those_of_the_catalogue(self) -> None:
        """In the same order: options offer them without importing the servers."""
        assert tuple(DESIGNS) == NAMES

    def test_a_shell_completes_what_click_would(self) -> None:
        """Names with their short helps, and options."""
        context = click.Context(twistecho)
        for begun in ("", "f", "re", "--", "x"):
            ours = twistecho.shell_complete(context, begun)
            theirs = click.Group.shell_complete(twistecho, context, begun)
            assert [(each.value, each.help) for each in ours] == [
                (each.value, each.help) for each in theirs
            ]

    def test_an_import_that_fails_is_no_unknown_command(self) -> None:
        """It is an error of ours, and is seen as such."""
        broken = {"fleet": ".no_such_module:fleet"}
        with mock.patch.dict(commands._PLACES, broken), pytest.raises(ModuleNotFoundError):
            twistecho.main(["fleet", "--help"], standalone_mode=False)
        with (
            mock.patch.object(commands, "imported", side_effect=KeyError("of an import")),
            pytest.raises(KeyError),
        ):
            twistecho.main(["fleet", "--help"], standalone_mode=False)

    def test_the_table_alone_says_which_commands_there_are(self) -> None:
        """One that is added elsewhere would be in no help."""
        with pytest.raises(TypeError, match="fleet"):
            twistecho.add_command(twistecho.commands["fleet"])
        with pytest.raises(TypeError, match="fleet"):
            del twistecho.commands["fleet"]
        assert len(twistecho.commands) == len(SHORT_HELPS)
