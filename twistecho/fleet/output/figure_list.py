"""The figures of a report by name; those without a value are left out."""

from twistecho.base.notation import written
from twistecho.fleet.reports.figures import read
from twistecho.fleet.reports.report import Report

_ALWAYS = {
    "rate": "rate",
    "bytes per second": "byte_rate",
    "makespan": "makespan",
    "clients answered": "answered",
    "clients failed": "failed",
    "messages sent": "sent",
    "messages answered": "messages",
}
_WHERE_ANY = {"messages outstanding": "outstanding", "messages due and not sent": "unsent"}


def figures(report: Report) -> dict[str, str]:
    """Return the figures of a report by name, without the causes of failure."""
    found = {name: str(read(report, figure)) for name, figure in _ALWAYS.items()}
    lost = sum(outcome.failed for outcome in report.outcomes)
    found |= {"messages failed": f"{lost:,}"} if lost else {}
    some = {name: read(report, figure) for name, figure in _WHERE_ANY.items()}
    found |= {name: str(reading) for name, reading in some.items() if reading.value}
    stopped = sum(report.interruptions.values())
    found |= {"clients interrupted": f"{stopped:,}"} if stopped else {}
    found |= {"warm-up messages": f"{report.measured.unmeasured:,}"} if report.plan.warmup else {}
    return found | {
        **format_found(report),
        **_connects(report),
        **told_apart(report),
        **_timed(report),
        **_allowed(report),
        "bytes sent": f"{report.bytes_sent:,}",
        "payload bytes returned": f"{report.bytes_returned:,}",
    }


def format_found(report: Report) -> dict[str, str]:
    """Return the detected format of replies, if the plan had it detected."""
    found = ", ".join(map(str, report.replies_found))
    return {"format of replies": f"{found}, detected"} if found else {}


def told_apart(report: Report) -> dict[str, str]:
    """Return a note if a client would not notice a reply meant for another client."""
    return {"replies told apart": "no"} if report.plan.told_apart is False else {}


def _connects(report: Report) -> dict[str, str]:
    """Return the number of connections, if they are part of the load."""
    if report.plan.reconnect is None:
        return {}
    return {
        "connects": str(read(report, "connects")),
        "connect rate": str(read(report, "connects/s")),
    }


def _timed(report: Report) -> dict[str, str]:
    """Return how many messages the wire times come from."""
    timed = report.measured.timed
    return {"messages timed on the wire": f"{timed:,}"} if timed else {}


def _allowed(report: Report) -> dict[str, str]:
    """Return the allowed lag of the fleet, if the user set one."""
    return {} if report.allowed_lag is None else {"lag allowed": written(report.allowed_lag)}
