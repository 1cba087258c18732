"""What the kernel takes in our name, and until when."""

from __future__ import annotations

import fcntl
import socket
import sys
import termios
import time
from collections.abc import Callable

import pytest

from sources.connectors.listen.endings import deafen, unread, waiting

pytestmark = [
    pytest.mark.unit,
    pytest.mark.skipif(sys.platform != "linux", reason="asks Linux what it sent"),
]

PATIENCE = 20


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0)) as one:
        one.settimeout(0)
        yield one


@pytest.fixture
def pair(listening):
    """Both ends of a connection: the sender's and ours."""
    with socket.create_connection(listening.getsockname()) as sender:
        accepted = list(waiting(listening))
        with accepted[0] as ours:
            yield sender, ours


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def unacknowledged(sender: socket.socket) -> int:
    answer = fcntl.ioctl(sender.fileno(), termios.TIOCOUTQ, bytes(4))
    return int.from_bytes(answer, sys.byteorder)


def test_what_comes_to_a_deaf_socket_is_not_acknowledged(pair):
    sender, ours = pair
    sender.sendall(b"heard")
    until(lambda: unread(ours) == 5)

    deafen(ours)
    sender.sendall(b"not heard")

    assert ours.recv(100) == b"heard"
    assert unacknowledged(sender) == 9
    assert unread(ours) == 0


def test_nobody_gets_in_any_more_where_the_port_is_deaf(listening):
    with socket.create_connection(listening.getsockname()):
        deafen(listening)
        with socket.socket() as late:
            late.settimeout(0.05)
            with pytest.raises(TimeoutError):
                late.connect(listening.getsockname())

        accepted = list(waiting(listening))

    assert len(accepted) == 1
    accepted[0].close()


def test_a_closed_socket_has_nothing_to_read():
    closed = socket.socket()
    closed.close()

    assert unread(closed) == 0
