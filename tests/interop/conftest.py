from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from django.db import connection

from sources.models import Source
from tests.factories.accounts import OrganizationFactory
from tests.interop import syslog_daemons
from tests.interop.pairs import Pair, paired
from tests.interop.sender import PROMETHEUS, PROMTOOL
from tests.platform import Platform, running_platform
from tests.processes.test_collector_process import CollectorProcess
from tests.sources.authority import Authority
from tests.sources.connectors.listening import free_port


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    # A handful of scrapes fills the inbox while nobody drains it.
    with running_platform(INGEST_BACKLOG_LIMIT="200") as one:
        yield one


@pytest.fixture(scope="session")
def pair(platform, tmp_path_factory) -> Iterator[Pair]:
    """A Prometheus that sends to the platform all the while."""
    if not (PROMETHEUS.exists() and PROMTOOL.exists()):
        pytest.skip("Debian's package prometheus is not installed")
    with paired(platform, tmp_path_factory.mktemp("prometheus")) as one:
        yield one


@pytest.fixture
def collector(tmp_path) -> Iterator[CollectorProcess]:
    one = CollectorProcess(tmp_path)
    yield one
    if one.process is not None and one.process.poll() is None:
        one.end(signal.SIGKILL)


@pytest.fixture
def listening():
    """Return a function that adds a syslog source, and its port."""

    def add(transport: str, **config: str) -> int:
        port = free_port()
        Source.unscoped.create(
            organization=OrganizationFactory(),
            kind="syslog",
            name="net",
            config={"port": port, "transport": transport, **config},
        )
        connection.commit()
        return port

    return add


@pytest.fixture
def authority(tmp_path) -> Authority:
    """Whose files the collector may read."""
    return Authority(tmp_path)


@pytest.fixture
def daemon(tmp_path):
    """Return a function that starts rsyslog or syslog-ng, by what it is told."""
    made: list[syslog_daemons.Daemon] = []

    def start(which, *told) -> syslog_daemons.Daemon:
        made.append(which(tmp_path, *told))
        return made[-1]

    yield start
    for one in made:
        one.end()
