"""Programs that tests need: if one is missing a test is skipped, but fails in CI."""

import os
import shutil
from typing import NoReturn
from unittest import SkipTest


def program(name: str, package: str) -> str:
    """Return the path of a program. Raises SkipTest if it is not installed."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if path is None:
        missing(f"{name} (Debian package {package})")
    return path


def missing(what: str) -> NoReturn:
    """Skip the test, since something is missing. Raises SkipTest; in CI, AssertionError."""
    if os.environ.get("CI") == "true":
        raise AssertionError(f"missing in CI: {what}")
    raise SkipTest(f"missing here: {what}")
