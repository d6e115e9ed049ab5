"""The notebook's experiment: the same plan against one design after the other.

Each design, and each of the user's own servers, runs in its own process on a free port of the
loopback. The clients run in another process. The server is measured from the moment it listens, and
stopped when the last client has ended.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from twistecho.base.reply_formats import ReplyFormat
from twistecho.designs.catalogue import DESIGNS
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.runs.engine import Engine
from twistecho.fleet.runs.fleet_process import FleetProcess
from twistecho.service.scenario.delay_per import DelayPer

from .comparison import Comparison, Run, own_setting
from .launch import LaunchedServer
from .meter import Meter
from .names import ALL_DESIGNS, TWISTED
from .own_command import OwnCommand
from .own_server import OwnServer


@dataclass(frozen=True)
class Experiment:
    """The plan of a comparison: every number of clients, against every server, by every engine.

    ``reply`` and ``backlog`` are each design's own if they are None. ``servers`` are named
    commands; ``reply``, ``backlog`` and the delay do not apply to them, and they must reply in the
    format ``server_reply``. The server is killed ``kill_after`` seconds after the clients have
    begun.
    """

    plan: Plan
    delay: str
    delay_per: DelayPer = DelayPer.CONNECTION
    designs: Sequence[str] = ALL_DESIGNS
    clients: Sequence[int] = (20,)
    engines: Sequence[Engine] = ("reactor",)
    reply: ReplyFormat | None = None
    backlog: int | None = None
    kill_after: float | None = None
    servers: Sequence[OwnCommand] = ()
    server_reply: ReplyFormat = ReplyFormat.RAW

    def trials(self) -> "list[Trial]":
        """Return the runs to be made, in order."""
        own = {command.name: command for command in self.servers}
        return [
            Trial(self, name, engine, clients, own.get(name))
            for clients in self.clients
            for name in (*self.designs, *own)
            for engine in self.engines
        ]

    def comparison(self, runs: Sequence[Run]) -> Comparison:
        """Combine runs with the settings that they share."""
        settings = {"delay": self.delay, "delay_per": str(self.delay_per)}
        if self.backlog is not None:
            settings["backlog"] = str(self.backlog)
        if self.kill_after is not None:
            settings["kill_after"] = f"{self.kill_after:g}"
        settings |= {own_setting(command.name): command.text for command in self.servers}
        return Comparison(settings, tuple(runs))


@dataclass(frozen=True)
class Trial:
    """One run that is still to be made: of a design, or of the command with this name."""

    experiment: Experiment
    design: str
    engine: Engine
    clients: int
    command: OwnCommand | None = None

    def plan(self) -> Plan:
        """Return the plan, with the reply format of this design."""
        return replace(self.experiment.plan, clients=self.clients, reply=self._reply())

    def server(self) -> LaunchedServer | OwnServer:
        """Return the server, not yet started."""
        return OwnServer(self.command) if self.command else self._design()

    def _design(self) -> LaunchedServer:
        wanted = self.experiment
        options = [
            f"--reply={self._reply()}",
            f"--delay={wanted.delay}",
            f"--delay-per={wanted.delay_per}",
        ]
        if self.design == TWISTED:
            port = "0" if wanted.backlog is None else _endpoint(wanted.backlog)
            echo = ("--log-format=text", "echo", f"--port={port}")
            return LaunchedServer("twisted", *echo, *options)
        if wanted.backlog is not None:
            options.append(f"--backlog={wanted.backlog}")
        return LaunchedServer("twistecho", "serve", self.design, "--port=0", *options)

    def _reply(self) -> ReplyFormat:
        if self.command:
            return self.experiment.server_reply
        own = DESIGNS[self.design].reply if self.design in DESIGNS else ReplyFormat.STAMPED
        return self.experiment.reply or own

    def run(self) -> Run:
        """Start the server, run the clients, stop the server. Raises LaunchError or FleetError."""
        server, kill_after = self.server(), self.experiment.kill_after
        with (
            server as target,
            Meter(server.pid) as meter,
            FleetProcess(self.engine, target, self.plan()) as clients,
        ):
            clients.wait_for_begin()
            if kill_after is not None and not clients.wait(kill_after):
                meter.look()
                server.kill()
            report = clients.wait_for_report()
        return Run(self.design, report, meter.cost, server.ended_early)


def _endpoint(backlog: int) -> str:
    return f"tcp:0:interface=127.0.0.1:backlog={backlog}"
