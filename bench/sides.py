"""Two versions of the product side by side, each with a Python that imports that version only.

Both environments have the libraries of the running one, and the same programs of `bench.peers`:
they differ only in the product. All files are in one temporary folder, which is deleted at the end,
together with the worktree that git made there.
"""

import shutil
import signal
import site
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from .programs import Programs

ROOT = Path(__file__).resolve().parents[1]
_PLUGIN = Path("twisted", "plugins", "twistecho_plugin.py")
_WHERE = "import twistecho; print(twistecho.__file__)"


def commit_named(name: str) -> str:
    """Return the hash of a commit. Exits with one line if the name is unknown."""
    asked = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"]
    said = _git(*asked, check=False).stdout.strip()
    if not said:
        raise SystemExit(f"{ROOT} has no commit {name!r}")
    return said


@contextmanager
def both_sides(commit: str) -> Iterator[Mapping[str, Programs]]:
    """Yield the programs of the commit, ``old``, and of the current files, ``new``."""
    with tempfile.TemporaryDirectory(prefix="bench-") as made:
        folder = Path(made).resolve()
        (folder / "place").mkdir()
        shutil.copytree(ROOT / "bench", folder / "shared" / "bench", ignore=_leave_out)
        _copy_product(folder / "new")
        with _worktree(commit, folder / "old"):
            yield {side: _programs(folder, side) for side in ("old", "new")}


@contextmanager
def ending_in_order() -> Iterator[None]:
    """Let SIGTERM and SIGHUP run the cleanup of all blocks first, as Ctrl-C does."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number, handler in before.items():
        if handler is signal.SIG_DFL:
            signal.signal(number, lambda received, _frame: sys.exit(128 + received))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_leave_out = shutil.ignore_patterns("__pycache__")


def _copy_product(tree: Path) -> None:
    """Copy the product, so that later changes to its files do not matter."""
    shutil.copytree(ROOT / "twistecho", tree / "twistecho", ignore=_leave_out)
    (tree / _PLUGIN).parent.mkdir(parents=True)
    shutil.copy2(ROOT / _PLUGIN, tree / _PLUGIN)


@contextmanager
def _worktree(commit: str, tree: Path) -> Iterator[None]:
    try:
        _git("worktree", "add", "--detach", "--quiet", str(tree), commit)
        yield
    finally:
        _git("worktree", "remove", "--force", str(tree), check=False)


def _git(*arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, check=check, stdout=subprocess.PIPE, text=True)


def _programs(folder: Path, side: str) -> Programs:
    """Make an environment for one version, and check that it imports that version."""
    home, tree, place = folder / f"python-{side}", folder / side, folder / "place"
    venv.create(home, symlinks=True)
    packages = next(home.glob("lib/python*/site-packages"))
    # The libraries' own .pth files are not read from here, so an editable install has no effect.
    lines = [folder / "shared", tree, *_libraries()]
    (packages / "versions.pth").write_text("".join(f"{line}\n" for line in lines))
    python = str(home / "bin" / "python")
    said = subprocess.run(
        [python, "-c", _WHERE], cwd=place, check=True, stdout=subprocess.PIPE, text=True
    )
    if not Path(said.stdout.strip()).resolve().is_relative_to(tree / "twistecho"):
        raise RuntimeError(f"{python} imports {said.stdout.strip()}, not the version in {tree}")
    return Programs(folder, python, place)


def _libraries() -> list[str]:
    known = [*site.getsitepackages(), site.getusersitepackages()]
    return [each for each in known if each in sys.path]
