"""All peers from other projects, one line per peer: ``python -m tests.foreign``.

Tests that take under a second are in the suite too; this adds peers that are slow to start, and
inetd, which Debian does not install beside xinetd. A line reports right, wrong or not installed;
the exit code is 1 if any is wrong. Arguments are parts of the names of peers to try instead of all.
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.peers import unused_port
from tests.support.programs import program
from tests.whole.test_foreign_servers import ForeignServerCase
from tests.whole.test_robustness import service, until

_SERVERS = "tests.whole.test_foreign_servers.ForeignServerTests.test_"
_PROXIES = "tests.whole.test_foreign_proxies."
_HAPROXY = "tests.service.listening.test_proxy_factory.HAProxyTests"
PEERS = {
    "xinetd": f"{_SERVERS}xinetd_with_its_own_echo",
    "inetutils-inetd": "tests.foreign.SlowTests.test_inetd_with_cat",
    "inetutils-inetd, wait": "tests.foreign.SlowTests.test_inetd_hands_its_socket_over",
    "socat, server": f"{_SERVERS}socat_with_a_pipe",
    "ncat, server": f"{_SERVERS}ncat_with_cat",
    "socat and ncat, clients": f"{_PROXIES}ClientTests",
    "HAProxy, PROXY 1": f"{_HAPROXY}.test_version_1",
    "HAProxy, PROXY 2": f"{_HAPROXY}.test_version_2",
    "HAProxy, checks and caps": _HAPROXY,
    "HAProxy, several hosts": "tests.whole.test_hosts",
    "nginx stream": f"{_PROXIES}NginxTests",
    "stunnel": f"{_PROXIES}StunnelTests",
    "redis": "tests.fleet.conversation.test_custom_protocol",
    "tsung": "tests.foreign.SlowTests.test_tsung",
}
"""The test, or tests, of each."""

TSUNG_USERS, TSUNG_MESSAGES = 60, 20

_TSUNG = """<?xml version="1.0"?>
<!DOCTYPE tsung SYSTEM "/usr/share/tsung/tsung-1.0.dtd">
<tsung loglevel="warning">
  <clients><client host="localhost" use_controller_vm="true"/></clients>
  <servers><server host="127.0.0.1" port="{port}" type="tcp"/></servers>
  <load><arrivalphase phase="1" duration="30" unit="second">
    <users maxnumber="{users}" arrivalrate="{users}" unit="second"/>
  </arrivalphase></load>
  <sessions><session probability="100" name="echo" type="ts_raw">
    <for from="1" to="{messages}" var="n">
      <request><match do="abort" when="nomatch">Ola</match>
      <raw data="Ola mundo" ack="local"/></request>
    </for>
  </session></sessions>
</tsung>
"""

_HAND_OVER = (
    'exec 3<&0; export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=echo; exec "$@"'
    " </dev/null >/dev/null 2>&1"
)
"""Converts inetd's way to pass a socket, as standard input, to systemd's, as descriptor 3."""


class SlowTests(ForeignServerCase):
    """Peers that are not part of the normal run."""

    def run_inetd(self, *line: str) -> None:
        """Start inetd with one line of settings for the port, for this user."""
        inetd = program("inetutils-inetd", "inetutils-inetd")
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        settings = Path(directory.name, "inetd.conf")
        how, *words = line
        user = os.environ.get("USER", "root")
        settings.write_text(f"127.0.0.1:{self.port} stream tcp {how} {user} {' '.join(words)}\n")
        self.start([inetd, "-d", f"--pidfile={settings}.pid", str(settings)])

    def test_inetd_with_cat(self) -> None:
        """One process per connection."""
        cat = program("cat", "coreutils")
        self.run_inetd("nowait.10000", cat, "cat")
        self.count()

    def test_inetd_hands_its_socket_over(self) -> None:
        """The first client starts the service, which then answers all clients."""
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        script = Path(directory.name, "serve")
        twist = f"{sys.executable} -m twisted echo -rraw --port=systemd:domain=INET:name=echo"
        script.write_text(f"#!/bin/sh\nset -- {twist}\n{_HAND_OVER}\n")
        script.chmod(0o755)
        self.run_inetd("wait", str(script), "serve")
        self.count()

    def test_tsung(self) -> None:
        """Every message of its users is answered, and the service counts as many."""
        tsung, epmd = program("tsung", "tsung"), program("epmd", "erlang-base")
        port = str(unused_port())
        local = {"ERL_EPMD_ADDRESS": "127.0.0.1", "ERL_EPMD_PORT": port}
        local["ERL_ZFLAGS"] = "-kernel inet_dist_use_interface {127,0,0,1}"
        names = subprocess.Popen([epmd, "-address", "127.0.0.1", "-port", port])
        self.addCleanup(names.wait)
        self.addCleanup(names.terminate)
        with service() as echo, TemporaryDirectory() as folder:
            settings = Path(folder, "tsung.xml")
            numbers = {"users": TSUNG_USERS, "messages": TSUNG_MESSAGES}
            settings.write_text(_TSUNG.format(port=echo.port, **numbers))
            command = [tsung, "-n", "-f", str(settings), "-l", folder, "start"]
            environment = {**os.environ, **local, "HOME": folder}
            subprocess.run(command, env=environment, check=True, timeout=120, capture_output=True)
            [log] = Path(folder).glob("*/tsung.log")
            said = re.findall(r"^stats: (\w+) .*?(\d+)$", log.read_text(), re.MULTILINE)
            asked = TSUNG_USERS * TSUNG_MESSAGES
            assert echo.metric("messages_total") == asked
            assert echo.metric("sent_bytes_total") == asked * len("Ola mundo")
            until(lambda: echo.metric("connections") == 0)
        last = {name: int(total) for name, total in said}
        assert last["finish_users_count"] == TSUNG_USERS
        assert last.get("match") == asked, last


def try_peer(test: str) -> tuple[str, str]:
    """Run a peer's tests in their own process; return the verdict, and the output if wrong."""
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "twisted.trial", f"--temp-directory={folder}/trial", test]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if missing := re.search(r"missing here: (.*)", ended.stdout):
        return f"not installed: {missing[1]}", ""
    return ("wrong", ended.stdout + ended.stderr) if ended.returncode else ("right", "")


def main() -> int:
    """Try the named peers, or all."""
    wanted, wrong = sys.argv[1:], 0
    os.environ.pop("CI", None)  # otherwise a missing program is an error
    for name, test in PEERS.items():
        if wanted and not any(word in name for word in wanted):
            continue
        began = time.monotonic()
        verdict, output = try_peer(test)
        print(
            f"{name:<26} {verdict}  {time.monotonic() - began:.1f} s\n{output}", end="", flush=True
        )
        wrong += verdict == "wrong"
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
