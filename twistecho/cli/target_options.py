"""The options that say whom clients talk to, and whom they trust."""

from collections.abc import Callable

import click

from twistecho.fleet.plans.target import Target, parse_target, secured
from twistecho.fleet.thread_engine.tls_client import context_for

from .option_types import Command, Parsed, adding

TARGET_TYPE = Parsed("target", parse_target)
"""``port``, ``host:port``, ``unix:path`` or a client endpoint description."""

target_options: Callable[[Command], Command] = adding([
    click.option("--ca", metavar="FILE", help="Trust the certificate authorities in FILE, for a "
                                              "tls: target."),
    click.option("--server-name", metavar="NAME",
                 help="Name that a tls: target's certificate must have.  [default: the target's "
                      "host]"),
    click.option("--insecure", is_flag=True, help="Do not verify a tls: target's certificate."),
])  # fmt: skip
"""Adds the options that say whom to trust."""


def secured_target(
    target: Target, *, ca: str | None, server_name: str | None, insecure: bool
) -> Target:
    """Give the target with what the options say of trust, or fail with one line."""
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
