"""``twistecho check``: its options. What it does is in `run_check`."""

from typing import Any

import click

from twistecho.service.scenario.delay_per import DelayPer

from .later import later
from .load_options import paired_load_options
from .plan_options import plan_options, protocol_option
from .service_options import delay_options, fault_options
from .target_options import TARGET_TYPE, target_options

_HELP = """Run the same plan with both engines against the same server, and compare what they found.

Without TARGET the command starts the service on a free port, in a process of its own, with the
given delay and faults; where these are random it starts the service anew for each engine, so that
both meet the same. With TARGET, that server has its own delay and faults. Clients connect in
order. TARGET is written as for twistecho fleet.

Exit codes: 0 both engines were answered alike and right (with --fault, alike is enough); 1 they
were not; 2 wrong command; 3 the figures cannot be believed (INVALID); 130 after Ctrl-C.
"""


@click.command(help=_HELP)
@click.argument("target", type=TARGET_TYPE, required=False)
@plan_options
@protocol_option
@target_options
@paired_load_options
@delay_options("0", DelayPer.REPLY)
@fault_options
def check(**options: Any) -> None:
    """Carry out `twistecho check`, and end the process."""
    later(".run_check:check")(**options)
