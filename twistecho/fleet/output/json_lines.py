"""One second of a run as a line of JSON: an interval of the report, in readable form.

The form is that of ``line`` in ``docs/report-3.schema.json``. Times are exact to the microsecond;
those of a report are exact to three digits.
"""

import json

from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.reports.histograms import INTERVAL_LENGTH
from twistecho.fleet.reports.progress import Progress, stage_at
from twistecho.fleet.reports.readable import readable_counts
from twistecho.fleet.reports.report_json import SCHEMA
from twistecho.fleet.reports.second import Second


def to_json_line(second: Second, progress: Progress, plan: Plan) -> str:
    """Return a second, and the progress at that time, as JSON without a line end."""
    start = second.number * INTERVAL_LENGTH
    line = {
        "schema": SCHEMA,
        "start": start,
        "warmup": start < progress.measured_from,
        "stage": stage_at(plan, progress, start),
        "rate_asked": plan.rate_at(start - progress.measured_from),
        "connected": second.connected,
        "answered": second.answered,
        "bytes_returned": second.bytes_returned,
        "failures": second.failures,
        "latency_seconds": readable_counts(second.latencies),
        "clients_connected": progress.connected,
        "clients_ended": progress.ended,
    }
    return json.dumps(line, separators=(",", ":"))
