"""What workers tell the process that started them: that they are ready, and alive.

They tell it as every service tells its manager (see `notify`), at a socket for each. Where this
process has to give signs of life itself (systemd's ``WatchdogSec``), so have they: who falls silent
for that time is reported.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import DatagramProtocol

from twistecho.service.process.notify import watchdog_seconds


class LifeSigns:
    """Hears workers by name: calls ``ready(name)`` and, after a watchdog's time, ``silent(name)``.

    ``folder`` is where the sockets are made. ``environ`` is this process's environment.
    """

    def __init__(
        self,
        reactor: Any,
        folder: Path,
        environ: Mapping[str, str],
        ready: Callable[[str], None],
        silent: Callable[[str], None],
    ) -> None:
        self._reactor = reactor
        self._folder = folder
        self._environ = environ
        self._patience = watchdog_seconds(environ)
        self._ready = ready
        self._silent = silent
        self._watched: dict[str, IDelayedCall] = {}
        self._ports: list[Any] = []

    def listen(self, name: str) -> None:
        """Hear a worker. Raises `CannotListenError`."""
        path, ears = str(self._folder / name), _Ears(self, name)
        self._ports.append(self._reactor.listenUNIXDatagram(path, ears, mode=0o600))

    def environment(self, name: str) -> dict[str, str]:
        """Give the environment in which a worker is heard."""
        about_this_process = ("LISTEN_", "WATCHDOG_", "NOTIFY_")
        kept = {
            key: value
            for key, value in self._environ.items()
            if not key.startswith(about_this_process)
        }
        if self._patience:
            kept["WATCHDOG_USEC"] = str(round(self._patience * 1e6))
        return {**kept, "NOTIFY_SOCKET": str(self._folder / name)}

    def heard(self, name: str, words: bytes) -> None:
        """Take one notification of a worker."""
        if words == b"READY=1":
            self._ready(name)
        if self._patience:
            self.forget(name)
            self._watched[name] = self._reactor.callLater(self._patience, self._silent, name)

    def forget(self, name: str) -> None:
        """Expect nothing of a worker until it tells something."""
        call = self._watched.pop(name, None)
        if call is not None and call.active():
            call.cancel()

    def stop(self) -> Deferred[Any]:
        """Hear nobody any more."""
        for name in list(self._watched):
            self.forget(name)
        ports, self._ports = self._ports, []
        return gatherResults([maybeDeferred(port.stopListening) for port in ports])


class _Ears(DatagramProtocol):
    """The socket of one worker."""

    noisy = False

    def __init__(self, signs: LifeSigns, name: str) -> None:
        self._signs = signs
        self._name = name

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:  # noqa: ARG002 - Twisted's
        """Take one notification."""
        self._signs.heard(self._name, datagram)
