"""Echo services for the tests of other projects: one that many tests share; those of a fixture."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Self, Unpack, final

from twistecho.service.scenario.scenario import Scenario

from .options import EchoServerOptions, arguments_of, checked, divided
from .received import ReceivedMessage, Record
from .server import EchoServer
from .verbs import EchoServerError, Peer, Verbs

__all__ = ["EchoServer", "EchoServerError", "EchoServers", "SharedServer", "arguments_of"]


class SharedServer:
    """A server that many tests use one after the other; it starts when the first one does."""

    def __init__(self, *arguments: str) -> None:
        self._arguments = arguments
        self._server: EchoServer | None = None

    def fresh(self, fields: Mapping[str, Any]) -> EchoServer:
        """Return the server as if just started with these fields of a scenario.

        A server that ended, or does not answer, is replaced. Raises FieldError and EchoServerError.
        """
        if self._server is not None:
            with suppress(EchoServerError):
                self._server.begin(fields)
                return self._server
            self._server.kill()
        self._server = EchoServer(*self._arguments)
        self._server.begin(fields)
        return self._server

    def release(self) -> None:
        """Reset the connections of a finished test, and forget its messages."""
        if self._server is not None:
            try:
                self._server.reset()
            except EchoServerError:
                self._server.kill()

    def is_shared(self, server: EchoServer) -> bool:
        """Return whether a server is the shared one."""
        return server is self._server

    def __enter__(self) -> Self:
        """Begin without a server."""
        return self

    def __exit__(self, *_error: object) -> None:
        """End the server."""
        if self._server is not None:
            self._server.kill()


@final
class EchoServers(Verbs):
    """The value of a fixture: a server, which starts at its first use; a call starts another one.

    ``arguments`` and ``defaults`` are options that a call may override: texts of a command line,
    and keywords. With a ``shared`` server, its own server is that one, after a reset, unless the
    defaults contain more than fields of a scenario. `connections`, `stop` and `kill` concern all
    its servers together; everything else concerns its own server.
    """

    def __init__(
        self,
        *arguments: str,
        shared: SharedServer | None = None,
        defaults: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self._arguments = arguments
        self._defaults = checked(defaults or {}, EchoServerOptions, "echo_server")
        self._shared = shared
        self._own: EchoServer | None = None
        self._over = False
        self.started: list[EchoServer] = []

    def __call__(self, **options: Unpack[EchoServerOptions]) -> EchoServer:
        """Start a server; see `EchoServer`."""
        named = checked(options, EchoServerOptions, "echo_server()")
        server = EchoServer(*self._arguments, **{**self._defaults, **named})
        self.started.append(server)
        return server

    def _server(self) -> EchoServer:
        """Return its own server; start it if there is none yet."""
        if self._over:
            raise EchoServerError("the test of this server has ended")
        if self._own is None:
            fields, others = divided(self._defaults)
            if self._shared is not None and not others:
                self._own = self._shared.fresh(fields)
            else:
                self._own = EchoServer(*self._arguments, **self._defaults)
        return self._own

    @property
    def host(self) -> str:
        """The host that it listens on."""
        return self._server().host

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._server().port

    @property
    def address(self) -> tuple[str, int]:
        """Host and port, as `socket.create_connection` takes them."""
        return self._server().address

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self._server().pid

    @property
    def connections(self) -> int:
        """How many connections all its servers have accepted."""
        return sum(server.connections for server in self.all)

    @property
    def all(self) -> list[EchoServer]:
        """All its servers that have started, its own first."""
        return [*([] if self._own is None else [self._own]), *self.started]

    @property
    def open_connections(self) -> int:
        """How many connections are open."""
        return self._server().open_connections

    @property
    def open_peers(self) -> list[Peer]:
        """The peers of open connections; see `EchoServer`."""
        return self._server().open_peers

    @property
    def faults_met(self) -> dict[str, int]:
        """How many faults were applied, by kind."""
        return self._server().faults_met

    @property
    def faults(self) -> dict[str, int]:
        """The same as `faults_met`."""
        return self.faults_met

    @property
    def control_words(self) -> dict[str, int]:
        """How many control words were obeyed, and how many not understood."""
        return self._server().control_words

    @property
    def how(self) -> str:
        """A short description of how it answers."""
        return self._server().how

    @property
    def record(self) -> Record:
        """The received messages; see `EchoServer`."""
        return self._server().record

    @property
    def scenario(self) -> Scenario:
        """The rules for messages; see `EchoServer`."""
        return self._server().scenario

    @scenario.setter
    def scenario(self, scenario: Scenario) -> None:
        self._server().scenario = scenario

    def change(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Change fields of the scenario; see `Verbs`."""
        return self._server().change(fields)

    def in_force(self, field: str) -> Sequence[Any]:
        """Return faults or answers; see `Verbs`."""
        return self._server().in_force(field)

    def _reset(self) -> None:
        self._server().reset()

    def wait_for(self, n: int, timeout: float = 5.0) -> list[ReceivedMessage]:
        """Wait until ``n`` messages have arrived; see `EchoServer`."""
        return self._server().wait_for(n, timeout)

    def start(self) -> None:
        """Start its own server again, on the same port; see `EchoServer`."""
        self._server().start()

    def stop(self) -> None:
        """Let all servers deliver their pending replies, then end them."""
        for server in self.all:
            server.stop()

    def kill(self) -> None:
        """End all servers at once."""
        for server in self.all:
            server.kill()

    def __enter__(self) -> Self:
        """Begin with no server."""
        return self

    def __exit__(self, *_error: object) -> None:
        """End all servers at once: a finished test waits for no reply."""
        self._over = True
        for server in self.all:
            if self._shared is not None and self._shared.is_shared(server):
                self._shared.release()
            else:
                server.kill()
