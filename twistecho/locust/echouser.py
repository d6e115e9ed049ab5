"""A Locust user that is one client over a plain socket, which gevent has made cooperative."""

import socket
import time
from typing import Any

from locust import User, task
from locust.env import Environment

from twistecho.base.reply_formats import ReplyFormat
from twistecho.fleet.conversation.conversation import Conversation
from twistecho.fleet.plans.addresses import resolve
from twistecho.fleet.plans.plan import Plan
from twistecho.fleet.plans.target import parse_target
from twistecho.fleet.reports.outcome import INTERRUPTED
from twistecho.fleet.reports.recorder import Recording
from twistecho.fleet.thread_engine.client import Client, time_left
from twistecho.fleet.thread_engine.connecting import Gate, connect, connected_by

from .gathering import own_plan
from .statistics import CONVERSATION, MESSAGE, failure_of

TYPE = "ECHO"
"""The type of these users' entries in Locust's statistics."""


class ConversationError(Exception):
    """A conversation failed; the message is its cause, and so is what Locust names it by."""

    def __repr__(self) -> str:
        """Give the cause alone."""
        return str(self)


class _Firing(Recording):
    """Tells Locust of every whole reply, as it comes; keeps nothing."""

    def __init__(self, warmup: float, request: Any) -> None:
        super().__init__(warmup)
        self._request = request

    def reply(self, due: float, sent: float, now: float, size: int) -> None:  # noqa: ARG002
        """Tell of a reply; ``sent`` does not count: its message was due earlier."""
        self.reply_in_turn(due, now, size)

    def reply_in_turn(self, due: float, now: float, size: int) -> None:
        """Tell of a reply."""
        _fire(self._request, MESSAGE, now - due, size)


def _fire(
    request: Any, name: str, seconds: float, size: int = 0, failure: str | None = None
) -> None:
    request.fire(
        request_type=TYPE,
        name=name,
        response_time=seconds * 1e3,
        response_length=size,
        exception=failure and ConversationError(failure),
        context={},
    )


class EchoUser(User):
    """Talks to Locust's host under ``plan``, one conversation after the other, until it is stopped.

    Every message answered right is a request, *message*, and every conversation one more,
    *conversation*: a failure, named by its cause, where it failed. The plan is of one client; its
    warm-up, barrier, ramp and sources are not for users that Locust starts.
    """

    abstract = True
    plan = Plan(clients=1, reply=ReplyFormat.RAW)

    def __init__(self, environment: Environment) -> None:
        """Take client numbers that no other user has."""
        super().__init__(environment)
        self.plan = own_plan(environment, self.plan)

    @task
    def talk(self) -> None:
        """Have one conversation."""
        began = time.monotonic()

        def now() -> float:
            return time.monotonic() - began

        request = self.environment.events.request
        conversation = Conversation(self.plan, self.plan.first, _Firing(0.0, request))
        conversation.connecting(now())
        begin, stop = Gate(), Gate()
        begin.open()
        try:
            self._converse(conversation, now, begin, stop)
        finally:
            begin.close()
            stop.close()
            conversation.failed(INTERRUPTED, now())  # where it has not ended: the user is stopped
            outcome = conversation.outcome
            cause = None if outcome is None else outcome.cause
            _fire(request, CONVERSATION, now(), failure=failure_of(cause))

    def _converse(self, conversation: Conversation, now: Any, begin: Gate, stop: Gate) -> None:
        """Talk until the conversation is over, one connection after the other."""
        self._talk_over_one(conversation, now, begin, stop)
        while conversation.reconnects:
            conversation.connecting(now())
            self._talk_over_one(conversation, now, begin, stop)

    def _talk_over_one(self, conversation: Conversation, now: Any, begin: Gate, stop: Gate) -> None:
        def make() -> socket.socket:
            addresses = resolve(parse_target(str(self.host)))
            return connect(addresses, lambda: time_left(conversation, now()), stop)

        connection = connected_by(make, conversation, now)
        if connection is None:
            return
        with connection:
            # Sending must not wait: gevent would do so whatever its flags are.
            connection.setblocking(False)
            client = Client(connection, conversation, now, begin=begin, stop=stop)
            client.say(conversation.connected(now()))
            client.run()
