"""Tells Twisted about ``twist echo`` and ``--reactor eager``; modules stay strings until used."""

from twisted.application.reactors import Reactor
from twisted.application.service import ServiceMaker

echo = ServiceMaker(
    "twistecho", "twistecho.tap", "An echo service that answers late, exactly as asked.", "echo"
)

eager = Reactor(
    "eager", "twistecho.eagerreactor", "epoll(7), eager to write, on a monotonic clock."
)
