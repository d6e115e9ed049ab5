"""What is explained below the tables of a comparison: words and signs that do not say it all."""

from twistecho.fleet.output.causes import cause_name, meaning_of

from .comparison import Comparison, Run, causes


def notes(comparison: Comparison) -> list[str]:
    """Explain, in a line each, what the table's words do not say by themselves."""
    lines = []
    if not all(run.cost for run in comparison.runs):
        lines.append(
            "?: not measured, since the system did not show the server's process (/proc), or not "
            "for long enough."
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
        lines.append(f"{name}: --server-reply says in which format its replies are expected.")
    for run in comparison.runs:
        if run.server_ended:
            name = f"{comparison.name(run)}, {run.clients:,} clients"
            lines.append(f"{name}: the server ended in the middle: {run.server_ended}.")
    return lines


def _misread(comparison: Comparison, run: Run) -> bool:
    """Tell whether replies were wrong, of a server of the user's own."""
    return "receive:mismatch" in run.report.failures and comparison.is_own(run)
