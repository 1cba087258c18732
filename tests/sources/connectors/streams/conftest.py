from __future__ import annotations

from ipaddress import ip_network

import pytest

from tests.sources.connectors.streams.following import Following, SocketServer


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

    def start(script, port=0):
        started.append(SocketServer(script, port))
        return started[-1]

    yield start
    for one in started:
        one.close()
