"""Lets pytest run trial's test cases, and any test, on the one reactor that pytest-twisted runs."""

from typing import Any

import pytest_twisted
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase


def _wait(_case: TestCase, deferred: "Deferred[Any]") -> None:
    from twisted.internet import reactor  # noqa: PLC0415 - pytest-twisted has installed it by now

    # The test goes on from inside this callback, and trial then iterates the reactor to look for
    # leaks: a timed call is safe for that, a callback from a thread's queue would run twice.
    turned: Deferred[None] = Deferred()
    later: Any = reactor
    deferred.addBoth(lambda _: later.callLater(0, turned.callback, None))
    pytest_twisted.blockon(turned)


# trial would run the reactor itself, for each test, while pytest-twisted keeps it running.
TestCase._wait = _wait  # type: ignore[method-assign, assignment]
