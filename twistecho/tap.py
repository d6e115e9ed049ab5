"""``twist echo``: the names that Twisted's plugin uses; `service.workers` makes the service."""

from typing import TYPE_CHECKING

from twistecho.service.process.options import Options

if TYPE_CHECKING:
    from twistecho.service.listening.echo_service import EchoService

__all__ = ["Options", "makeService"]


def makeService(options: Options) -> "EchoService":
    """Make the service that the options ask for; see `service.workers.make_service`."""
    from twistecho.service.workers import make_service  # noqa: PLC0415 - --help needs none of it

    return make_service.makeService(options)
