"""Both engines send what the plan has drawn, and check it: real sockets, real services."""

import socket
import threading
from typing import Any

from twisted.internet import reactor as global_reactor
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.support.peers import Behaviour, serving
from twistecho import EchoFactory, Fleet, Plan, ReplyFormat, Report
from twistecho.fleet.reports.verdict import invalid
from twistecho.fleet.thread_engine.fleet import ThreadedFleet

reactor: Any = global_reactor

LARGE = "lognormal:median=3k,sigma=1.5,max=100k"
"""Sizes around that of the pieces in which the service replies, and far above it."""


async def run_both(plan: Plan, target: str) -> list[Report]:
    """Run a plan with both engines, one after the other; give what they found."""
    reactors = await Fleet(reactor, target, plan).run()
    return [reactors, await deferToThread(ThreadedFleet(target, plan).run)]


def expected(plan: Plan, client: int) -> bytes:
    """Give all that a client sends."""
    make = plan.messages_of(client)
    return b"".join(make(number) for number in range(plan.messages_per_client or 0))


def keeping(heard: list[bytearray]) -> Behaviour:
    """Give what echoes, and keeps what each connection has sent."""
    lock = threading.Lock()

    def behaviour(connection: socket.socket) -> None:
        mine = bytearray()
        with lock:
            heard.append(mine)
        while data := connection.recv(65536):
            mine.extend(data)
            connection.sendall(data)

    return behaviour


class SentTests(TestCase):
    """What goes over the wire."""

    async def test_both_engines_send_what_the_plan_says(self) -> None:
        """Byte by byte, to a server that keeps all that it is sent."""
        for fields in (
            {"size": LARGE, "seed": 5},
            {"size": "uniform:1,99", "payload": b"own", "pipeline": 3, "messages": (b"{client}",)},
            {"messages": (b"a{client}", b"b{message}", b"c"), "weights": (5, 3, 1)},
        ):
            known: dict[str, Any] = fields
            plan = Plan(clients=3, repeat=20, reply=ReplyFormat.RAW, ordered=True, **known)
            heard: list[bytearray] = []
            with self.subTest(fields=fields), serving(keeping(heard)) as port:
                reports = await run_both(plan, f"127.0.0.1:{port}")
                sent = [expected(plan, client) for client in plan.numbers] * 2
                assert sorted(map(bytes, heard)) == sorted(sent)
                for report in reports:
                    assert report.complete
                    found = [one.bytes_sent for one in report.outcomes]
                    assert found == [len(one) for one in sent[:3]]

    async def test_a_wrong_byte_far_behind_is_noticed(self) -> None:
        """By both, in a message that came in many pieces."""

        def behaviour(connection: socket.socket) -> None:
            got = 0
            while data := connection.recv(65536):
                wrong = bytearray(data)
                if got <= 50_000 < got + len(data):
                    wrong[50_000 - got] ^= 1
                got += len(data)
                connection.sendall(wrong)

        plan = Plan(clients=1, size="64k", repeat=2, reply=ReplyFormat.RAW)
        with serving(behaviour) as port:
            for report in await run_both(plan, f"127.0.0.1:{port}"):
                assert list(report.failures) == ["receive:mismatch"]
                assert report.bytes_returned == 50_000


class ServiceTests(TestCase):
    """Against the service, which replies to pieces of 1024 bytes."""

    async def test_large_messages_are_answered_right_in_every_format(self) -> None:
        """One at a time and several; both engines agree, and their figures add up."""
        for reply in ReplyFormat:
            for payload, pipeline in (("random", 1), ("text", 5), ("zeros", 1), (b"\\'\"\0", 5)):
                plan = Plan(clients=3, repeat=15, reply=reply, size=LARGE, payload=payload,
                            pipeline=pipeline, ordered=True)  # fmt: skip
                with self.subTest(reply=reply, payload=payload):
                    await self._agree(plan)

    async def _agree(self, plan: Plan) -> None:
        factory = EchoFactory(reactor, reply=plan.reply)
        port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(factory)
        try:
            one, other = await run_both(plan, f"127.0.0.1:{port.getHost().port}")
        finally:
            await port.stopListening()
        assert one.disagreements(other) == []
        for report in (one, other):
            assert report.complete, report.failures
            assert not invalid(report)
            assert report.bytes_returned == sum(len(expected(plan, n)) for n in plan.numbers)
            assert report.messages == 45
