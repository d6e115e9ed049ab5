"""The description of the API in OpenAPI: it is that of what is served."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import TestCase

import jsonschema_rs
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure
from twisted.web.resource import Resource

from tests.support.pipes import connect
from tests.support.steered import SteeredCase
from tests.support.steering import SPECIFICATION, Asking, FakeSteering, schema_of
from twistecho.service.control.guards import Guards
from twistecho.service.control.routes import LONGEST_WAIT, MOST_MESSAGES
from twistecho.service.control.site import Control, control_site
from twistecho.service.control.steering import UnconfirmedError

DESCRIBED: dict[str, Any] = json.loads(SPECIFICATION.read_text(encoding="utf-8"))

SCHEMATHESIS = (sys.executable, "-m", "schemathesis.cli")

RUN = (
    "run", str(SPECIFICATION), "--no-color", "--phases=examples,coverage,fuzzing",
    "--max-examples=3", "--generation-deterministic", "--request-timeout=20",
)  # fmt: skip
"""Deterministic, and some eight hundred requests: that takes some seconds."""

CONFIGURATION = """
[parameters]
"query.wait" = "10ms"

[[operations]]
include-path = "/scenario"
checks.positive_data_acceptance.enabled = false
"""
"""Nobody waits for long for messages; and no schema can say which texts are delays or faults."""


class Metrics(Resource):
    """Something at /metrics."""

    def render_GET(self, request: Any) -> bytes:
        """Give none."""
        request.setHeader("content-type", "text/plain")
        return b"# none\n"


class DescriptionTests(TestCase):
    """What the description says, and what there is."""

    def test_it_has_every_path_and_method_and_no_other(self) -> None:
        """HEAD and OPTIONS go without saying."""
        control = Control(Clock(), FakeSteering(Clock()), Guards(), Metrics())
        served = {route.path: {*map(str.lower, route.methods)} for route in control.routes}
        described = {path: set(methods) for path, methods in DESCRIBED["paths"].items()}
        assert described == served

    def test_it_has_the_bounds_of_parameters(self) -> None:
        """And all parameters."""
        parameters = {
            each["name"]: each["schema"]
            for each in DESCRIBED["paths"]["/received"]["get"]["parameters"]
        }
        assert parameters["limit"]["maximum"] == MOST_MESSAGES
        assert parameters["wait"]["anyOf"][0]["maximum"] == LONGEST_WAIT
        clock = Clock()
        asking = Asking(control_site(clock, FakeSteering(clock), Guards()))
        told = asking.ask("GET", "/received?x=1").json["error"]
        assert told.endswith(f"the parameters are {', '.join(parameters)}")

    def test_errors_are_as_described(self) -> None:
        """Those that schemathesis does not meet."""

        class Unconfirmed(FakeSteering):
            def scenario(self) -> Any:
                raise UnconfirmedError(["2"])

        token = "s3cret"  # noqa: S105 - of a test
        site = control_site(Clock(), Unconfirmed(Clock()), Guards(token=token))
        for headers, status, schema in (
            ({"host": "evil"}, 403, "Error"),
            ({"host": "localhost"}, 401, "Error"),
            ({"authorization": f"Bearer {token}"}, 503, "Unconfirmed"),
        ):
            answered = Asking(site).ask("GET", "/scenario", None, **headers)
            assert answered.status == status
            assert str(status) in DESCRIBED["paths"]["/scenario"]["get"]["responses"]
            jsonschema_rs.Draft202012Validator(schema_of(schema)).validate(answered.json)


class SchemathesisTests(SteeredCase):
    """Another program reads the description, and asks on a real socket whether it is true."""

    async def test_it_finds_nothing(self) -> None:
        """Requests as described are answered as described, and others are refused so.

        A service really is steered: scenarios are put, messages read, connections reset.
        """
        service = self.start_steered(metrics=Metrics())
        protocol, _ = connect(service.factory)
        self.addCleanup(protocol.connectionLost, Failure(ConnectionDone()))
        for message in (b"text", b"\xff\x00"):
            protocol.dataReceived(message)
        configuration = Path(self.folder()) / "schemathesis.toml"
        configuration.write_text(CONFIGURATION)
        url = f"--url=http://127.0.0.1:{service.ports[1].getHost().port}"
        command = [*SCHEMATHESIS, f"--config-file={configuration}", *RUN, url]
        ended = await deferToThread(
            subprocess.run, command, cwd=self.folder(), capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert f"{sum(map(len, DESCRIBED['paths'].values()))} selected" in ended.stdout
