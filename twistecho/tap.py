"""``twist echo``: what Twisted's plugin names; the service itself is made in `service.workers`."""

from twistecho.service.process.options import Options
from twistecho.service.workers.make_service import makeService

__all__ = ["Options", "makeService"]
