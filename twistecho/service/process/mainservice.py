"""A service as the main thing of its process: errors and second signals end the process."""

import os
import signal
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorCore, IReactorFromThreads, IReactorTime

from twistecho.service.echo.factory import EchoFactory
from twistecho.service.listening.echo_service import EchoService

from .notify import Notifications
from .options import end_process
from .serving import Listener, reason

_Result = TypeVar("_Result")


class MainService(EchoService):
    """Serves a process's listeners, and tells its manager how it is."""

    def __init__(
        self,
        clock: IReactorTime,
        factory: EchoFactory,
        listeners: Sequence[Listener],
        drain: float | None,
    ) -> None:
        echo = [listener.endpoint for listener in listeners if listener.factory is factory]
        super().__init__(clock, factory, echo, drain)
        self._listeners = listeners
        self._notifications = Notifications(clock, os.environ)

    def startService(self) -> None:
        """Listen; say that the service is ready once the reactor runs."""
        super().startService()
        cast("IReactorCore", self.clock).callWhenRunning(self._begin)

    def _begin(self) -> None:
        self._notifications.ready()

    def privilegedStartService(self) -> None:
        """Listen everywhere or end the process."""
        for listener in self._listeners:
            self.listen_or_end(listener)

    def listen_or_end(self, listener: Listener) -> None:
        """Listen, or end the process with one line."""
        try:
            self.listen(listener.endpoint, listener.factory)
        except Exception as error:  # noqa: BLE001 - each kind of endpoint raises what it likes
            end_process(f"{listener.option}: cannot listen: {reason(error)}", 1)

    def stopService(self) -> Deferred[Any]:
        """Stop, and let a second signal end what is still waited for."""
        restore = self._on_second_signals()
        self._notifications.stopping()
        return super().stopService().addBoth(restore).addBoth(self._fall_silent)

    def _on_second_signals(self) -> Callable[[_Result], _Result]:
        return on_signals((signal.SIGINT, signal.SIGTERM), self._stop_at_once)

    def _fall_silent(self, result: _Result) -> _Result:
        self._notifications.stop()
        return result

    def _stop_at_once(self, *_signal: object) -> None:
        cast(IReactorFromThreads, self.clock).callFromThread(self.abort)


def on_signals(
    numbers: Iterable[signal.Signals], call: Callable[..., None]
) -> Callable[[_Result], _Result]:
    """Have signals call ``call``; give a callback that puts their handlers back."""
    before = {number: signal.signal(number, call) for number in numbers}

    def restore(result: _Result) -> _Result:
        for number, handler in before.items():
            signal.signal(number, handler)
        return result

    return restore
