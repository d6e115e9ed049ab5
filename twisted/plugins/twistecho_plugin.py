"""Plugins ``twist echo`` and ``--reactor eager``; their modules are imported when they are used."""

from twisted.application.reactors import Reactor
from twisted.application.service import ServiceMaker

echo = ServiceMaker(
    "twistecho", "twistecho.tap", "An echo service that answers late, exactly as asked.", "echo"
)

eager = Reactor(
    "eager", "twistecho.eagerreactor", "epoll(7) that tries writes at once, on a monotonic clock."
)
