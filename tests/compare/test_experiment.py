"""What an experiment runs, in which order, and what it says of itself."""

from unittest import TestCase

from tests.support.own_servers import echo, python
from twistecho.base.reply_formats import ReplyFormat
from twistecho.compare.experiment import Experiment
from twistecho.compare.launch import LaunchedServer
from twistecho.compare.own_command import named
from twistecho.compare.own_server import OwnServer
from twistecho.fleet.plans.plan import Plan


class ExperimentTests(TestCase):
    """Designs, and servers of one's own beside them."""

    def setUp(self) -> None:
        """Have two designs and two servers, for two numbers of clients."""
        self.experiment = Experiment(
            Plan(),
            "0",
            designs=("sequential", "twisted"),
            clients=(1, 2),
            engines=("reactor", "threads"),
            servers=named([echo(), python("pass")], ()),
            server_reply=ReplyFormat.PREFIXED,
        )

    def test_servers_come_after_the_designs_for_each_number_and_engine(self) -> None:
        """So that tables have them in the last columns."""
        names = ("sequential", "twisted", "own_server", "own")
        assert [
            (trial.clients, trial.design, trial.engine) for trial in self.experiment.trials()
        ] == [
            (clients, name, engine)
            for clients in (1, 2)
            for name in names
            for engine in ("reactor", "threads")
        ]

    def test_each_is_started_and_checked_in_its_own_way(self) -> None:
        """Designs by the format that is theirs, servers by the one that was named."""
        found = {trial.design: trial for trial in self.experiment.trials()}
        assert {name: (type(t.server()), str(t.plan().reply)) for name, t in found.items()} == {
            "sequential": (LaunchedServer, "prefixed"),
            "twisted": (LaunchedServer, "stamped"),
            "own_server": (OwnServer, "prefixed"),
            "own": (OwnServer, "prefixed"),
        }

    def test_the_commands_are_among_the_settings(self) -> None:
        """By the names of their servers, which are no names of designs then."""
        settings = self.experiment.comparison(()).settings
        assert list(settings) == ["delay", "delay_per", "server own_server", "server own"]
        assert "{port}" in settings["server own"]
