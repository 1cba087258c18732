from __future__ import annotations

import tempfile
from ipaddress import ip_network
from pathlib import Path

import pytest

from tests.sources.authority import Authority
from tests.sources.connectors.streams.broker import Broker
from tests.sources.connectors.streams.following import Following, SocketServer
from tests.sources.connectors.streams.http_server import StreamServer


@pytest.fixture(autouse=True)
def _local_servers_may_be_reached(settings):
    settings.SOURCE_ALLOWED_NETWORKS = [ip_network("127.0.0.0/8")]


@pytest.fixture
def follow():
    """Return a function that follows a stream; all are closed at the end."""
    started = []

    def start(kind, source=None, **config):
        started.append(Following(kind, source, **config))
        return started[-1]

    yield start
    for one in started:
        one.connector.close()


@pytest.fixture
def socket_server():
    """Return a function that starts a WebSocket server with a script."""
    started = []

    def start(script, port=0, ssl=None):
        started.append(SocketServer(script, port, ssl))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture
def stream_server():
    """Return a function that starts an HTTP server with a script."""
    started = []

    def start(script, ssl=None):
        started.append(StreamServer(script, ssl))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture
def broker():
    with tempfile.TemporaryDirectory(prefix="vedette-mqtt-", dir="/tmp") as name:
        # Started by root it becomes another user, who must get at its files.
        Path(name).chmod(0o777)
        one = Broker(Path(name))
        one.start()
        yield one
        one.stop()


@pytest.fixture
def authority():
    with tempfile.TemporaryDirectory(prefix="vedette-ca-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Authority(Path(name))
