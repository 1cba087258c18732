from __future__ import annotations

from ipaddress import ip_network

import pytest

from tests.sources.connectors.tailing import Tailing
from tests.sources.http_targets import HttpTarget


@pytest.fixture
def tailing(tmp_path, settings):
    """Return a function that starts tailing under tmp_path; all are closed at the end."""
    settings.FILE_SOURCE_ROOTS = [tmp_path]
    started = []

    def start(*patterns: str, **config):
        started.append(Tailing(tmp_path, *patterns, **config))
        return started[-1]

    yield start
    for one in started:
        one.connector.close()


@pytest.fixture
def http_target(settings):
    """Return a real HTTP server that sources may reach."""
    settings.SOURCE_ALLOWED_NETWORKS = [ip_network("127.0.0.0/8")]
    target = HttpTarget()
    yield target
    target.close()
