"""Several hosts behind HAProxy: what clients get when a host dies, and when one is drained.

Each host is a network namespace; HAProxy is the real one, with the configuration of the
documentation. Which client is on which host HAProxy says, never the fleet.
"""

import re
import subprocess
from collections.abc import Mapping
from unittest import TestCase

from tests.support.balanced import CONFIGURATION, SERVICES, Balanced, Running, balanced
from tests.support.balancer import until
from tests.support.programs import program
from twistecho import Limits
from twistecho.fleet.reports.report import Report

MESSAGE = "Ola mundo da internet!"
SIZE = len(MESSAGE)
"""All messages that are counted by their bytes are this long."""


def spread(hosts: Balanced, fleet: Running, clients: int) -> dict[int, str]:
    """Wait until every client is connected to a host; give each client's."""

    def connected() -> dict[int, str]:
        servers = hosts.balancer.servers().values()
        sessions = hosts.balancer.sessions()
        done = sum(int(server["scur"]) for server in servers) == len(sessions) == clients
        return sessions if done else {}

    sessions = until(connected, "every client has a host")
    ports = fleet.ports()
    assert len(ports) == clients
    found = {client: sessions[port] for client, port in enumerate(ports)}
    assert set(found.values()) == set(SERVICES)
    return found


def clients_of(found: Mapping[int, str], server: str) -> set[int]:
    """Give the clients that are on a host."""
    return {client for client, name in found.items() if name == server}


def failed(report: Report) -> set[int]:
    """Give the clients that failed."""
    return {outcome.client for outcome in report.outcomes if outcome.cause is not None}


def messages(report: Report, clients: set[int]) -> int:
    """Count what these clients were answered."""
    return sum(o.messages for o in report.outcomes if o.client in clients)


class HostsTests(TestCase):
    """Three services, a balancer and a fleet."""

    def test_one_host_is_killed_and_one_drained_while_clients_talk(self) -> None:
        """The dead host's clients fail, each by its cause, and no other; every count adds up."""
        with balanced("--delay", "50ms") as hosts:
            balancer, services = hosts.balancer, hosts.services
            sized = ("--message", MESSAGE)
            with hosts.fleet(*sized, "--clients", "18", "--repeat", "40", "--in-order") as fleet:
                found = spread(hosts, fleet, 18)
                dead = clients_of(found, "echo1")
                until(lambda: services["echo1"].messages(SIZE), "clients talk with echo1")
                services["echo1"].kill()
                balancer.order("set server twistecho/echo2 state drain")
                assert balancer.count("echo2", "scur") == len(clients_of(found, "echo2"))
                with hosts.fleet(*sized, "--clients", "6", "--repeat", "3") as newcomers:
                    later = newcomers.report()
                report = fleet.report()
            assert report.failures == {"receive:closed": len(dead)}
            assert failed(report) == dead
            # Who came later was sent to the third host.
            assert later.complete
            assert balancer.count("echo2", "stot") == len(clients_of(found, "echo2"))
            self.add_up(hosts, found, report, later)
            until(lambda: balancer.count("echo2", "scur") == 0, "echo2 is empty")
            services["echo2"].terminate()
            assert services["echo2"].ended_as_asked()
            until(
                lambda: hosts.states()["echo1"] == "DOWN", "the check has seen that echo1 is dead"
            )
            assert hosts.states()["echo3"] == "UP"

    def add_up(
        self, hosts: Balanced, found: Mapping[int, str], report: Report, later: Report
    ) -> None:
        """Compare what the fleets counted with what each service and HAProxy counted."""
        for name in SERVICES:
            ours = messages(report, clients_of(found, name))
            if name == "echo3":
                ours += later.messages
            assert hosts.balancer.count(name, "bout") == ours * SIZE, name
            if name != "echo1":  # the dead do not tell
                assert hosts.services[name].messages(SIZE) == ours, name

    def test_a_host_is_stopped_while_it_owes_replies(self) -> None:
        """With its checks off it delivers them all, for longer than the checks would have let it.

        Checks that go on see that it accepts nothing more, and end its clients' connections.
        """
        message = "!delay 2 owed"
        with balanced("--in-band") as hosts:
            balancer, stopped = hosts.balancer, hosts.services["echo2"]
            with hosts.fleet("--clients", "12", "--in-order", "--message", message) as fleet:
                found = spread(hosts, fleet, 12)
                owed = len(clients_of(found, "echo2"))
                until(
                    lambda: stopped.messages(len(message)) == owed,
                    "the messages have reached echo2",
                )
                balancer.order("set server twistecho/echo2 state drain")
                balancer.order("disable health twistecho/echo2")
                stopped.terminate()
                report = fleet.report()
            assert report.failures == {}
            assert report.complete
            assert balancer.count("echo2", "bout") == owed * len(message)
            assert hosts.states()["echo2"] == "DRAIN"
            assert stopped.ended_as_asked()

    def test_a_host_vanishes(self) -> None:
        """No FIN and no RST comes from it, yet its clients are told, and the others go on."""
        with (
            balanced("--delay", "50ms") as hosts,
            hosts.fleet("--clients", "12", "--repeat", "40", "--in-order") as fleet,
        ):
            found = spread(hosts, fleet, 12)
            hosts.hosts["echo3"].unplug()
            report = fleet.report()
            # HAProxy's check ended them, not their own timeouts, nor HAProxy's of an hour.
            assert report.failures == {"receive:closed": len(clients_of(found, "echo3"))}
            assert failed(report) == clients_of(found, "echo3")
            assert "L4TOUT" in hosts.balancer.servers()["echo3"]["check_status"]


class PageTests(TestCase):
    """The documentation beside the tests."""

    def test_the_page_shows_the_configuration(self) -> None:
        """Word for word the one that is tested."""
        page = (CONFIGURATION.parent / "hosts.md").read_text()
        assert f"\n{CONFIGURATION.read_text()}```\n" in page

    def test_haproxy_accepts_it(self) -> None:
        """Without a warning."""
        haproxy = program("haproxy", "haproxy")
        checked = subprocess.run(
            [haproxy, "-c", "-f", str(CONFIGURATION)], capture_output=True, text=True, check=False
        )
        assert checked.returncode == 0, checked.stderr
        assert "WARN" not in checked.stderr.upper()

    def test_its_bound_is_the_lowest(self) -> None:
        """Beyond one of the others, checks would be turned away with the clients."""
        (bound,) = re.findall(r"default-server maxconn (\d+)", CONFIGURATION.read_text())
        assert int(bound) < Limits().connections
        assert int(bound) < 60999 - 32768  # the ports that one address has, by default
