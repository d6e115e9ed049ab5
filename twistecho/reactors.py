"""Which reactor a command runs on: the one that was chosen, else the fastest that there is."""

import select
import sys


def install_fastest() -> None:
    """Install the eager reactor, unless one is installed or the platform has no epoll.

    Where nothing is installed here, the platform's default is, when it is first imported.
    """
    if "twisted.internet.reactor" in sys.modules or not hasattr(select, "epoll"):
        return
    from .eagerreactor import install  # noqa: PLC0415 - it cannot be imported without epoll

    install()


def reactor_name(reactor: object) -> str:
    """Name a reactor as ``--reactor`` does, from its class: ``eager``, ``epoll``, ``select``."""
    return type(reactor).__name__.removesuffix("Reactor").lower()
