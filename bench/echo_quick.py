"""How many messages a second one core echoes: ``python -m bench.echo_quick``.

Each server runs in a process of its own on one core, a C client in a closed loop on another. The
servers take turns, so that what else the machine does meets all of them; the result is the median
of the ratios within each round. Needs a C compiler and at least two cores.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

_SERVER_CORE, _CLIENT_CORE = 0, 1


def _run_twisted(install: Callable[[], object], make_factory: Callable[[Any], Any]) -> None:
    install()
    from twisted.internet import reactor  # noqa: PLC0415 - after it has been installed

    loop: Any = reactor
    port = loop.listenTCP(0, make_factory(loop), backlog=4096, interface="127.0.0.1")
    print(port.getHost().port, flush=True)
    loop.run()


def _our_factory(reactor: Any) -> Any:
    from twistecho.factory import EchoFactory  # noqa: PLC0415 - imports Twisted

    return EchoFactory(reactor, reply="raw")


def _wire_factory(_reactor: Any) -> Any:
    from twisted.internet.protocol import Factory  # noqa: PLC0415
    from twisted.protocols.wire import Echo  # noqa: PLC0415

    return Factory.forProtocol(Echo)


def _install_eager() -> None:
    from twistecho.eagerreactor import install  # noqa: PLC0415

    install()


def _install_epoll() -> None:
    from twisted.internet.epollreactor import install  # noqa: PLC0415

    install()


def _run_uvloop() -> None:
    import asyncio  # noqa: PLC0415

    import uvloop  # noqa: PLC0415

    class Echo(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.write = transport.write

        def data_received(self, data: bytes) -> None:
            self.write(data)

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Echo, "127.0.0.1", 0, backlog=4096)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    uvloop.run(serve())


SERVERS: dict[str, Callable[[], None]] = {
    "twistecho, eager": lambda: _run_twisted(_install_eager, _our_factory),
    "wire.Echo, eager": lambda: _run_twisted(_install_eager, _wire_factory),
    "uvloop": _run_uvloop,
    "twistecho, epoll": lambda: _run_twisted(_install_epoll, _our_factory),
    "wire.Echo, epoll": lambda: _run_twisted(_install_epoll, _wire_factory),
}
"""The servers by name; the first is what the others are compared with."""


def _compile(folder: str) -> str:
    client = str(Path(folder) / "client")
    source = Path(__file__).with_suffix(".c")
    subprocess.run(["gcc", "-O2", "-o", client, str(source)], check=True)  # noqa: S607 - the user's compiler
    return client


def _measure(name: str, client: str, load: list[str]) -> tuple[float, float]:
    """Run one server under load; give messages a second and its CPU microseconds a message."""
    command = [sys.executable, "-m", "bench.echo_quick", "--serve", name]
    with subprocess.Popen(_on(_SERVER_CORE, command), stdout=subprocess.PIPE, text=True) as server:
        try:
            port = server.stdout.readline().strip() if server.stdout else ""
            began = _cpu_seconds(server.pid)
            rate = float(subprocess.check_output(_on(_CLIENT_CORE, [client, port, *load])))
            used = _cpu_seconds(server.pid) - began
        finally:
            server.kill()
    return rate, used * 1e6 / (rate * float(load[-1]))


def _on(core: int, command: list[str]) -> list[str]:
    return ["taskset", "-c", str(core), *command]


def _cpu_seconds(pid: int) -> float:
    """Give what a process has had of a core, as the scheduler counts it."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def main() -> None:
    """Measure in rounds and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", choices=SERVERS, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--size", type=int, default=1024, help="bytes of a message")
    parser.add_argument("--only", action="append", choices=SERVERS)
    options = parser.parse_args()
    if options.serve:
        SERVERS[options.serve]()
        return
    names = options.only or list(SERVERS)
    load = [str(options.connections), str(options.size), str(options.seconds)]
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        client = _compile(folder)
        for _ in range(options.rounds):
            for name in names:
                found[name].append(_measure(name, client, load))
    _print(found)


def _print(found: dict[str, list[tuple[float, float]]]) -> None:
    first = [rate for rate, _ in next(iter(found.values()))]
    for name, runs in found.items():
        rate = statistics.median(rate for rate, _ in runs)
        cpu = statistics.median(used for _, used in runs)
        ratio = statistics.median(ours / rate for ours, (rate, _) in zip(first, runs, strict=True))
        print(f"{name:20} {rate:10,.0f} messages/s {cpu:6.2f} us CPU each  1 : {ratio:.2f}")


if __name__ == "__main__":
    main()
