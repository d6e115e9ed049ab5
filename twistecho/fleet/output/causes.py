"""Causes of failure in words: what each is called, what it means, and what to try."""

from twistecho.fleet.reports.advice import advice, disagreement_about_replies
from twistecho.fleet.reports.report import Report

from .words import count

REASONS = {
    "refused": "nobody listens there",
    "certificate": "the server's certificate is not to be trusted: --ca, --server-name, --insecure",
    "tls": "what came was not TLS, or not one in common",
    "protocol-error": "the class of --protocol raised an exception, or gave what makes no sense",
    "timeout": "nothing came in time",
    "reset": "the other side reset the connection",
    "closed": "the other side closed before it had answered",
    "broken-pipe": "the other side had closed already",
    "mismatch": "a reply was not what was sent",
    "extra": "more came than was asked for",
    "no-address": "the host's name has no address",
    "unreachable": "no route leads there",
    "too-many-files": "this process may open no more files",
    "no-local-port": "no local port was free: closed connections keep theirs for a minute; "
    "more addresses to connect from, --source, have more",
    "address-family": "the source address, or this machine, has not the IP version of the target",
    "no-thread": "the system gave no more threads",
    "interrupted": "the run was ended early",
    "denied": "the system does not permit it",
    "no-such-socket": "there is no such socket",
}
"""What each reason means, for people."""

_HAPPENED = {
    "refused": "refused",
    "timeout": "timed out",
    "reset": "reset by peer",
    "closed": "closed by peer",
    "broken-pipe": "broken pipe",
    "mismatch": "wrong reply",
    "extra": "too much came",
}


def cause_name(cause: str) -> str:
    """Name a cause, ``phase:reason``, as people do: ``receive: reset by peer``."""
    phase, _, reason = cause.partition(":")
    return f"{phase}: {_HAPPENED.get(reason, reason)}"


def meaning_of(cause: str) -> str:
    """Say what a cause, ``phase:reason``, means; nothing where its reason has no words."""
    return REASONS.get(cause.partition(":")[2], "")


def failure_lines(report: Report) -> list[str]:
    """List the causes of failure, the most frequent first, and what each means."""
    lines = []
    for cause, clients in report.failures.items():
        meaning = meaning_of(cause)
        lines.append(
            f"{count(clients, 'client')} failed: {cause}" + (f", {meaning}" * bool(meaning))
        )
    return lines


def explanation_lines(report: Report) -> list[str]:
    """Say what clients disagree about, and what to try where all of them failed alike."""
    return [*disagreement_about_replies(report), *advice(report)]
