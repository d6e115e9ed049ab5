"""What tests need of the system: where it is missing a test is skipped, but not in CI."""

import os
import shutil
from typing import NoReturn
from unittest import SkipTest


def program(name: str, package: str) -> str:
    """Give the path of a program. Raises SkipTest where it is not installed."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if path is None:
        missing(f"{name} (Debian package {package})")
    return path


def missing(what: str) -> NoReturn:
    """Skip the test, for want of something. Raises SkipTest; in CI, AssertionError."""
    if os.environ.get("CI") == "true":
        raise AssertionError(f"missing in CI: {what}")
    raise SkipTest(f"missing here: {what}")
