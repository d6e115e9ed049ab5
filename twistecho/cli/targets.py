"""The target of the clients, with the TLS options applied."""

import click

from twistecho.fleet.plans.target import Target, secured
from twistecho.fleet.thread_engine.tls_client import context_for


def secured_target(
    target: Target, *, ca: str | None, server_name: str | None, insecure: bool
) -> Target:
    """Return the target with the TLS options applied, or fail with a one-line error."""
    given = {"ca": ca, "server-name": server_name, "insecure": insecure}
    for option, value in given.items():
        if value and not target.tls:
            raise click.UsageError(f"--{option}: {target} is not a tls: target")
    try:
        if any(given.values()):
            target = secured(target, ca=ca, server_name=server_name, insecure=insecure)
        if target.tls:
            context_for(target)
    except ValueError as error:
        raise click.UsageError(f"--{error}") from None
    return target
