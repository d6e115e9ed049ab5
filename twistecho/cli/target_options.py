"""The options for the target of the clients, and for TLS."""

from collections.abc import Callable

import click

from .later import later
from .option_types import Command, Parsed, adding

TARGET_TYPE = Parsed("target", later("twistecho.fleet.plans.target:parse_target"))
"""``port``, ``host:port``, ``unix:path`` or a client endpoint description."""

target_options: Callable[[Command], Command] = adding([
    click.option("--ca", metavar="FILE", help="Trust the certificate authorities in FILE, for a "
                                              "tls: target."),
    click.option("--server-name", metavar="NAME",
                 help="Name that a tls: target's certificate must have.  [default: the target's "
                      "host]"),
    click.option("--insecure", is_flag=True, help="Do not verify a tls: target's certificate."),
])  # fmt: skip
"""Adds the TLS options."""
