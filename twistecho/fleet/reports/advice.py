"""Advice for a run in which all clients failed in the same way, before a right reply.

A few failures are usually the server's. If all clients fail alike, the target is usually not the
expected service: nothing listens there, it speaks TLS or HTTP, or it replies in another format.
"""

from collections.abc import Iterator

from twistecho.base.notation import written
from twistecho.base.reply_formats import PREFIX, STAMPED_HEAD, ReplyFormat
from twistecho.fleet.plans.reply import AUTO

from .outcome import Difference, Phase
from .report import Report

_CONNECTING = {
    "refused": "is the service running, and is this its port?",
    "timeout": "is a firewall in the way? Or allow more time with --timeout",
    "no-address": "is the host name right?",
    "unreachable": "is the address right, and is there a route to it?",
    "no-such-socket": "is the service running, and is this the path of its socket?",
    "tls": "does it speak TLS on this port? If not, omit tls: before the target",
}

_BEGINNINGS = {
    "HTTP/": "that is HTTP, not an echo",
    r"\x15\x03": "that is TLS: put tls: before the target",
    r"\x16\x03": "that is TLS: put tls: before the target",
    "SSH-": "that is an SSH greeting",
    "220": "that is a greeting, such as that of SMTP or FTP",
    "+OK": "that is a greeting, such as that of POP3",
    "* OK": "that is a greeting, such as that of IMAP",
    "-ERR": "that is an error of another protocol, such as Redis",
}
"""Beginnings of replies that are not echoes, as Python writes bytes, and an explanation of each."""

_OTHERS = "For protocols other than echo see --protocol"

_SHOWN = 200  # characters of a text from a file

_LISTED = 5


def advice(report: Report) -> Iterator[str]:
    """Yield a line of advice, with the expected and received bytes, if all clients failed alike."""
    phases = {cause.partition(":")[0] for cause in report.failures}
    if not phases or sum(report.failures.values()) < report.plan.clients:
        return
    known = report.plan.protocol is None
    if phases == {str(Phase.CONNECT)}:
        yield from _of_connecting(report)
    elif known and report.messages and set(report.failures) == {"receive:extra"}:
        yield from _of_bytes(report)
    elif known and not (report.messages or str(Phase.CONNECT) in phases):
        yield from _of_bytes(report) if _first(report) else _of_silence(report)


def _of_connecting(report: Report) -> Iterator[str]:
    reasons = {cause.partition(":")[2] for cause in report.failures}
    if len(reasons) == 1 and (hint := _CONNECTING.get(*reasons)):
        yield f"No client connected to {report.target[:_SHOWN]}: {hint}"


def _first(report: Report) -> Difference | None:
    """Return the first difference between expected and received bytes."""
    found = (outcome.difference for outcome in report.outcomes)
    return next((each for each in found if each is not None), None)


def _of_bytes(report: Report) -> Iterator[str]:
    sample = _first(report)
    if sample is not None:
        expected, came = sample.expected[:_SHOWN], sample.came[:_SHOWN]
        if expected == repr(b""):
            expected = "nothing more" if report.messages else "nothing"
        yield f"Expected {expected}, received {came}: {_kind_of(report, sample)}"


def _kind_of(report: Report, sample: Difference) -> str:
    """Return an explanation of the received bytes, judged by their beginning."""
    text = sample.came[2:]
    for beginning, kind in _BEGINNINGS.items():
        if text.startswith(beginning):
            return f"{kind}. {_OTHERS}"
    if report.plan.reply == AUTO:
        return f"is it an echo service? {_OTHERS}"
    other = _format_of(report, text)
    if other is not None and other is not report.plan.reply:
        return f"that is a {other} reply: --reply {other}, or --reply {AUTO}"
    return f"is it an echo service, and are its replies {report.plan.reply}? Try --reply {AUTO}"


def _format_of(report: Report, text: str) -> ReplyFormat | None:
    for reply, head in ((ReplyFormat.STAMPED, STAMPED_HEAD), (ReplyFormat.PREFIXED, PREFIX)):
        if text.startswith(head.decode()):
            return reply
    sent = repr(report.plan.messages_of(report.plan.first)(0)[:_LISTED])[2:-1]
    return ReplyFormat.RAW if text.startswith(sent) else None


def _of_silence(report: Report) -> Iterator[str]:
    """Yield advice where no wrong byte came, and no whole reply."""
    reasons = {cause.partition(":")[2] for cause in report.failures}
    if len(reasons) != 1:
        return
    begun = any(outcome.first_byte is not None for outcome in report.outcomes)
    came = "only a part of a reply" if begun else "nothing"
    sent = report.plan.messages_of(report.plan.first)(0)
    expected = f"Expected a reply to {Difference.between(sent, b'').expected}, received {came}"
    if reasons == {"timeout"}:
        yield (
            f"{expected} in {written(report.plan.timeout)}: does the service wait for more, such "
            "as the end of a line, or for TLS (tls: before the target)? Or allow more time with "
            "--timeout"
        )
    elif reasons <= {"closed", "reset", "broken-pipe"} and not begun:
        yield f"{expected} before it closed: does it speak TLS (tls: before the target)? {_OTHERS}"


def disagreement_about_replies(report: Report) -> Iterator[str]:
    """Yield a line with the clients that found each format of replies, if the formats differ."""
    found = report.replies_found
    if len(found) < 2:
        return
    told = []
    for reply, clients in found.items():
        numbers = [str(one.client) for one in report.outcomes if one.reply is reply]
        more = ", ..." if clients > _LISTED else ""
        told.append(f"{reply} by {clients:,} (client {', '.join(numbers[:_LISTED])}{more})")
    yield f"The clients found different formats of replies: {'; '.join(told)}"
