"""Files for results.

Whether a file can be written is checked before anything runs. The file is replaced as a whole at
the end: if the run fails, the old content stays.
"""

import os
import re
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import click

from .later import later

_STDOUT = frozenset({"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"})
_DESCRIPTORS = re.compile(r"/dev/fd|/proc/(self|[0-9]+)(/task/[0-9]+)?/fd")


class OutputFile:
    """A file for a result; ``-`` and ``/dev/stdout`` are standard output."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_stdout = name in _STDOUT
        self._is_descriptor = (
            _DESCRIPTORS.fullmatch(os.path.realpath(Path(name).parent)) is not None
        )
        # A link is followed: its target is replaced, not the link. The link of a descriptor, such
        # as bash's >(command), has no target that could be replaced.
        special = self._is_descriptor or (Path(name).exists() and not Path(name).is_file())
        self.path = Path(name if special else os.path.realpath(name))

    def check(self) -> None:
        """Raise OSError if the file cannot be written. Its content is left as it is."""
        if self.is_stdout:
            return
        if self._is_replaced():
            with tempfile.NamedTemporaryFile(dir=self.path.parent, prefix=".twistecho-"):
                pass
        if self.path.exists():
            if self.path.is_dir():
                raise IsADirectoryError("Is a directory")
            if not os.access(self.path, os.W_OK):
                raise PermissionError("Permission denied")

    def _is_replaced(self) -> bool:
        """Return whether it is, or will be, a regular file in a folder where files can be made."""
        if self._is_descriptor:
            return False
        if self.path.exists():
            return self.path.is_file() and os.access(self.path.parent, os.W_OK)
        return True

    def write(self, content: str | bytes) -> None:
        """Write all of it. Raises OSError."""
        data = content.encode() if isinstance(content, str) else content
        if self.is_stdout:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        else:
            self.fill(lambda path: Path(path).write_bytes(data))

    def fill(self, write: Callable[[str], object]) -> None:
        """Call ``write`` with the path at which it is to write the file. Raises OSError.

        The path has the suffix of the final file.
        """
        if not self._is_replaced():
            write(str(self.path))
            return
        handle, made = tempfile.mkstemp(self.path.suffix, ".twistecho-", self.path.parent)
        os.close(handle)
        try:
            write(made)
            Path(made).chmod(self._mode())
            Path(made).replace(self.path)
        except BaseException:
            with suppress(FileNotFoundError):
                Path(made).unlink()
            raise

    def append(self, text: str) -> None:
        """Append a text, after a line break if the file has content. Raises OSError.

        If the text does not fit on the disk, the file keeps its old content.
        """
        if self.is_stdout or (self.path.exists() and not self.path.is_file()):
            self.write(text)
            return
        with self.path.open("ab", buffering=0) as file:
            before = file.tell()
            try:
                data = ("\n" * bool(before) + text).encode()
                while data:
                    data = data[file.write(data) or 0 :]
            except OSError:
                file.truncate(before)
                raise

    def _mode(self) -> int:
        """Return the permissions of the existing file, or those of a new one."""
        try:
            return self.path.stat().st_mode & 0o7777
        except FileNotFoundError:
            mask = os.umask(0)
            os.umask(mask)
            return 0o666 & ~mask


def writable(name: str) -> OutputFile:
    """Return a file that can be written. Raises ValueError with a one-line message if it cannot."""
    file = OutputFile(name)
    try:
        file.check()
    except OSError as error:
        raise ValueError(f"{name}: {error.strerror or error}") from None
    return file


_problem_with = later("twistecho.pictures.files:problem_with")


def drawable(name: str) -> str:
    """Return the name of a file of a supported picture format. Raises ValueError for any other."""
    if problem := _problem_with(name):
        raise ValueError(problem)
    return name


def picture(name: str) -> OutputFile:
    """Return a file to draw into. Raises ValueError if it cannot be written or drawn."""
    return writable(drawable(name))


def check_distinct(files: dict[str, OutputFile]) -> None:
    """Fail with a one-line error if two options name the same file; keys are option names."""
    seen: dict[Path | str, str] = {}
    for option, file in files.items():
        # Several options may write to the same device.
        if not file.is_stdout and file.path.exists() and not file.path.is_file():
            continue
        place = "-" if file.is_stdout else file.path
        if place in seen:
            raise click.UsageError(f"--{option}: {file.name} is written by --{seen[place]} too")
        seen[place] = option
