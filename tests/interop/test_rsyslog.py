"""A real rsyslog against `manage.py collect`: lines in are lines out, across restarts."""

from __future__ import annotations

import signal
import socket

import pytest

from tests.interop.syslog_daemons import connected, numbered, rsyslog
from tests.processes.test_collector_process import stored, wait_until

pytestmark = [pytest.mark.interop, pytest.mark.django_db(transaction=True)]


def lines() -> list[str]:
    """Return what is stored; RFC 5424 keeps the blank that RFC 3164 has before it."""
    return [line.removeprefix(" ") for line in stored()]


@pytest.mark.parametrize("options", ['TCP_Framing="octet-counted"', ""])
def test_over_tcp_nothing_is_lost_across_a_restart(
    collector, listening, daemon, options
):
    port = listening("tcp")
    collector.start()
    connected(port).close()
    sender = daemon(rsyslog, port, "tcp", options)
    sender.give(*numbered(0, 500))
    wait_until(lambda: len(stored()) >= 200)

    # It is in the middle of these when the collector ends.
    sender.give(*numbered(500, 20_000))
    collector.end(signal.SIGTERM)
    sender.give(*numbered(20_000, 21_000))
    collector.start()
    wait_until(lambda: len(set(lines())) >= 21_000)

    found = lines()
    assert sorted(set(found)) == numbered(0, 21_000)
    # A batch that it was sending when a connection ended rsyslog may send once more.
    assert len(found) - len(set(found)) <= 2 * 1024


def test_over_udp_it_arrives(collector, listening, daemon):
    sender = daemon(rsyslog, listening("udp"), "udp", "")
    collector.start()
    wait_until(lambda: sender.give("hello") or "hello" in stored())


def test_what_a_stopped_collector_had_received_is_stored(collector, listening):
    port = listening("udp+tcp")
    collector.start()
    with connected(port) as stream, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
        datagrams.connect(("127.0.0.1", port))
        for line in numbered(0, 500):
            stream.sendall(f"<13>{line}\n".encode())
            datagrams.send(f"<13>{line}".encode())

        assert collector.end(signal.SIGTERM) == 0

    assert sorted(stored()) == sorted(numbered(0, 500) * 2)
