"""How many files the process may open, and how many connections that is good for."""

import resource


def raise_open_files() -> int:
    """Raise the soft limit of open files to the hard one; give the limit that is in force."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (ValueError, OSError):
            return soft  # some systems bound it below the hard limit they tell
    return hard


def room_for_connections(open_files: int) -> int:
    """Say how many connections fit under a limit of open files, leaving some for the rest."""
    if open_files == resource.RLIM_INFINITY:
        return 2**31
    return max(1, open_files - max(16, min(128, open_files // 8)))
