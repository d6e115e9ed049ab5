"""An echo service whose replies are late or wrong as asked, and a fleet that checks the replies.

The service and the fleet never import each other. The packages, by layer; a package imports only
packages on layers below its own:

    0  base             shared by service and fleet
    1  eagerreactor     a faster epoll reactor, for any Twisted program
    1  pictures         charts, drawn as SVG or by matplotlib
    2  service fleet    the echo service; the clients and their reports
    3  designs testing  the notebook's servers; services for other projects' tests
    4  compare locust   designs side by side; the fleet on Locust
    5  cli              the command

The modules beside these packages are entry points and may import anything: `tap` (``twist echo``),
`testcase`, `pytest_plugin` and ``__main__``. ``service`` and ``fleet`` have layers of their own.

The names below are the public ones. They are imported when they are first used, so that
the threaded fleet works without Twisted and the factory without the command's libraries.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .base.reply_formats import ReplyFormat
    from .fleet.conversation.expected import ExtraError, MismatchError
    from .fleet.plans.plan import Plan
    from .fleet.plans.stages import Stage, Stages
    from .fleet.reactor_engine.fleet import Fleet
    from .fleet.reports.disagreement import Disagreement
    from .fleet.reports.outcome import Cause, Outcome, Phase
    from .fleet.reports.report import Report
    from .fleet.thread_engine.fleet import run_threads
    from .service.echo.factory import EchoFactory
    from .service.echo.limits import Limits
    from .service.listening.echo_service import EchoService
    from .service.scenario.answers import On
    from .service.scenario.delay import Constant, Delay
    from .service.scenario.delay_per import DelayPer
    from .service.scenario.scenario import Scenario
    from .testing.server import EchoServer

_ROOMS = {
    "Cause": "fleet.reports.outcome",
    "Constant": "service.scenario.delay",
    "Delay": "service.scenario.delay",
    "DelayPer": "service.scenario.delay_per",
    "Disagreement": "fleet.reports.disagreement",
    "EchoFactory": "service.echo.factory",
    "EchoServer": "testing.server",
    "EchoService": "service.listening.echo_service",
    "ExtraError": "fleet.conversation.expected",
    "Fleet": "fleet.reactor_engine.fleet",
    "Limits": "service.echo.limits",
    "MismatchError": "fleet.conversation.expected",
    "On": "service.scenario.answers",
    "Outcome": "fleet.reports.outcome",
    "Phase": "fleet.reports.outcome",
    "Plan": "fleet.plans.plan",
    "ReplyFormat": "base.reply_formats",
    "Report": "fleet.reports.report",
    "Scenario": "service.scenario.scenario",
    "Stage": "fleet.plans.stages",
    "Stages": "fleet.plans.stages",
    "run_threads": "fleet.thread_engine.fleet",
}

__all__ = [
    "Cause",
    "Constant",
    "Delay",
    "DelayPer",
    "Disagreement",
    "EchoFactory",
    "EchoServer",
    "EchoService",
    "ExtraError",
    "Fleet",
    "Limits",
    "MismatchError",
    "On",
    "Outcome",
    "Phase",
    "Plan",
    "ReplyFormat",
    "Report",
    "Scenario",
    "Stage",
    "Stages",
    "run_threads",
]


def __getattr__(name: str) -> object:
    """Import a public name from its module when it is first used (PEP 562)."""
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_ROOMS[name]}", __name__), name)
    globals()[name] = value
    return value
