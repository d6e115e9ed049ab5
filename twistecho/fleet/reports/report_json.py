"""A report as JSON data: written in this schema, read in this one and in an older one."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from twistecho.base.decoding import check_schema
from twistecho.base.notation import FieldError

from .by_stage import StageFound
from .own_share import Shares, marks, own_shares
from .readable import FIGURES, readable, readable_dict

if TYPE_CHECKING:
    from .report import Report

SCHEMA = 3
"""The version of the JSON form; it grows when a reader of the old form would misread it."""

_WITHOUT_OWN_SHARE = 2
"""The version before, without times on the wire and the fleet's own share."""

_YEAR_10000 = 253_402_300_800
"""In seconds since 1970; `datetime` ends before it."""

REPORT_FORM: dict[str, Any] = {
    "schema": int,
    "cpu_seconds": (float | None, None),
    "allowed_lag": (float | None, None),
    "stages": (tuple[StageFound, ...], ()),
}
"""The JSON types of fields where they differ from the report's own types; see `written_as`."""


def report_to_dict(report: "Report") -> dict[str, Any]:
    """Return a report as JSON data; see `Report.to_dict`."""
    told = bare_dict(report)
    return told | {
        "summary": _summary(report),
        "measured": readable_dict(report.measured),
        "stages": [stage.to_readable_dict() for stage in report.stages],
    }


def bare_dict(report: "Report") -> dict[str, Any]:
    """Return only the JSON data that is read of a report; see `Report.to_bare_dict`."""
    return {
        "schema": SCHEMA,
        "engine": report.engine,
        "target": report.target,
        "plan": report.plan.to_dict(),
        "began": report.began,
        "interrupted": report.interrupted,
        "cpu_seconds": report.cpu_seconds,
        "allowed_lag": report.allowed_lag,
        "summary": {},
        "parts": [asdict(part) for part in report.parts],
        "measured": report.measured.to_dict(),
        "stages": [stage.to_dict() for stage in report.stages],
        "outcomes": [outcome.to_dict() for outcome in report.outcomes],
    }


def _summary(report: "Report") -> dict[str, Any]:
    shares = own_shares(report.measured, FIGURES)
    return {
        "answered": report.answered,
        "failed": sum(report.failures.values()),
        "failures": report.failures,
        "interrupted": sum(report.interruptions.values()),
        "messages": report.messages,
        "sent": report.sent,
        "outstanding": report.outstanding,
        "unsent": report.unsent,
        "connects": report.connects,
        "told_apart": report.plan.told_apart,
        "replies_found": {str(reply): each for reply, each in report.replies_found.items()},
        "bytes_sent": report.bytes_sent,
        "bytes_returned": report.bytes_returned,
        "makespan_seconds": report.makespan,
        "latency_seconds": readable(report.measured.latency),
        "own_shares": _shares_to_dict(shares),
        "marked": {
            time: list(marked) for time, marked in marks(shares, report.allowed_lag).items()
        },
        "stages": [stage.summary() for stage in report.by_stage],
    }


def _shares_to_dict(found: Shares) -> dict[str, dict[str, Any]]:
    return {
        time: {figure: asdict(share) for figure, share in shares.items()}
        for time, shares in found.items()
    }


def check_report_schema(data: Any) -> None:
    """Raise ValueError for data that is not of a known schema of a report."""
    if isinstance(data, dict) and "agree" in data:
        raise ValueError("a check of both engines: it contains two reports")
    check_schema(data, SCHEMA, "a report", _WITHOUT_OWN_SHARE)


def check_head(schema: int, began: float) -> None:
    """Raise ValueError for an unknown schema, and for a start after the year 9999."""
    if schema not in (SCHEMA, _WITHOUT_OWN_SHARE):
        raise ValueError(f"schema {schema} is not {SCHEMA}")
    if began >= _YEAR_10000:
        raise FieldError("began", f"{began:g} is after the year 9999")


def check_sums(report: "Report") -> None:
    """Raise FieldError where parts do not add up to the report, or there are too many stages."""
    for name, whole in (("clients", report.plan.clients), ("messages", report.messages)):
        found = sum(getattr(part, name) for part in report.parts)
        if report.parts and found != whole:
            raise FieldError("parts", f"they have {found} {name} together, the report {whole}")
    if len(report.stages) > len(report.plan.stages or ()):
        raise FieldError("stages", "there are more than the plan has")
