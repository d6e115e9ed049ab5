"""The page about the causes by which failures are counted."""

import errno
import re
from collections import defaultdict
from pathlib import Path

from twistecho.fleet.output.causes import REASONS as MEANINGS
from twistecho.fleet.reports.outcome import REASON_OF_ERRNO, REASONS, Cause, Phase

from .markdown import code, page, prose, table

_DOCS = Path(__file__).parents[1]


def errors_of() -> dict[str, list[str]]:
    """Give the names of the system's errors that stand behind each reason."""
    found = defaultdict(list)
    for number, reason in REASON_OF_ERRNO.items():
        found[reason].append(errno.errorcode[number])
    return found


def usual_causes() -> list[str]:
    """Give the causes that docs/faults.md describes, each with what to do about it."""
    text = (_DOCS / "faults.md").read_text(encoding="utf-8")
    return list(dict.fromkeys(re.findall(rf"\b(?:{'|'.join(Phase)}):[a-z][a-z-]*", text)))


def own_reasons() -> list[str]:
    """Give the reasons that have a name of their own, or a meaning in words."""
    return sorted(set(MEANINGS) | set(REASON_OF_ERRNO.values()))


def plain_errors() -> list[str]:
    """Give the other reasons: the system's errors by their own names, and what has no number."""
    return sorted(REASONS - set(own_reasons()))


def written() -> str:
    """Write the page."""
    errors, usual = errors_of(), usual_causes()
    return page(
        "Causes of failure",
        "A failure is counted by its cause, `phase:reason`: in the table of a run, in `failures` "
        "of the [report](report.md), as the label `cause` of a [metric](metrics.md), and by "
        "requirements such as `--require 'receive:reset < 5'`. Every phase below with every reason "
        "below is a cause that a requirement may name.",
        "## Phases",
        _first_line(Phase) + " It is one of " + ", ".join(map(code, Phase)) + ".",
        "## Reasons",
        _first_line(Cause),
        "What each of the usual causes looks like on the wire, and what to do about it, is in "
        "[Causes](../../faults.md#causes).",
        table(
            ("reason", "meaning", "system errors", "usual causes"),
            [
                (
                    code(reason),
                    prose(MEANINGS.get(reason, "")),
                    ", ".join(map(code, errors.get(reason, []))),
                    ", ".join(code(cause) for cause in usual if cause.endswith(f":{reason}")),
                )
                for reason in own_reasons()
            ],
        ),
        "## Reasons without a word of their own",
        "Another error of the system is named by its symbol in lower case, and an error without a "
        "number is `error`:",
        ", ".join(map(code, plain_errors())) + ".",
        label="causes",
    )


def _first_line(what: type) -> str:
    return prose((what.__doc__ or "").partition("\n\n")[0])
