"""Real senders against `manage.py collect`: lines in are lines out, across restarts."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from sources.models import Source
from tests.factories.accounts import OrganizationFactory
from tests.processes.test_collector_process import (
    SECONDS,
    CollectorProcess,
    stored,
    wait_until,
)
from tests.sources.connectors.listening import free_port

pytestmark = [pytest.mark.interop, pytest.mark.django_db(transaction=True)]

RSYSLOGD = shutil.which("rsyslogd", path=f"{os.environ['PATH']}:/usr/sbin")
DOUBLES = 5
PACKAGES = sorted(Path("/var/cache/apt/archives").glob("syslog-ng-core_*.deb"))

RSYSLOG = """
global(workDirectory="{directory}" net.enableDNS="off")
module(load="imptcp")
input(type="imptcp" address="127.0.0.1" port="{entry}")
*.* action(type="omfwd" target="127.0.0.1" port="{port}" protocol="{protocol}"
  template="{template}" {options}
  action.resumeRetryCount="-1" action.resumeInterval="1" queue.type="LinkedList"
  queue.filename="out" queue.saveOnShutdown="on")
"""
SYSLOG_NG = """@version: 3.38
options {{ stats-freq(0); time-reopen(1); keep-hostname(yes); use-dns(no); }};
source s_in {{ network(ip("127.0.0.1") port({entry}) transport("tcp")
  flags(syslog-protocol)); }};
destination d_out {{ syslog("127.0.0.1" port({port}) transport("tcp")); }};
log {{ source(s_in); destination(d_out); flags(flow-control); }};
"""


def connected(port: int) -> socket.socket:
    """Return a connection as soon as somebody listens."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), SECONDS)
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


class Sender:
    """A syslog daemon that passes on what it is given over TCP."""

    def __init__(self, entry: int, *command: str) -> None:
        self.entry = entry
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def give(self, *lines: str) -> None:
        """Hand it lines of RFC 5424 as soon as it listens."""
        with connected(self.entry) as given:
            stamp = "2026-11-21T12:00:00.000Z"
            text = "".join(f"<13>1 {stamp} web1 shop - - - {s}\n" for s in lines)
            given.sendall(text.encode())

    def end(self) -> None:
        self._process.terminate()
        self._process.wait(SECONDS)


@pytest.fixture
def collector(tmp_path) -> Iterator[CollectorProcess]:
    one = CollectorProcess(tmp_path)
    yield one
    if one.process is not None and one.process.poll() is None:
        one.end(signal.SIGKILL)


@pytest.fixture
def listening():
    """Return a function that adds a syslog source, and its port."""

    def add(transport: str) -> int:
        port = free_port()
        Source.unscoped.create(
            organization=OrganizationFactory(),
            kind="syslog",
            name="net",
            config={"port": port, "transport": transport},
        )
        connection.commit()
        return port

    return add


@pytest.fixture
def rsyslog(tmp_path):
    if RSYSLOGD is None:
        pytest.skip("rsyslogd is not installed")
    made: list[Sender] = []

    def start(port: int, protocol: str, template: str, options: str = "") -> Sender:
        entry = free_port()
        config = tmp_path / "rsyslog.conf"
        config.write_text(
            RSYSLOG.format(
                directory=tmp_path,
                entry=entry,
                port=port,
                protocol=protocol,
                template=template,
                options=options,
            )
        )
        pid = str(tmp_path / "rsyslog.pid")
        made.append(Sender(entry, RSYSLOGD, "-n", "-f", str(config), "-i", pid))
        return made[-1]

    yield start
    for one in made:
        one.end()


@pytest.fixture
def syslog_ng(tmp_path):
    """Unpack Debian's package, which needs no installation to run."""
    if not PACKAGES or shutil.which("dpkg") is None:
        pytest.skip("apt-get install --download-only syslog-ng-core makes this run")
    root = tmp_path / "syslog-ng"
    subprocess.run(["dpkg", "-x", str(PACKAGES[0]), str(root)], check=True)
    binary = root / "usr/sbin/syslog-ng"
    beside = {**os.environ, "LD_LIBRARY_PATH": str(root / "usr/lib/syslog-ng")}
    needed = subprocess.run(
        ["ldd", str(binary)], capture_output=True, text=True, check=True, env=beside
    )
    if "not found" in needed.stdout:
        pytest.skip("libraries that syslog-ng needs are missing")
    made: list[Sender] = []

    def start(port: int) -> Sender:
        entry = free_port()
        config = tmp_path / "syslog-ng.conf"
        config.write_text(SYSLOG_NG.format(entry=entry, port=port))
        modules = next(root.glob("usr/lib/syslog-ng/*"))
        options = [f"--{name}={tmp_path / name}" for name in ("pidfile", "control")]
        made.append(
            Sender(
                entry,
                *(
                    "env",
                    f"LD_LIBRARY_PATH={modules.parent}",
                    str(binary),
                    "-F",
                    "--no-caps",
                    "-f",
                    str(config),
                    *options,
                ),
                f"--persist-file={tmp_path / 'persist'}",
                f"--module-path={modules}",
            )
        )
        return made[-1]

    yield start
    for one in made:
        one.end()


def lines(first: int, last: int) -> list[str]:
    return [f"line {number:05d}" for number in range(first, last)]


@pytest.mark.parametrize(
    ("template", "options"),
    [
        ("RSYSLOG_SyslogProtocol23Format", 'TCP_Framing="octet-counted"'),
        ("RSYSLOG_ForwardFormat", ""),
    ],
)
def test_rsyslog_over_tcp_across_a_restart(
    collector, listening, rsyslog, template, options
):
    port = listening("tcp")
    collector.start()
    connected(port).close()
    sender = rsyslog(port, "tcp", template, options)
    sender.give(*lines(0, 500))
    wait_until(lambda: len(stored()) >= 200)

    sender.give(*lines(500, 3000))
    collector.end(signal.SIGTERM)
    sender.give(*lines(3000, 4000))
    collector.start()
    wait_until(lambda: len(stored()) >= 4000)
    sender.give("the last")
    wait_until(lambda: "the last" in stored())

    found = stored()
    assert sorted(set(found)) == [*lines(0, 4000), "the last"]
    # What stood in its buffer when a connection failed rsyslog sends once more.
    assert len(found) <= len(set(found)) + DOUBLES


def test_rsyslog_over_udp(collector, listening, rsyslog):
    sender = rsyslog(listening("udp"), "udp", "RSYSLOG_ForwardFormat")
    collector.start()
    wait_until(lambda: sender.give("hello") or "hello" in stored())


def test_syslog_ng_over_tcp_across_a_restart(collector, listening, syslog_ng):
    sender = syslog_ng(listening("tcp"))
    collector.start()
    sender.give(*lines(0, 500))
    wait_until(lambda: len(stored()) >= 500)

    collector.end(signal.SIGTERM)
    sender.give(*lines(500, 1000))
    collector.start()
    wait_until(lambda: len(stored()) >= 1000)

    assert sorted(stored()) == lines(0, 1000)


def test_what_a_stopped_collector_had_read_is_stored(collector, listening):
    port = listening("udp+tcp")
    collector.start()
    with connected(port) as stream, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
        datagrams.connect(("127.0.0.1", port))
        for line in lines(0, 500):
            stream.sendall(f"<13>{line}\n".encode())
            datagrams.send(f"<13>{line}".encode())

        assert collector.end(signal.SIGTERM) == 0

    assert sorted(stored()) == sorted(lines(0, 500) * 2)
