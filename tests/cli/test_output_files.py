"""Files that results are written to: found unwritable before, written whole at the end."""

import os
import stat
import tempfile
import unittest
from pathlib import Path

import click
import pytest

from twistecho.cli.output_files import OutputFile, check_distinct


class OutputFileTests(unittest.TestCase):
    """A file on disk."""

    def setUp(self) -> None:
        """Have a folder of its own."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def file(self, name: str) -> OutputFile:
        """Return a file in the folder."""
        return OutputFile(str(self.folder / name))

    def listed(self) -> list[str]:
        """List what is in the folder."""
        return sorted(path.name for path in self.folder.iterdir())

    def test_checking_leaves_nothing_and_changes_nothing(self) -> None:
        """Neither a new file nor an old one's text."""
        self.file("new").check()
        assert self.listed() == []
        (self.folder / "old").write_text("old")
        self.file("old").check()
        assert (self.folder / "old").read_text() == "old"

    def test_what_cannot_be_written_is_found(self) -> None:
        """No such folder, a folder itself, a file for a folder."""
        (self.folder / "file").touch()
        for name in ("missing/file", "", "file/file"):
            with self.subTest(name=name), pytest.raises(OSError):
                self.file(name).check()

    def test_it_is_replaced_whole(self) -> None:
        """With the permissions that it had, and nothing beside it."""
        (self.folder / "old").write_text("something longer")
        (self.folder / "old").chmod(0o640)
        self.file("old").write("new")
        assert (self.folder / "old").read_text() == "new"
        assert stat.S_IMODE((self.folder / "old").stat().st_mode) == 0o640
        assert self.listed() == ["old"]

    def test_a_new_one_has_the_permissions_of_any_new_file(self) -> None:
        """What the process's mask leaves."""
        (self.folder / "any").touch()
        self.file("new").write(b"\0")
        modes = [(self.folder / name).stat().st_mode for name in ("any", "new")]
        assert modes[0] == modes[1]

    def test_what_fails_leaves_the_old_one(self) -> None:
        """And nothing beside it; the new one has the suffix of the old one while it is written."""
        (self.folder / "old.png").write_text("old")

        def fail(path: str) -> None:
            assert path.endswith(".png")
            Path(path).write_text("half")
            raise OSError("full")

        with pytest.raises(OSError, match="full"):
            self.file("old.png").fill(fail)
        assert (self.folder / "old.png").read_text() == "old"
        assert self.listed() == ["old.png"]

    def test_a_link_stays_one(self) -> None:
        """What it points to is replaced."""
        (self.folder / "real").write_text("old")
        (self.folder / "link").symlink_to("real")
        self.file("link").write("new")
        assert (self.folder / "link").is_symlink()
        assert (self.folder / "real").read_text() == "new"

    def test_what_is_no_file_of_its_own_is_written_to(self) -> None:
        """A device or a pipe is not replaced."""
        OutputFile(os.devnull).check()
        OutputFile(os.devnull).write("nothing")
        assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)

    def test_a_descriptor_is_written_to(self) -> None:
        """As bash names one for >(command), whose link leads nowhere."""
        out, into = os.pipe()
        self.addCleanup(os.close, out)
        file = OutputFile(f"/dev/fd/{into}")
        file.check()
        file.write("all")
        os.close(into)
        assert os.read(out, 10) == b"all"

    def test_standard_output_has_other_names(self) -> None:
        """A file that it is redirected to is not replaced."""
        assert all(OutputFile(name).is_stdout for name in ("-", "/dev/stdout", "/dev/fd/1"))


class DistinctTests(unittest.TestCase):
    """Two results for one file."""

    def test_the_same_file_twice_is_refused_by_the_option(self) -> None:
        """However it is written."""
        for one, other in (("./a", "a"), ("-", "-")):
            with pytest.raises(click.UsageError, match=r"^--hdr: .* is written by --json too"):
                check_distinct({"json": OutputFile(one), "hdr": OutputFile(other)})

    def test_others_and_devices_are_not(self) -> None:
        """A device takes everything."""
        check_distinct({"json": OutputFile("a"), "hdr": OutputFile("b"), "junit": OutputFile("-")})
        null = OutputFile(os.devnull)
        check_distinct({"json": null, "hdr": null})
