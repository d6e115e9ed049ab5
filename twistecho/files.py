"""How many files a process may open: as many as the system allows, for every client takes one."""

import resource
from contextlib import suppress


def allow_many_files() -> None:
    """Raise the limit on open files, of this process and its children, as far as permitted."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
