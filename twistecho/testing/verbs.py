"""The operations of a test on a running server, in this process or another.

    with server.fault("reset", limit=2):
        ...
    server.assert_received(b"GET", times=3)

A change applies to every message that arrives after the call has returned. It holds until `reset`,
or until the end of its block.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from threading import RLock
from types import TracebackType
from typing import Any, Self, Unpack

from twistecho.base.notation import FieldError
from twistecho.service.scenario.answers import On
from twistecho.service.scenario.delay_per import DelayPer
from twistecho.service.scenario.fault import Fault
from twistecho.service.scenario.faults import Faults
from twistecho.service.scenario.parsing import parse_fault
from twistecho.service.scenario.scenario import Scenario

from .options import AnyDelay, FaultOptions, ScenarioFields, checked, with_options
from .received import Expected, ReceivedMessage, Record, check_received

Peer = tuple[str, int] | str
"""A connected peer: host and port, as `socket.getsockname` returns them; a Unix socket's path."""


class EchoServerError(RuntimeError):
    """The service did not start, or does not answer; the message is its output."""


class Change:
    """A change that is in force; as a context manager, until the end of the block.

    Then its fields have their values from before, even if they were changed again in the block.
    """

    def __init__(self, server: "Verbs", before: Mapping[str, Any]) -> None:
        self._server = server
        self._before = before
        self._since = server.resets

    def __enter__(self) -> Self:
        """Return the change, which is already in force."""
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Undo the change, unless the server was reset in the block, or has ended."""
        if self._since == self._server.resets:
            with suppress(EchoServerError):
                self._server.change(self._before)


class Verbs(ABC):
    """The operations of a test on a server."""

    def __init__(self) -> None:
        self.resets = 0
        self._changing = RLock()

    @abstractmethod
    def change(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Change fields of the scenario; return their values before, for changing them back.

        None stands for the default. Raises FieldError, after which nothing is changed.
        """

    @abstractmethod
    def in_force(self, field: str) -> Sequence[Any]:
        """Return the faults, or the answers (``on``), in a form that `change` accepts."""

    @property
    @abstractmethod
    def record(self) -> Record:
        """The messages received since the last reset that are kept."""

    @property
    @abstractmethod
    def scenario(self) -> Scenario:
        """The rules for messages. Setting it replaces the whole scenario."""

    @scenario.setter
    @abstractmethod
    def scenario(self, scenario: Scenario) -> None: ...

    @abstractmethod
    def _reset(self) -> None:
        """Reset the service."""

    def set(self, **fields: Unpack[ScenarioFields]) -> Change:
        r"""Change fields: ``set(banner=b"220 ready\r\n", banner_fault="silent")``.

        Banner, framing, refusals and a delay per connection apply to connections accepted from now
        on, all other fields to open ones too. None stands for the default. Raises FieldError.
        """
        __tracebackhide__ = True
        checked(fields, ScenarioFields, "set()")
        with self._changing:
            return Change(self, self.change(fields))

    def fault(
        self, fault: Fault | str, /, *more: Fault | str, **options: Unpack[FaultOptions]
    ) -> Change:
        """Add a fault: ``fault("reset", limit=2)``, ``fault("reset:0.5", every=2)``.

        It is tried before the faults in force. They stay, except those that could no longer apply:
        for example ``silent`` after ``reset``, both to every message. Raises FieldError.
        """
        texts = [with_options(each, options) for each in (fault, *more)]
        with self._changing:
            faults = preferred(texts, self.in_force("faults"))
            return Change(self, self.change({"faults": faults}))

    def delay(self, delay: AnyDelay, *, per: DelayPer | str | None = None) -> Change:
        """Delay each reply: ``delay("20ms")``; with ``per="connection"``, once per new connection.

        Raises FieldError.
        """
        with self._changing:
            fields = {"delay": delay} if per is None else {"delay": delay, "delay_per": per}
            return Change(self, self.change(fields))

    def on(
        self,
        match: bytes | str,
        reply: bytes | str | Sequence[bytes | str] | None = None,
        *,
        delay: AnyDelay | None = None,
        fault: Fault | str | None = None,
        close: bool = False,
        limit: int | None = None,
    ) -> Change:
        r"""Answer messages that match: ``on(b"^QUIT", b"221 bye\r\n", close=True)``; see `On`.

        It is tried before the answers in force. Raises FieldError.
        """
        answer = On(match, reply, delay=delay, fault=fault, close=close, limit=limit)
        with self._changing:
            return Change(self, self.change({"on": [answer, *self.in_force("on")]}))

    def reset(self) -> None:
        """Return to the initial scenario.

        All connections are reset, connection numbers begin with 0, and received messages are
        forgotten.
        """
        with self._changing:
            self.resets += 1
            self._reset()

    @property
    def received(self) -> list[ReceivedMessage]:
        """The messages received since the last reset that are kept, in the order of arrival.

        Each is its bytes, ``server.received == [b"GET"]``, with ``connection`` and ``number``.
        """
        return list(self.record.messages)

    def data(self, connection: int) -> bytes:
        """Join the messages of a connection; connections are counted from 0."""
        return self.record.data(connection)

    def assert_received(self, data_or_pattern: Expected, times: int | None = None) -> None:
        """Raise AssertionError, with the difference, if no message is as expected.

        Bytes, or text, are compared with whole messages; ``re.compile(rb"^GET ")`` is searched for
        in them. With ``times``, exactly that number of messages must match.
        """
        __tracebackhide__ = True
        check_received(self.record, data_or_pattern, times)


def preferred(new: Sequence[Fault | str], old: Sequence[Fault | str]) -> list[Fault]:
    """Put new faults before old ones, without old ones that could no longer apply.

    Raises FieldError for an invalid fault, and if the new ones contradict each other.
    """
    kept: list[Fault] = []
    for at, each in enumerate(new):
        try:
            kept.append(_read(each))
        except ValueError as error:
            raise FieldError(f"faults[{at}]", str(error)) from None
    try:
        Faults(tuple(kept))
    except ValueError as error:
        raise FieldError("faults", str(error)) from None
    for each in map(_read, old):
        with suppress(ValueError):
            Faults((*kept, each))
            kept.append(each)
    return kept


def _read(fault: Fault | str) -> Fault:
    if isinstance(fault, Fault):
        return fault
    if isinstance(fault, str):
        return parse_fault(fault)
    raise ValueError(f"not a fault: {type(fault).__name__}")
