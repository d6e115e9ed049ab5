"""A Locust user that is one client over a plain socket, which gevent makes cooperative."""

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
    """A failed conversation; the message is its cause, under which Locust counts it."""

    def __repr__(self) -> str:
        """Return the cause alone."""
        return str(self)


class _Firing(Recording):
    """Reports every whole reply to Locust as it arrives; keeps nothing."""

    def __init__(self, warmup: float, request: Any) -> None:
        super().__init__(warmup)
        self._request = request

    def reply(self, due: float, sent: float, now: float, size: int) -> None:  # noqa: ARG002
        """Report a reply; ``sent`` is ignored, since times count from when the message was due."""
        self.reply_in_turn(due, now, size)

    def reply_in_turn(self, due: float, now: float, size: int) -> None:
        """Report a reply."""
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
    """Connects to Locust's host under ``plan``, one conversation after the other, until stopped.

    Every message answered right is a request named *message*. Every conversation is a request named
    *conversation*, which fails, by its cause, if the conversation failed. The plan is for one
    client; its warm-up, barrier, ramp and sources have no effect here.
    """

    abstract = True
    plan = Plan(clients=1, reply=ReplyFormat.RAW)

    def __init__(self, environment: Environment) -> None:
        """Take client numbers that no other user has."""
        super().__init__(environment)
        self.plan = own_plan(environment, self.plan)

    @task
    def talk(self) -> None:
        """Carry out one conversation."""
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
            conversation.failed(INTERRUPTED, now())  # no effect unless the user was stopped
            outcome = conversation.outcome
            cause = None if outcome is None else outcome.cause
            _fire(request, CONVERSATION, now(), failure=failure_of(cause))

    def _converse(self, conversation: Conversation, now: Any, begin: Gate, stop: Gate) -> None:
        """Carry out the conversation, over one connection after the other."""
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
            # Sending must not block; with gevent it would, whatever the flags of send.
            connection.setblocking(False)
            client = Client(connection, conversation, now, begin=begin, stop=stop)
            client.say(conversation.connected(now()))
            client.run()
