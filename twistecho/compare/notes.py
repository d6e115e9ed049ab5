"""Notes below the tables of a comparison, which explain words and signs in the tables."""

from twistecho.fleet.output.causes import cause_name, meaning_of

from .comparison import Comparison, Run, causes


def notes(comparison: Comparison) -> list[str]:
    """Return one line for each word or sign in the tables that needs an explanation."""
    lines = []
    if not all(run.cost for run in comparison.runs):
        lines.append(
            "?: not measured: the system did not show the server's process (/proc), or not for "
            "long enough."
        )
    if any(run.connects_retried for run in comparison.runs):
        lines.append(
            "connect retried: the server's queue was full and nothing answered the client's SYN; "
            "the system sent it again, a second or more later."
        )
    for cause in causes(comparison.runs):
        meaning = meaning_of(cause)
        lines += [f"{cause_name(cause)} ({cause}): {meaning}."] if meaning else []
    for name in dict.fromkeys(run.design for run in comparison.runs if _misread(comparison, run)):
        lines.append(f"{name}: --server-reply sets the format in which it must reply.")
    for run in comparison.runs:
        if run.server_ended:
            name = f"{comparison.name(run)}, {run.clients:,} clients"
            lines.append(f"{name}: the server ended during the run: {run.server_ended}.")
    return lines


def _misread(comparison: Comparison, run: Run) -> bool:
    """Return whether one of the user's own servers gave wrong replies."""
    return "receive:mismatch" in run.report.failures and comparison.is_own(run)
