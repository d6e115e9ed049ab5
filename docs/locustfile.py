"""Two kinds of clients for Locust; see locust.md."""

from twistecho import Plan, ReplyFormat
from twistecho.locust import EchoUser, FleetUser


class Fleets(FleetUser):
    """Fleets of fifty clients that send for a second, one fleet after the other."""

    plan = Plan(clients=50, duration=1.0, think=0.05, reply=ReplyFormat.RAW)


class Clients(EchoUser):
    """Clients that send ten messages, a tenth of a second apart, and connect again."""

    plan = Plan(clients=1, repeat=10, think=0.1, reply=ReplyFormat.RAW)
