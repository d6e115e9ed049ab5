"""A test's requests to a service, in its process, in memory."""

import json
from typing import Any
from unittest import TestCase

from twisted.internet.task import Clock

from tests.support.pipes import connect
from twistecho import EchoFactory
from twistecho.base.notation import FieldError
from twistecho.testing.received import read_record
from twistecho.testing.requests import Requests


class RequestsTests(TestCase):
    """JSON data in, JSON data out."""

    def setUp(self) -> None:
        """Serve in memory."""
        self.factory, self.requests = self.serve()

    def serve(self) -> tuple[EchoFactory, Requests]:
        """Make a service, and the object that answers requests."""
        clock = Clock()
        factory = EchoFactory(clock, reply="raw", banner="hi", seed=7)
        return factory, Requests(clock, factory)

    def send(self, factory: EchoFactory, *messages: bytes) -> bytes:
        """Send messages on a new connection; return the received bytes."""
        protocol, pipe = connect(factory)
        for message in messages:
            protocol.dataReceived(message)
        return bytes(pipe.value())

    def test_a_change_gives_what_was_before(self) -> None:
        """From which it can be changed back."""
        before = self.requests.scenario()
        changed = self.requests.change({"banner": {"base64": "/w=="}, "faults": ["silent"]})
        assert changed == {"banner": "hi", "faults": []}
        assert self.send(self.factory, b"x") == b"\xff"
        self.requests.change(changed)
        assert self.requests.scenario() == before

    def test_what_cannot_be_changes_nothing(self) -> None:
        """A change, a whole scenario, or an initial one."""
        before = self.requests.scenario()
        wrong: dict[str, Any] = {"banner": "x", "delay": "soon"}
        for what in (self.requests.change, self.requests.put, self.requests.begin):
            self.assertRaisesRegex(FieldError, "^delay: 'soon'", what, wrong)
        assert self.requests.scenario() == before
        self.requests.reset()
        assert self.requests.scenario() == before

    def test_each_test_begins_with_the_service_s_own_scenario(self) -> None:
        """Whatever scenario the test before began with."""
        own = self.requests.scenario()
        self.requests.begin({"delay": "20ms", "seed": 8})
        assert self.requests.scenario() == {**own, "delay": "20ms", "seed": 8}
        self.requests.change({"banner": "ho"})
        self.requests.reset()
        assert self.requests.scenario() == {**own, "delay": "20ms", "seed": 8}
        self.requests.begin({})
        assert self.requests.scenario() == own

    def test_another_process_can_go_on(self) -> None:
        """With all its data; only limits start from 0."""
        self.requests.put({"faults": ["silent,every=2"], "in_band": True, "reply": "raw"})
        self.send(self.factory, b"a", b"\xff")
        self.send(self.factory, b"!none")
        state = json.loads(json.dumps(self.requests.state()))
        assert state["status"]["connections"] == 2
        factory, other = self.serve()
        other.go_on(state)
        assert other.state() == {**state, "status": {**state["status"], "open": 0}}
        assert self.send(factory, b"c", b"d") == b"c"
        assert [(each, each.connection) for each in other.record().messages] == [
            (b"a", 0), (b"\xff", 0), (b"!none", 1), (b"c", 2), (b"d", 2),
        ]  # fmt: skip
        assert other.status()["connections"] == 3
        assert other.status()["faults"] == {"silent": 2}
        assert other.status()["control_words"] == {"obeyed": 1}
        assert read_record(other.received()) == other.record()
        other.reset()
        assert other.scenario()["faults"] == []
        assert self.send(factory, b"e") == b"hie"
        assert [each.connection for each in other.record().messages] == [0]
