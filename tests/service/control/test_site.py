"""The control port's answers, in memory: what was asked of a service, and what is refused."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource

from tests.support.steering import DEFAULT, Answered, Asking, FakeSteering
from twistecho.base.notation import FieldError
from twistecho.service.control.guards import Guards
from twistecho.service.control.requests import MOST_BYTES
from twistecho.service.control.site import control_site
from twistecho.service.control.steering import Document, UnconfirmedError


class SiteCase(SynchronousTestCase):
    """A site in memory."""

    def setUp(self) -> None:
        """Serve a fake."""
        self.clock = Clock()
        self.steering = FakeSteering(self.clock)
        self.site = control_site(self.clock, self.steering, Guards())

    def ask(self, *request: Any, **headers: str) -> Answered:
        """Ask once, on a connection of its own."""
        return Asking(self.site).ask(*request, **headers)

    def refused(self, status: int, *request: Any, **headers: str) -> tuple[Any, Any]:
        """Ask for what is refused with this status; give the problem and the field."""
        answered = self.ask(*request, **headers)
        assert answered.status == status, answered
        assert list(answered.json) == ["error", "field"]
        assert answered.json["error"].isprintable()
        return answered.json["error"], answered.json["field"]


class ScenarioTests(SiteCase):
    """The scenario: read, put, changed, restored."""

    def test_it_is_put_and_read(self) -> None:
        """What is put is answered whole, and in force; what it does not name is as by default."""
        answered = self.ask("PUT", "/scenario", '{"delay": "20ms", "banner": "h\u00e9"}')
        whole = {**DEFAULT, "delay": "20ms", "banner": "h\u00e9"}
        assert (answered.status, answered.json) == (200, whole)
        assert answered.headers["cache-control"] == "no-store"
        assert self.ask("GET", "/scenario").json == self.steering.in_force == whole
        assert self.ask("PUT", "/scenario", "{}").json == DEFAULT

    def test_it_is_changed(self) -> None:
        """A merge patch, whatever of both content types it has; null is the default again."""
        self.ask("PATCH", "/scenario", '{"delay": "20ms", "faults": ["reset"]}')
        answered = self.ask(
            "PATCH", "/scenario", '{"delay": null, "reply": "raw"}',
            content_type="Application/Merge-Patch+JSON; charset=utf-8",
        )  # fmt: skip
        assert answered.json == {**DEFAULT, "faults": ["reset"], "reply": "raw"}

    def test_it_is_restored(self) -> None:
        """The initial one."""
        self.ask("PATCH", "/scenario", '{"delay": "20ms"}')
        assert self.ask("DELETE", "/scenario").json == DEFAULT

    def test_a_wrong_field_is_named_and_changes_nothing(self) -> None:
        """With its path."""
        for body, field in (('{"on": [{"match": 5}]}', "on"), ('{"delay": []}', "delay")):
            for method in ("PUT", "PATCH"):
                assert self.refused(400, method, "/scenario", body)[1] == field
        problem, field = self.refused(400, "PUT", "/scenario", '{"dealy": "2s"}')
        assert "dealy" in problem
        assert field is None
        assert self.steering.in_force is DEFAULT

    def test_changes_take_turns(self) -> None:
        """Two patches at once are both in force, however long the first takes."""
        slow: Deferred[Document] = Deferred()
        put = self.steering.put

        def put_later(document: Document) -> Deferred[Document]:
            self.steering.put = put  # type: ignore[method-assign]
            return slow.addCallback(lambda _: put(document))

        self.steering.put = put_later  # type: ignore[method-assign]
        first, second = Asking(self.site), Asking(self.site)
        head = "PATCH /scenario HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        for asking, body in ((first, '{"delay": "1s"}'), (second, '{"reply": "raw"}')):
            asking.send(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        assert (first.answered(), second.answered()) == (None, None)
        slow.callback({})
        for asking in (first, second):
            assert (answered := asking.answered()) is not None
            assert answered.status == 200
        assert self.steering.in_force == {**DEFAULT, "delay": "1s", "reply": "raw"}

    def test_a_change_comes_about_though_who_asked_has_gone(self) -> None:
        """It is neither undone nor half done, and nothing is logged."""
        slow: Deferred[Document] = Deferred()
        put = self.steering.put
        self.steering.put = lambda document: slow.addCallback(lambda _: put(document))  # type: ignore[method-assign]
        asking = Asking(self.site)
        asking.send(
            b"PUT /scenario HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b'Content-Length: 17\r\n\r\n{"delay": "20ms"}'
        )
        asking.protocol.connectionLost(Failure(ConnectionDone()))
        slow.callback({})
        assert self.steering.in_force["delay"] == "20ms"


class ReceivedTests(SiteCase):
    """What was received."""

    def test_messages_are_text_or_base64(self) -> None:
        """In the order in which they came, with the total, those that were dropped too."""
        self.steering.dropped = 5
        self.steering.receive(0, "h\u00e9\n".encode())
        self.steering.receive(3, b"\xff\x00")
        assert self.ask("GET", "/received").json == {
            "total": 7,
            "next": 7,
            "messages": [
                {"index": 5, "connection": 0, "number": 0, "data": "h\u00e9\n"},
                {"index": 6, "connection": 3, "number": 0, "data": {"base64": "/wA="}},
            ],
        }

    def test_all_parameters_are_passed_on(self) -> None:
        """Times as everywhere; the defaults where none is given."""
        self.ask("GET", "/received")
        self.steering.receive(3, b"x")
        self.ask("GET", "/received?connection=3&since=0&limit=10&wait=20ms")
        self.ask("GET", "/received?wait=2")
        assert self.steering.asked == [
            "received None 0 None 0", "received 3 0 10 0.02", "received None 0 None 2",
        ]  # fmt: skip

    def test_wrong_parameters_are_named(self) -> None:
        """Also unknown ones, and those that are given twice."""
        for query, field in {
            "connection=-1": "connection", "connection=": "connection", "since=x": "since",
            "since=%D9%A1": "since", "limit=0": "limit", "limit=1e3": "limit",
            "limit=100001": "limit", "wait=21": "wait", "wait=-1": "wait", "wait=nan": "wait",
            "wait=2m": "wait", "colour=red": "colour", "since=1&since=2": "since",
            "since=9999999999999999999": "since",
        }.items():  # fmt: skip
            problem, named = self.refused(400, "GET", f"/received?{query}")
            assert named == field
            assert problem.startswith(f"{field}: ")
        assert self.refused(400, "GET", "/scenario?since=1")[1] == "since"
        assert self.refused(400, "POST", "/reset?x")[1] == "x"
        assert self.steering.asked == []

    def test_a_request_waits(self) -> None:
        """Until a message has come, or its time is over."""
        asking = Asking(self.site)
        wanted = b"GET /received?wait=5s HTTP/1.1\r\nHost: localhost\r\n\r\n"
        asking.send(wanted)
        self.clock.advance(4.9)
        assert asking.answered() is None
        self.steering.receive(0, b"late")
        answered = asking.answered()
        assert answered is not None
        assert [message["data"] for message in answered.json["messages"]] == ["late"]
        asking.send(wanted.replace(b"?", b"?since=1&"))
        self.clock.advance(4.9)
        assert asking.answered() is None
        self.clock.advance(0.1)
        assert (answered := asking.answered()) is not None
        assert answered.json == {"total": 1, "next": 1, "messages": []}

    def test_a_request_whose_client_has_gone_waits_no_longer(self) -> None:
        """Nothing is left of it, and nothing is logged."""
        asking = Asking(self.site)
        asking.send(b"GET /received?wait=20 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        waits = [self.steering.waits]
        asking.protocol.connectionLost(Failure(ConnectionDone()))
        self.clock.advance(0)
        assert [*waits, self.steering.waits] == [True, False]
        assert self.clock.getDelayedCalls() == []

    def test_it_is_forgotten(self) -> None:
        """And the answer is empty."""
        self.steering.receive(0, b"x")
        answered = self.ask("DELETE", "/received")
        assert (answered.status, answered.body) == (204, b"")
        assert self.ask("GET", "/received").json["total"] == 0


class ConnectionTests(SiteCase):
    """Connections, and beginning anew."""

    def test_they_are_listed_and_reset(self) -> None:
        """One, or all."""
        listed = self.ask("GET", "/connections").json["connections"]
        assert listed[0] == {"number": 0, "peer": "192.0.2.1:5000", "messages": 2, "waiting": 1}
        assert self.ask("DELETE", "/connections/3").status == 204
        assert [each.number for each in self.steering.open] == [0]
        assert self.ask("DELETE", "/connections").status == 204
        assert self.ask("GET", "/connections").json == {"connections": []}

    def test_one_that_is_not_open_is_not_found(self) -> None:
        """Nor is what is no number."""
        problem, _ = self.refused(404, "DELETE", "/connections/2")
        assert problem == "no connection 2 is open"
        for path in ("/connections/x", "/connections/-1", "/connections/%30", "/connections/"):
            self.refused(404, "DELETE", path)

    def test_everything_begins_anew(self) -> None:
        """Scenario, messages, connections."""
        self.ask("PATCH", "/scenario", '{"delay": "20ms"}')
        self.steering.receive(0, b"x")
        assert self.ask("POST", "/reset").status == 204
        steering = self.steering
        assert (steering.in_force, steering.messages, steering.open) == (DEFAULT, [], [])

    def test_health(self) -> None:
        """In its status too, for those who look at that alone."""
        health = {"healthy": True, "connections": 2, "messages": 0, "workers": None}
        answered = self.ask("GET", "/health")
        assert (answered.status, answered.json) == (200, health)
        self.steering.healthy = False
        assert self.ask("GET", "/health").status == 503


class ErrorTests(SiteCase):
    """What goes wrong with the service behind it."""

    def test_workers_that_do_not_confirm_are_named(self) -> None:
        """Whatever was asked."""
        self.steering.put = _raising(UnconfirmedError(["1", "3"]))  # type: ignore[method-assign]
        self.steering.received = _raising(UnconfirmedError(["1", "3"]))  # type: ignore[method-assign]
        for request in (("PUT", "/scenario", "{}"), ("GET", "/received")):
            answered = self.ask(*request)
            assert answered.status == 503
            assert answered.json == {
                "error": "not confirmed in time by workers 1, 3",
                "field": None,
                "workers": ["1", "3"],
            }

    def test_what_nobody_foresaw_is_logged(self) -> None:
        """Who asked is told nothing of it; a KeyError is a mistake of ours, no missing thing."""
        for error in (KeyError, ZeroDivisionError):
            with self.subTest(error=error):
                self.steering.connections = _raising(error())  # type: ignore[method-assign]
                self.refused(500, "GET", "/connections")
                assert len(self.flushLoggedErrors(error)) == 1
        assert self.ask("GET", "/health").status == 200

    def test_what_was_wrong_is_told_in_one_short_line(self) -> None:
        """Whatever it quotes: a body has a million bytes, and a terminal obeys some of them."""
        error = FieldError("delay", "\x1b[31m is\nno \x9b delay" * 50_000)
        self.steering.put = _raising(error)  # type: ignore[method-assign]
        problem, field = self.refused(400, "PUT", "/scenario", "{}")
        assert field == "delay"
        assert problem.startswith("delay: \\x1b[31m is\\nno \\x9b delay")
        assert problem.endswith("...")
        assert len(problem) < 1000

    def test_a_change_that_failed_does_not_hold_up_the_next(self) -> None:
        """The turn is over."""
        self.steering.restore = _raising(ZeroDivisionError())  # type: ignore[method-assign]
        self.refused(500, "DELETE", "/scenario")
        assert self.ask("PUT", "/scenario", "{}").status == 200
        self.flushLoggedErrors(ZeroDivisionError)


def _raising(error: Exception) -> Any:
    """Make a method that gives a Deferred, which fails."""

    def fail_later(*_: object, **__: object) -> Deferred[Any]:
        return fail(error)

    return fail_later


class HttpTests(SiteCase):
    """What HTTP asks of any server."""

    def test_unknown_paths_are_not_found(self) -> None:
        """With all that there are."""
        for path in ("/", "/scenarios", "/scenario/", "//scenario", "/scenario/delay", "/metrics",
                     "/%2e%2e/scenario", "/%ff", "http://localhost/scenario"):  # fmt: skip
            problem, _ = self.refused(404, "GET", path)
            assert "/connections/{number}" in problem

    def test_wrong_methods_are_told_the_right_ones(self) -> None:
        """Also such as nobody knows."""
        for method, path, allowed in (
            ("POST", "/scenario", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"),
            ("GET", "/reset", "OPTIONS, POST"),
            ("HEAD", "/reset", "OPTIONS, POST"),
            ("PUT", "/connections/0", "DELETE, OPTIONS"),
            ("BREW", "/health", "GET, HEAD, OPTIONS"),
        ):
            answered = self.ask(method, path)
            assert (answered.status, answered.headers["allow"]) == (405, allowed)

    def test_options(self) -> None:
        """Any path tells its methods, and no page of another host that it may use them."""
        answered = self.ask("OPTIONS", "/received")
        assert (answered.status, answered.body) == (204, b"")
        assert answered.headers["allow"] == "DELETE, GET, HEAD, OPTIONS"
        assert "access-control-allow-origin" not in answered.headers

    def test_many_requests_at_once_do_not_hold_up_others(self) -> None:
        """A connection makes one in each turn of the reactor; hundreds would take a while."""
        many = Asking(self.site)
        many.send(b"HEAD /received HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3)
        assert len(self.steering.asked) == 1
        self.ask("GET", "/health")
        self.clock.advance(0)
        assert len(self.steering.asked) == 3

    def test_head(self) -> None:
        """As GET, without the body."""
        whole, head = self.ask("GET", "/scenario"), self.ask("HEAD", "/scenario")
        assert (head.status, head.body) == (200, b"")
        for name in ("content-type", "content-length"):
            assert head.headers[name] == whole.headers[name]
        assert self.ask("HEAD", "/received?since=x").status == 400

    def test_content_types(self) -> None:
        """JSON has to be said: what a form of a page sends is none."""
        for method, said in (
            ("PUT", "text/plain"), ("PUT", "application/merge-patch+json"), ("PUT", ""),
            ("PATCH", "application/x-www-form-urlencoded"), ("PATCH", "application/jsonp"),
            ("PATCH", "multipart/form-data; boundary=x"), ("PUT", "application/json\xff"),
        ):  # fmt: skip
            answered = self.ask(method, "/scenario", "{}", content_type=said)
            assert answered.status == 415
            assert answered.json["error"].startswith("Content-Type: application/json")
            assert answered.headers["accept"].startswith("application/json")
        assert self.ask("PUT", "/scenario", "{}", content_type="application/json;x=y").status == 200

    def test_bodies_that_are_no_json_are_refused_in_one_line(self) -> None:
        """Each with what is wrong."""
        for body, words in (
            (b"", "not JSON: Expecting value: line 1 column 1"),
            (b'{"delay":', "not JSON: Expecting value"),
            (b"\xff", "not UTF-8"),
            (b'{"seed": NaN}', "NaN is not a finite number"),
            (b'{"seed": -Infinity}', "-Infinity is not a finite number"),
            (b'{"delay": 1e999}', "1e999 is not a finite number"),
            (b'{"delay": "1s", "delay": "2s"}', "'delay' is given twice"),
            (rb'{"banner": "\ud800"}', "a lone surrogate is not text"),
            (rb'{"\udfff": 1}', "a lone surrogate is not text"),
            (b"[" * 100_000, "nested too deep"),
            (b'{"on": ' * 40 + b"1" + b"}" * 40, "nested too deep"),
            (b'{"seed": ' + b"9" * 5000 + b"}", "not JSON"),
            (b"[]", "not a scenario: not an object"),
            (b"null", "not a scenario: not an object"),
        ):
            for method in ("PUT", "PATCH"):
                problem, field = self.refused(400, method, "/scenario", body)
                assert words in problem, problem
                assert field is None
        assert self.steering.in_force is DEFAULT

    def test_large_bodies_are_not_kept(self) -> None:
        """Neither those that say so beforehand, nor chunked ones; the connection lives on."""
        asking = Asking(self.site)
        head = "PUT /scenario HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        part = b"x" * 65536
        asking.send(f"{head}Content-Length: {100 * len(part)}\r\n\r\n".encode())
        for _ in range(100):
            [request] = asking.protocol._channel.requests
            assert len(request.content.getvalue()) <= MOST_BYTES
            asking.send(part)
        assert (answered := asking.answered()) is not None
        assert answered.status == 413
        self.clock.advance(0)
        asking.send(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        for _ in range(17):
            asking.send(b"10000\r\n" + part + b"\r\n")
        asking.send(b"0\r\n\r\n")
        assert (answered := asking.answered()) is not None
        assert (answered.status, answered.json["field"]) == (413, None)
        self.clock.advance(0)
        assert asking.ask("GET", "/health").status == 200

    def test_a_body_of_the_largest_size_is_read(self) -> None:
        """And of a form nothing is taken for parameters."""
        banner = "x" * (MOST_BYTES - len('{"banner": ""}'))
        assert self.ask("PUT", "/scenario", json.dumps({"banner": banner})).status == 200
        form = "application/x-www-form-urlencoded"
        assert self.ask("POST", "/reset", "x=1", content_type=form).status == 204
        broken = "multipart/form-data; boundary=x"
        assert self.ask("POST", "/reset", "--x", content_type=broken).status == 204

    def test_requests_on_one_connection_are_answered_in_turn(self) -> None:
        """As HTTP has it."""
        asking = Asking(self.site)
        asking.send(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3)
        self.clock.advance(0)
        assert asking.transport.value().count(b"HTTP/1.1 200 OK") == 3

    @settings(deadline=None, max_examples=200)
    @given(
        st.sampled_from(["GET", "PUT", "PATCH", "DELETE", "POST", "HEAD", "OPTIONS", "TRACE"]),
        st.sampled_from(["scenario", "received", "connections", "connections/0", "reset", "*"]),
        st.text("?&=%;+0aswimtnce/#\\", max_size=20),
        st.dictionaries(
            st.sampled_from(["origin", "host", "content_type", "authorization", "expect"]),
            st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=20)
            | st.sampled_from(["localhost", "application/json", "http://127.0.0.1"]),
        ),
        st.none() | st.binary(max_size=20) | st.text('{}[]":delay1, ', max_size=20),
    )
    def test_whatever_is_asked_is_answered(
        self, method: str, path: str, query: str, headers: dict[str, str], body: bytes | str | None
    ) -> None:
        """With a status that is foreseen, and nothing is logged as a mistake of ours."""
        asking = Asking(self.site)
        target = f"/{path}{'?' if query else ''}{query}"
        answered = asking.ask(method, target, body, **headers)
        if answered.status == 100:
            return  # what follows has been cut off
        assert answered.status in {200, 204, 400, 403, 404, 405, 413, 415}
        if answered.status >= 400 and method != "HEAD":
            assert list(answered.json) == ["error", "field"]
        assert self.flushLoggedErrors() == []

    def test_metrics_are_what_was_given(self) -> None:
        """Behind the same guards."""

        class Metrics(Resource):
            def render_GET(self, _request: object) -> bytes:
                return b"all of them 1"

        site = control_site(self.clock, self.steering, Guards(), Metrics())
        assert Asking(site).ask("GET", "/metrics").body == b"all of them 1"
        assert Asking(site).ask("GET", "/metrics", host="evil").status == 403
        answered = Asking(site).ask("POST", "/metrics")
        assert (answered.status, answered.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
