"""Debian's rsyslog and syslog-ng, as daemons of a test's own that pass on what they get."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.sources.connectors.listening import free_port

SECONDS = 60.0
RSYSLOGD = shutil.which("rsyslogd", path=f"{os.environ['PATH']}:/usr/sbin")
# As packages rsyslog and syslog-ng exclude each other; unpacked they do not.
_ARCHIVES = Path("/var/cache/apt/archives")
_PACKAGES = ("syslog-ng-core", "syslog-ng-mod-http")

_RSYSLOG = """
global(workDirectory="{directory}" net.enableDNS="off")
module(load="imptcp")
input(type="imptcp" address="127.0.0.1" port="{entry}")
*.* action(type="omfwd" target="127.0.0.1" port="{port}" protocol="{protocol}"
  template="{template}" {options}
  action.resumeRetryCount="-1" action.resumeInterval="1" queue.type="LinkedList"
  queue.size="100000" queue.filename="out" queue.saveOnShutdown="on")
"""
_SYSLOG_NG = """@version: 3.38
options {{ stats-freq(0); time-reopen(1); keep-hostname(yes); use-dns(no); }};
source s_in {{ network(ip("127.0.0.1") port({entry}) transport("tcp")); }};
destination d_out {{ {destination} }};
log {{ source(s_in); destination(d_out); flags(flow-control); }};
"""


def numbered(first: int, last: int) -> list[str]:
    return [f"line {number:05d}" for number in range(first, last)]


def connected(port: int) -> socket.socket:
    """Return a connection as soon as somebody listens."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), SECONDS)
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


@dataclass
class Daemon:
    """Passes on what comes to its port `entry`."""

    entry: int
    command: Sequence[str]
    environment: dict[str, str]

    def start(self) -> Daemon:
        self._process = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **self.environment},
        )
        return self

    def give(self, *lines: str) -> None:
        """Hand it lines as soon as it listens."""
        with connected(self.entry) as given:
            text = (f"<13>Nov 21 12:00:00 web1 shop: {line}\n" for line in lines)
            given.sendall("".join(text).encode())

    def end(self) -> None:
        self._process.terminate()
        self._process.wait(SECONDS)


def rsyslog(directory: Path, port: int, protocol: str, options: str) -> Daemon:
    if RSYSLOGD is None:
        pytest.skip("rsyslogd is not installed")
    entry = free_port()
    config = directory / "rsyslog.conf"
    counted = "octet-counted" in options
    template = "RSYSLOG_SyslogProtocol23Format" if counted else "RSYSLOG_ForwardFormat"
    config.write_text(
        _RSYSLOG.format(
            directory=directory,
            entry=entry,
            port=port,
            protocol=protocol,
            template=template,
            options=options,
        )
    )
    pid = str(directory / "rsyslog.pid")
    return Daemon(entry, (RSYSLOGD, "-n", "-f", str(config), "-i", pid), {}).start()


def syslog_ng(directory: Path, destination: str) -> Daemon:
    root = _unpacked(directory)
    libraries = root / "usr/lib/syslog-ng"
    entry = free_port()
    config = directory / "syslog-ng.conf"
    config.write_text(_SYSLOG_NG.format(entry=entry, destination=destination))
    files = ("pidfile", "control", "persist-file")
    command = (
        str(root / "usr/sbin/syslog-ng"),
        *("-F", "--no-caps", "-f", str(config)),
        *(f"--{name}={directory / name}" for name in files),
        f"--module-path={next(libraries.glob('3.*'))}",
    )
    return Daemon(entry, command, {"LD_LIBRARY_PATH": str(libraries)}).start()


def _unpacked(directory: Path) -> Path:
    packages = [path for name in _PACKAGES for path in _ARCHIVES.glob(f"{name}_*.deb")]
    if len(packages) < len(_PACKAGES) or shutil.which("dpkg") is None:
        wanted = " ".join(_PACKAGES)
        pytest.skip(f"apt-get install --download-only {wanted} makes this run")
    root = directory / "syslog-ng"
    for package in packages:
        subprocess.run(["dpkg", "-x", str(package), str(root)], check=True)
    needed = subprocess.run(
        ["ldd", str(root / "usr/sbin/syslog-ng")],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "LD_LIBRARY_PATH": str(root / "usr/lib/syslog-ng")},
    )
    if "not found" in needed.stdout:
        pytest.skip("libraries that syslog-ng needs are missing")
    return root
