"""``twistecho check``: its options. `run_check` carries it out."""

from typing import Any

import click

from twistecho.service.scenario.delay_per import DelayPer

from .later import later
from .load_options import paired_load_options
from .plan_options import plan_options, protocol_option
from .service_options import delay_options, fault_options
from .target_options import TARGET_TYPE, target_options

_HELP = """Run the same plan with both engines against the same server, and compare the results.

Without TARGET the command starts the service on a free port, in its own process, with the given
delay and faults. If these are random, the service is restarted for each engine, so that both get
the same delays and faults. With TARGET, that server has its own delay and faults. Clients connect
in order. TARGET is written as for twistecho fleet.

Exit codes: 0 both engines got the same, right replies (with --fault the same is enough); 1 they
did not; 2 wrong command; 3 the figures cannot be believed (INVALID); 130 after Ctrl-C.
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
