"""``twist echo --workers`` that is steered, or counts limits: processes that stop and die."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from typing import Any
from unittest import TestCase

from tests.support.listening import LONGEST_WAIT
from tests.support.peers import connect, unused_port

from .test_pool import Service, answer, asked, until, workers


class Control:
    """Steers a service by HTTP."""

    def __init__(self) -> None:
        self.port = unused_port()

    def ask(self, method: str, path: str, document: Any = None) -> tuple[int, Any]:
        """Ask; give the status and what was answered."""
        body = None if document is None else json.dumps(document)
        with closing(HTTPConnection("127.0.0.1", self.port, LONGEST_WAIT)) as connection:
            connection.request(method, path, body, {"content-type": "application/json"})
            response = connection.getresponse()
            return response.status, json.loads(response.read() or b"null")

    def answers(self, reply: str) -> tuple[int, Any]:
        """Have every message that is an x be answered so."""
        changes = {"on": [{"match": "^x$", "reply": reply}]}
        return self.ask("PATCH", "/scenario", changes)


@contextmanager
def everywhere(service: Service) -> Iterator[list[socket.socket]]:
    """Connect ten times or more, until each worker has some of the connections."""
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(service.port)) for _ in range(10)]
        found = service.workers()
        while not all(map(service.connections_of, found)):
            clients.append(stack.enter_context(connect(service.port)))
        yield clients


def replies(service: Service) -> list[bytes]:
    """Ask every worker; give what came, or nothing where the connection was ended."""
    with everywhere(service) as clients:
        return [answer(client) for client in clients]


class LimitTests(TestCase):
    """What has a limit, without anybody who steers."""

    def test_it_counts_over_all_workers(self) -> None:
        """Exactly so often, also after one has been replaced."""
        with workers("--workers=2", "--fault=reset:limit=3", "--on=/y/z/limit=1") as service:
            assert replies(service).count(b"") == 3
            service.workers()[0].kill()
            service.started.until("is ready again")
            assert set(replies(service)) == {b"x"}


class SteeringTests(TestCase):
    """One service, whatever its workers do."""

    def test_workers_that_stop_and_die(self) -> None:
        """Who does not confirm is named; who dies is not waited for; a new one has it all."""
        control = Control()
        with workers("--workers=2", f"--control={control.port}") as service:
            assert control.answers("a")[0] == 200
            assert set(replies(service)) == {b"a"}
            stopped = service.workers()[1]
            stopped.suspend()
            status, said = control.answers("b")
            assert (status, said["workers"]) == (503, ["1"])
            assert said["error"] == "not confirmed in time by worker 1"
            assert asked(service.port) == b"b"
            stopped.resume()
            until(lambda: control.ask("GET", "/health")[0] == 200)
            assert set(replies(service)) == {b"b"}

            stopped.suspend()
            answered: list[tuple[int, Any]] = []
            changing = threading.Thread(target=lambda: answered.append(control.answers("c")))
            changing.start()
            until(lambda: asked(service.port) == b"c")
            stopped.kill()
            changing.join()
            (status, said) = answered[0]
            assert status == 200 or said["workers"] == ["1"]  # where all this took over 2 s
            service.started.until("is ready again")
            assert set(replies(service)) == {b"c"}
            assert control.ask("GET", "/health")[1]["workers"] == 2

    def test_what_they_have_is_one_services(self) -> None:
        """Connections, messages and numbers, also after a reset and a death."""
        control = Control()
        with workers("--workers=2", f"--control={control.port}") as service:
            for _ in range(2):
                with everywhere(service) as clients:
                    assert {answer(client) for client in clients} == {b"x"}
                    _, found = control.ask("GET", "/connections")
                    numbers = [each["number"] for each in found["connections"]]
                    assert numbers == list(range(len(clients)))
                    _, found = control.ask("GET", "/received")
                    assert [each["connection"] for each in found["messages"]] == numbers
                    assert [each["index"] for each in found["messages"]] == numbers
                    assert control.ask("DELETE", "/connections/7")[0] == 204
                    assert answer(clients[7]) == b""
                    assert control.ask("POST", "/reset")[0] == 204
                    assert {answer(client) for client in clients} == {b""}
            service.workers()[0].kill()
            service.started.until("is ready again")
            with connect(service.port) as client:
                assert answer(client) == b"x"
                _, found = control.ask("GET", "/connections")
            assert [each["number"] for each in found["connections"]] == [0]
