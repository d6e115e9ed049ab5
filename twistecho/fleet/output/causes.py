"""Causes of failure in words: their names, their meanings, and remedies."""

from twistecho.fleet.reports.advice import advice, disagreement_about_replies
from twistecho.fleet.reports.report import Report

from .words import count

REASONS = {
    "refused": "nothing listens there",
    "certificate": "the server's certificate is not trusted: see --ca, --server-name, --insecure",
    "tls": "the peer did not speak TLS, or no version of it in common",
    "protocol-error": "the class of --protocol raised an exception, or returned a wrong value",
    "timeout": "nothing arrived in time",
    "reset": "the peer reset the connection",
    "closed": "the peer closed the connection before it had answered",
    "broken-pipe": "the peer had closed the connection already",
    "mismatch": "a reply did not match its message",
    "extra": "more bytes arrived than expected",
    "no-address": "the host's name has no address",
    "unreachable": "there is no route to the target",
    "too-many-files": "this process may open no more files",
    "no-local-port": "no local port was free: closed connections keep theirs for a minute; "
    "more source addresses, --source, have more",
    "address-family": "the source address, or this machine, lacks the IP version of the target",
    "no-thread": "the system allows no more threads",
    "interrupted": "the run was ended early",
    "denied": "the system does not permit it",
    "no-such-socket": "there is no such socket",
}
"""The meaning of each reason, for people."""

_HAPPENED = {
    "refused": "refused",
    "timeout": "timed out",
    "reset": "reset by peer",
    "closed": "closed by peer",
    "broken-pipe": "broken pipe",
    "mismatch": "wrong reply",
    "extra": "too many bytes",
}


def cause_name(cause: str) -> str:
    """Return the usual name of a cause, ``phase:reason``: ``receive: reset by peer``."""
    phase, _, reason = cause.partition(":")
    return f"{phase}: {_HAPPENED.get(reason, reason)}"


def meaning_of(cause: str) -> str:
    """Return the meaning of a cause, ``phase:reason``; empty if its reason has none."""
    return REASONS.get(cause.partition(":")[2], "")


def failure_lines(report: Report) -> list[str]:
    """Return the causes of failure, the most frequent first, with their meanings."""
    lines = []
    for cause, clients in report.failures.items():
        meaning = meaning_of(cause)
        lines.append(
            f"{count(clients, 'client')} failed: {cause}" + (f", {meaning}" * bool(meaning))
        )
    return lines


def explanation_lines(report: Report) -> list[str]:
    """Return what clients disagree about, and remedies if all of them failed alike."""
    return [*disagreement_about_replies(report), *advice(report)]
