"""Programs of the system that tests need: where one is missing its test is skipped, not in CI."""

import os
import shutil
from unittest import SkipTest


def program(name: str, package: str) -> str:
    """Give the path of a program. Raises SkipTest where it is not installed."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if path is not None:
        return path
    if os.environ.get("CI") == "true":
        raise AssertionError(f"{name} (Debian package {package}) has to be installed in CI")
    raise SkipTest(f"{name} (Debian package {package}) is not installed")
